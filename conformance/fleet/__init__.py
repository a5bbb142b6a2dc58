"""Fleets: many targets, many seeds, more than one machine; the unit that is distributed is one whole run."""
