"""Preflight: proves, by reads alone and before anything is judged, what the verdict of a run rests on."""
