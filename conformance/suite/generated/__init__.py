"""Checks whose requests are generated from the run's seed: values, bodies, addresses, relations and sequences."""
