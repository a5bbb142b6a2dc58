"""`serve`: the reference server in the foreground."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once, number, seconds, selector_problems, selectors
from conformance.cli.errors import UsageError
from conformance.contract import catalogue

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
    parser.add_argument(
        "--list-faults",
        nargs="?",
        const="",
        action=Once,
        metavar="ID",
        help="list the faults, of all clauses or of a clause or chapter, and stop",
    )


def execute(options: argparse.Namespace) -> int:
    """Pass the arguments on to the reference server."""
    if options.list_faults is not None:
        return list_faults(options.list_faults)
    from conformance.reference import __main__ as reference  # noqa: PLC0415 - loads the server
    from conformance.reference.launch import LaunchError  # noqa: PLC0415
    from conformance.reference.registry import UnknownNameError  # noqa: PLC0415

    argv = ["--port", str(options.port)]
    argv += [word for name in options.fault for word in ("--fault", name)]
    argv += [word for name in options.variant for word in ("--variant", name)]
    argv += [] if options.write_target is None else ["--write-target", str(options.write_target)]
    argv += [] if options.restore_seconds is None else ["--restore-seconds", str(options.restore_seconds)]
    try:
        reference.serve(reference.parser().parse_args(argv), announce)
    except UnknownNameError as error:
        raise UsageError(str(error.args[0])) from None
    except LaunchError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename or 'the server'}: {error.strerror}") from None
    return 0


def announce(base_url: str, file: Path) -> None:
    """Print the address as a line of JSON, for programs, and what to do next on standard error, for people."""
    from conformance.reference.__main__ import print_address  # noqa: PLC0415 - loads the server

    print_address(base_url, file)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    sys.stderr.write(
        f"Serving {base_url} until Ctrl-C. Test it from another terminal:\n"
        f"  backups-conformance run --target {shlex.quote(str(shown))}\n"
    )
    sys.stderr.flush()


def list_faults(selector: str) -> int:
    """Print the name of each fault, the clauses that it breaks, and what it does."""
    if selector and (problems := selector_problems("--list-faults", [selector])):
        raise UsageError(*problems)
    from conformance.reference.registry import Fault, all_changes  # noqa: PLC0415 - loads the server

    wanted = catalogue.load().matching(selectors([selector])) if selector else set(catalogue.load().clauses)
    faults = [change for change in all_changes().values() if isinstance(change, Fault)]
    for fault in sorted(faults, key=lambda fault: (catalogue.sort_key(fault.breaks[0]), fault.name)):
        if wanted.intersection(fault.breaks):
            sys.stdout.write(f"{fault.name}  ({', '.join(fault.breaks)})\n    {fault.sentence}\n")
    return 0
