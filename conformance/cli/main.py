"""The command line: parses the arguments and hands them to the module of the command.

Whatever is slow to load (pytest, the suite, the server) is loaded by the command that needs it, after the arguments
are checked, so that help and errors appear at once.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, cast

from conformance import __version__, import_problem
from conformance._compat import IncompatibleError
from conformance.cli import examples
from conformance.cli.arguments import Commands, Parser
from conformance.cli.commands import (
    check,
    clauses,
    compare,
    completion,
    export,
    index,
    init,
    merge,
    qualify,
    rejudge,
    replay,
    report,
    run,
    serve,
    verify,
)
from conformance.cli.errors import PROGRAM, ExitCode, UsageError, complain
from conformance.config.machine import exhausted, require_address_space
from conformance.config.toml_file import did_you_mean
from conformance.contract import catalogue

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

COMMANDS = (
    run,
    check,
    init,
    serve,
    clauses,
    compare,
    verify,
    report,
    rejudge,
    replay,
    export,
    merge,
    index,
    qualify,
    completion,
)

#: the commands that send requests, with all the libraries that this takes
RUNS = ("run", "check", "init", "replay", "qualify")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        options = parse(arguments)
        if options.name in RUNS:
            require_address_space()
        command: Callable[[argparse.Namespace], int] = options.command
        return int(command(options))
    except UsageError as error:
        complain(error.lines)
        return ExitCode.USAGE
    except (IncompatibleError, ImportError) as error:  # of a library on this machine
        complain([str(error) if isinstance(error, IncompatibleError) else import_problem(error)])
        return ExitCode.INCONCLUSIVE
    except KeyboardInterrupt:
        complain(["interrupted"])
        return ExitCode.INCONCLUSIVE
    except Exception as error:  # an error of the suite says nothing about the target: never exit code 1
        if shortage := exhausted(error):
            complain([shortage])
            return ExitCode.INCONCLUSIVE
        traceback.print_exc()
        complain(["this is an error of the suite, not of the target; please report it with the lines above"])
        return ExitCode.INCONCLUSIVE


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse one command line. Raises UsageError; exits for --help and --version."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    ours, pytest_args = arguments[:cut], arguments[cut + 1 :]
    parser, commands = build_parser()
    _check_first(ours, parser, commands)
    options, surplus = parser.parse_known_args(ours)
    if surplus:
        raise UsageError(*_unknown(surplus, commands.get(options.name, parser)))
    if cut < len(arguments) and options.name != "run":
        raise UsageError(f"{options.name} takes no arguments after --")
    options.pytest_args, options.parser, options.parsers = pytest_args, parser, commands
    return options


def _check_first(words: list[str], parser: Parser, commands: dict[str, Parser]) -> None:
    """Raise UsageError unless the first word is a command or an option of the program itself."""
    if not words:
        raise UsageError(f"no command is given; the commands are {', '.join(commands)}; see --help")
    first = words[0]
    if not first.startswith("-"):
        if first not in commands:
            raise UsageError(f"unknown command {first!r}; {did_you_mean(first, commands)}")
    elif first.partition("=")[0] not in {"-h", *parser.long_options()}:
        owners = [name for name, command in commands.items() if first.partition("=")[0] in command.long_options()]
        if owners:
            raise UsageError(f"{first} comes after the command: {PROGRAM} {owners[0]} {first}")
        raise UsageError(*_unknown([first], parser))


def _unknown(surplus: list[str], parser: Parser) -> list[str]:
    wrong = [word.partition("=")[0] for word in surplus if word.startswith("-")]
    if not wrong:
        return [f"unexpected argument {surplus[0]!r}"]
    known = parser.long_options()
    return [f"unknown option {word}; {did_you_mean(word, known, 'see --help')}" for word in wrong]


def version_text() -> str:
    """Return what `--version` prints: the program's version, and the edition of the contract that it decides by."""
    edition = catalogue.load().editions[-1]
    return f"{PROGRAM} {__version__} (contract edition {edition})"


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser of the whole command line, and that of each command."""
    parser = Parser(
        prog=PROGRAM,
        description="Checks whether a server conforms to the container-backups API contract.",
        epilog=f"{examples.shown(PROGRAM, examples.FIRST_STEPS)}\n\n{run.EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=version_text())
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        command.add(cast("Commands", commands))
    for name, each in commands.choices.items():
        parts = (examples.shown(PROGRAM, examples.EXAMPLES[name]), each.epilog)
        each.epilog = "\n\n".join(part for part in parts if part)
    return parser, dict(commands.choices)
