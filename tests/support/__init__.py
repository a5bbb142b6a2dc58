"""Helpers of the tests: sample results, runs as subprocesses, hostile texts, browsers."""
