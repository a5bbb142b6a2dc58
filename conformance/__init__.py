"""Contract-testing and conformance suite for the container-backups API."""

__version__ = "0.2.0"
