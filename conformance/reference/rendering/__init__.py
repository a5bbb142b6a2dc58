"""How data, errors and whole responses are written."""
