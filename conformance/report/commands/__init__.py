"""Renders what commands that read reports found, for a terminal."""
