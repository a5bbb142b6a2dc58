"""Brings report folders together: seeds of one target as one report, several targets as a fleet page."""
