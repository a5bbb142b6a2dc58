"""`init`: a commented target file, with what reads can discover; it never holds a key."""

from __future__ import annotations

import getpass
import os
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once
from conformance.cli.errors import PROGRAM, ExitCode, UsageError
from conformance.config.target import KEY_NAMES
from conformance.config.target_file import load_target, target_from_options
from conformance.config.toml_file import FileProblemsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from conformance.cli.arguments import Commands
    from conformance.cli.target_template import Answers

#: The required values: the option, and the question on a terminal.
QUESTIONS = {
    "base_url": ("--base-url", "Base URL of the API, such as https://api.example.test"),
    "hub": ("--hub", "ID of the hub"),
    "container": ("--container", "ID of a container that has backups"),
}
FULL_KEY = "BACKUPS_KEY_FULL"


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "init",
        help="write a target file",
        description="Asks for the values that it needs, or takes them from options and the environment, inspects the "
        "target with reads, and writes a commented target file. Keys stay in the environment: the file names their "
        "variables.",
        epilog="keys are taken from BACKUPS_KEY_FULL, BACKUPS_KEY_VIEW and so on, as by a run without a target file\n\n"
        "exit codes: 0 the file is written, 2 it is not",
    )
    parser.set_defaults(command=execute)
    parser.add_argument("--base-url", action=Once, metavar="URL", help="the base URL of the API")
    parser.add_argument("--hub", action=Once, metavar="ID", help="the ID of the hub")
    parser.add_argument("--container", action=Once, metavar="ID", help="the ID of a container that has backups")
    parser.add_argument("--empty-container", action=Once, metavar="ID", help="the ID of a container without backups")
    parser.add_argument("--other-container", action=Once, metavar="ID", help="the ID of another container of the hub")
    parser.add_argument(
        "-o",
        "--output",
        action=Once,
        type=Path,
        default=Path("target.toml"),
        metavar="FILE",
        help="default: target.toml",
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")


def execute(options: argparse.Namespace) -> int:
    """Ask for missing values, discover fixtures with reads, and write the file."""
    output: Path = options.output
    if output.exists() and not options.force:
        raise UsageError(f"{output}: exists; name another file with -o, or replace it with --force")
    environ = dict(os.environ)
    _ask(options, environ)
    answers = _discovered(options, environ)
    from conformance.cli.target_template import render  # noqa: PLC0415 - loads little, after the questions
    from conformance.results.files import write_atomically  # noqa: PLC0415

    text = render(answers)
    tomllib.loads(text)  # an error here is a bug of the suite
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, text)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from None
    try:
        load_target(output, environ)
    except FileProblemsError as error:  # such as a value of the environment that no target file may have
        raise UsageError(*map(str, error.problems)) from None
    sys.stdout.write(f"Wrote {output}. Next: {PROGRAM} check --target {output}\n")
    if not os.environ.get(FULL_KEY):
        sys.stdout.write(f"First export {FULL_KEY}: the file names this variable, and holds no key.\n")
    return ExitCode.OK


def _ask(options: argparse.Namespace, environ: dict[str, str]) -> None:
    """Ask on a terminal for what is missing. Raises UsageError elsewhere, with everything that is missing."""
    missing = [name for name in QUESTIONS if not getattr(options, name)]
    needs_key = not any(environ.get(f"BACKUPS_KEY_{name.upper()}") for name in ("full", "view"))
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        lines = [f"{QUESTIONS[name][0]}: is missing, and there is no terminal to ask on" for name in missing]
        if needs_key:
            lines.append(f"{FULL_KEY}: is not set; export the key with view and manage rights")
        if lines:
            raise UsageError(*lines)
        return
    for name in missing:
        sys.stderr.write(f"{QUESTIONS[name][1]}: ")
        sys.stderr.flush()
        setattr(options, name, sys.stdin.readline().strip())
    if needs_key:
        environ[FULL_KEY] = getpass.getpass(f"Key with view and manage rights ({FULL_KEY}; not shown, not written): ")


def _discovered(options: argparse.Namespace, environ: Mapping[str, str]) -> Answers:
    """Inspect the target with reads. Raises UsageError if it cannot be inspected."""
    from conformance.cli.target_template import Answers  # noqa: PLC0415
    from conformance.execution.inspection import inspect  # noqa: PLC0415 - loads the suite

    try:
        target = target_from_options(options.base_url, options.hub, options.container, environ)
    except FileProblemsError as error:
        raise UsageError(*map(str, error.problems)) from None
    fixtures = replace(
        target.fixtures,
        empty_container_id=options.empty_container,
        other_container_id=options.other_container,
    )
    inspection = inspect(replace(target, fixtures=fixtures), "read", logs=True)
    if inspection.preflight.problem:
        raise UsageError(inspection.preflight.problem)
    given = [name for name in KEY_NAMES if environ.get(f"BACKUPS_KEY_{name.upper()}")]
    return Answers.of(replace(target, fixtures=fixtures), inspection, given, environ.get("BACKUPS_OTHER_HUB_ID"))
