"""Contract-testing and conformance suite for the container-backups API."""

__version__ = "0.2.0"


def import_problem(error: Exception) -> str:
    """Return one line about a module that is missing, broken, or hidden by another of the same name."""
    problem = " ".join(f"{type(error).__name__}: {error}".split())
    return f"a module cannot be imported: {problem}; look at PYTHONPATH, or reinstall the program"
