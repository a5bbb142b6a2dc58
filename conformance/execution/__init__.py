"""Executes checks: threads, the exclusive window, state shared by workers, the journal, the plan."""
