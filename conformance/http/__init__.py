"""The only way to the target: one client that paces, budgets, retries, bounds and records every request."""
