"""Draws conclusions from the logs and restores of a run, and states which conclusions they do not allow."""
