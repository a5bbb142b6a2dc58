"""The command line: one module per command, options shared with pytest, exit codes."""
