"""The command line of `backups-conformance`, and `python -m conformance`.

This module imports nothing that Python has not loaded already: until the process has left the current folder, a module
there could hide one of Python's.
"""

import os
import sys

from conformance import import_problem

PACKAGE = "conformance"


def main() -> int:
    """Run the command line in a process that depends on neither its folder nor whoever reads its output."""
    try:
        leave_current_folder()
    except FileNotFoundError:
        sys.stderr.write("backups-conformance: error: the current folder does not exist\n")
        return 2
    try:
        from conformance.cli import main as command_line  # noqa: PLC0415 - see above
        from conformance.cli import streams  # noqa: PLC0415
        from conformance.config import hermetic  # noqa: PLC0415
    except Exception as error:  # a library that is missing or hidden says nothing about a server: never exit code 1
        sys.stderr.write(f"backups-conformance: error: {import_problem(error)}\n")
        return 3

    hermetic.ignore_warnings()
    hermetic.drop_unusable_sizes(os.environ)
    streams.protect_streams()
    with hermetic.rare_collections(), hermetic.exit_without_collection():
        return command_line.main()


def leave_current_folder() -> None:
    """Take the current folder out of the places that modules are imported from. Raises FileNotFoundError.

    It is there after `python -m`, and where PYTHONPATH has an empty entry. If this package itself is imported from
    there and from nowhere else, the folder stays. Folders with another package `conformance` become the last places:
    the processes that a run starts search the same places, and import this package by its name.
    """
    here = os.path.realpath(os.getcwd())
    own = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    places = [entry for entry in sys.path if os.path.realpath(entry or ".") != here]
    if own == here and own not in map(os.path.realpath, places):
        places.append(here)
    hiding = [entry for entry in places if os.path.realpath(entry) != own and _has_package(entry)]
    sys.path[:] = [*(entry for entry in places if entry not in hiding), *hiding]


def _has_package(folder: str) -> bool:
    """Whether a folder has a package or module of this package's name."""
    modules = (os.path.join(PACKAGE, "__init__.py"), f"{PACKAGE}.py")
    return any(os.path.isfile(os.path.join(folder, module)) for module in modules)


if __name__ == "__main__":
    sys.exit(main())
