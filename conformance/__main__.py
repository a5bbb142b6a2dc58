"""The program `backups-conformance`, and `python -m conformance`.

This module imports nothing that Python has not loaded already: until the process has left the current folder, a module
there could hide one of Python's.
"""

import os
import sys


def main() -> int:
    """Run the command line in a process that depends on neither its folder nor whoever reads its output."""
    try:
        leave_current_folder()
    except FileNotFoundError:
        sys.stderr.write("backups-conformance: error: the current folder does not exist\n")
        return 2
    from conformance.cli import main as command_line  # noqa: PLC0415 - see above
    from conformance.cli import streams  # noqa: PLC0415
    from conformance.config import hermetic  # noqa: PLC0415

    hermetic.ignore_warnings()
    hermetic.drop_unusable_sizes(os.environ)
    streams.protect_streams()
    with hermetic.exit_without_collection():
        return command_line.main()


def leave_current_folder() -> None:
    """Take the current folder out of the places that modules are imported from. Raises FileNotFoundError.

    It is there after `python -m`, and where PYTHONPATH has an empty entry. If this package itself is imported from
    there and from nowhere else, the folder becomes the last place.
    """
    here = os.path.realpath(os.getcwd())
    own = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    others = [entry for entry in sys.path if os.path.realpath(entry or ".") != here]
    sys.path[:] = [*others, here] if own == here and own not in map(os.path.realpath, others) else others


if __name__ == "__main__":
    sys.exit(main())
