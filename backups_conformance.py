"""The entry point of the program `backups-conformance`.

PYTHONPATH can name a folder that has a package `conformance` of its own. The program starts in this module, whose name
nobody else has, and imports the package that lies beside it.
"""

import os
import sys


def main() -> int:
    """Run the command line of the package beside this module; 3 if it cannot be imported."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, folder)
    try:
        from conformance.__main__ import main as command_line  # noqa: PLC0415 - imports nothing but os and sys
    except Exception as error:  # says nothing about a server: never exit code 1
        sys.stderr.write(
            f"backups-conformance: error: {folder}/conformance cannot be imported, reinstall it: {error!r}\n"
        )
        return 3
    finally:
        del sys.path[0]  # an installed package must not hide a module of Python
    return command_line()
