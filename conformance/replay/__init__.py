"""Sends again what broke clauses in a recorded run, and has the suite judge it (`replay DIR`)."""
