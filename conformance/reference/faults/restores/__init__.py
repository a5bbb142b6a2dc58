"""Faults of restores: the request, the job, concurrent restores and the restored data."""
