"""Faults of HTTP messages: methods, headers, bodies and connections."""
