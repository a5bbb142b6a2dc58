"""One module per command: `add` gives it its arguments, `execute` runs it and returns the exit code."""
