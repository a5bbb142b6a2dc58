"""`serve`: the reference server in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once, number, seconds
from conformance.cli.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "serve",
        help="run the reference server in the foreground",
        description="Runs the reference server in the foreground, with named faults or legal variants if asked.",
    )
    parser.set_defaults(command=execute)
    parser.add_argument(
        "--port",
        action=Once,
        type=number(0, 65535),
        default=0,
        metavar="PORT",
        help="0 (default): any free one",
    )
    parser.add_argument("--fault", nargs="+", action="extend", default=[], metavar="NAME", help="enable a named fault")
    parser.add_argument(
        "--variant", nargs="+", action="extend", default=[], metavar="NAME", help="enable a named legal variant"
    )
    parser.add_argument(
        "--write-target", action=Once, type=Path, metavar="FILE", help="write the target file for this server"
    )
    parser.add_argument("--restore-seconds", action=Once, type=seconds, metavar="S", help="how long a restore takes")


def execute(options: argparse.Namespace) -> int:
    """Hand everything to the reference server."""
    from conformance.reference import __main__ as reference  # noqa: PLC0415 - loads the server
    from conformance.reference.launch import LaunchError  # noqa: PLC0415
    from conformance.reference.registry import UnknownNameError  # noqa: PLC0415

    argv = ["--port", str(options.port)]
    argv += [word for name in options.fault for word in ("--fault", name)]
    argv += [word for name in options.variant for word in ("--variant", name)]
    argv += [] if options.write_target is None else ["--write-target", str(options.write_target)]
    argv += [] if options.restore_seconds is None else ["--restore-seconds", str(options.restore_seconds)]
    try:
        reference.serve(reference.parser().parse_args(argv))
    except UnknownNameError as error:
        raise UsageError(str(error.args[0])) from None
    except LaunchError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename or 'the server'}: {error.strerror}") from None
    return 0
