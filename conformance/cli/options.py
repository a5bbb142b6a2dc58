"""The options of a run, in one table for the command line and for pytest, and the settings that they result in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from conformance.cli.arguments import Once, Parser, duration, folder_problem, number, selector_problems, selectors
from conformance.cli.errors import UsageError
from conformance.config.settings import Depth, Output, Settings, examples_of
from conformance.config.target_file import load_target, target_from_options
from conformance.config.toml_file import FileProblemsError, Problem
from conformance.config.waivers_file import Waiver, load_waivers
from conformance.contract import catalogue

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from conformance.config.target import Target

Kind = Literal["value", "list", "flag"]
MAX_SEED = 2**63 - 1
MAX_EXAMPLES = 100_000
MAX_INDEX = 1_000_000


@dataclass(frozen=True)
class Option:
    """One option of a run. `pytest_name` is its name in pytest; None where pytest does not have it."""

    name: str
    help: str
    metavar: str | None = None
    kind: Kind = "value"
    convert: Callable[[str], object] | None = None
    choices: tuple[str, ...] | None = None
    default: object = None
    pytest_name: str | None = field(default="same")

    def __post_init__(self) -> None:
        if self.pytest_name == "same":
            object.__setattr__(self, "pytest_name", self.name)

    @property
    def dest(self) -> str:
        """The attribute that argparse stores the value in."""
        return self.name.strip("-").replace("-", "_")

    def for_argparse(
        self, *, twice: bool = False
    ) -> Mapping[str, Any]:  # Any: keywords of argparse, each of another type
        """Return the keyword arguments of `add_argument`; `twice` allows a second value, which then counts."""
        keywords: dict[str, object] = {"dest": self.dest, "help": self.help}
        if self.kind == "flag":
            return {**keywords, "action": "store_true"}
        keywords |= {"metavar": self.metavar, "choices": self.choices, "type": self.convert or str}
        if self.kind == "list":
            return {**keywords, "action": "append", "default": []}
        return {**keywords, "action": "store" if twice else Once, "default": self.default}

    def for_pytest(self) -> Mapping[str, object]:
        """Return the keyword arguments of pytest's `addoption`: for its help; the values are parsed here.

        The destination has a prefix, so that it meets no other plugin's.
        """
        keywords: dict[str, object] = {"dest": f"conformance_{self.dest}", "help": self.help}
        if self.kind == "flag":
            return {**keywords, "action": "store_true", "default": None}
        return {**keywords, "metavar": self.metavar, "choices": self.choices, "action": "append", "default": None}


TARGET = (
    Option("--target", "the target file (TOML)", "FILE", convert=Path),
    Option("--base-url", "test a server without a file; needs --hub and --container", "URL"),
    Option("--hub", "the ID of the hub, with --base-url", "ID"),
    Option("--container", "the ID of a container that has backups, with --base-url", "ID"),
)
SELECTION = (
    Option(
        "--profile",
        "read: send nothing that changes the target (default: full where the target allows restores, else read)",
        choices=("read", "full"),
    ),
    Option("--only", "test only these clauses or chapters", "ID[,ID]", kind="list"),
    Option("--skip", "test all but these clauses or chapters", "ID[,ID]", kind="list"),
    Option(
        "--edition",
        "decide by the clauses of this edition of the contract; later ones are only shown (default: the newest)",
        choices=tuple(catalogue.load().editions),
    ),
    Option("--seed", "reproduce the run that had this seed", "N", convert=number(0, MAX_SEED)),
    Option(
        "--examples",
        "generated cases per property (default: 25, or what --depth says)",
        "N",
        convert=number(1, MAX_EXAMPLES),
    ),
    Option(
        "--depth",
        "quick: at most 500 requests; deep: all inputs, and four times the generated cases (default: standard)",
        choices=tuple(depth.value for depth in Depth),
    ),
    Option(
        "--for",
        "repeat with new seeds for this long (30m, 2h), or until something fails; later runs only read",
        "TIME",
        convert=duration,
        pytest_name=None,
    ),
    Option("--no-bad-keys", "send no request with a bad key, for targets that lock the sender out", kind="flag"),
    Option("--plan", "show what would be tested and stop; nothing changes the target", kind="flag", pytest_name=None),
)
REPORTING = (
    Option("--waivers", "known deviations (TOML)", "FILE", convert=Path),
    Option("--strict", "count a warning as a failure", kind="flag", pytest_name="--conformance-strict"),
    Option(
        "--require",
        "exit with 3 for a partial verdict, for gates that need every clause tested",
        choices=("conformant",),
    ),
    Option("--report-dir", "default: reports/<target name>/<UTC time>, also as …/latest", "DIR", convert=Path),
    Option(
        "--subject",
        "what is being released, by digest (sha256) or commit (gitCommit); the sign-off record names it",
        "NAME@ALGORITHM:HEX",
        kind="list",
    ),
    Option("--sign", "sign the record with this ed25519 key (PEM), or by the CI job's identity with sigstore", "KEY"),
    Option("--open", "open the report in a browser when the run has ended", kind="flag", pytest_name=None),
    Option("--quiet", "write only the verdict to standard output", kind="flag", pytest_name=None),
    Option("--json", "write events to standard output, one JSON object per line", kind="flag", pytest_name=None),
)
FLEET = (
    Option("--targets", "run each target file that matches, and write a page of all", "GLOB", pytest_name=None),
    Option(
        "--on",
        "where the runs of --targets execute: processes[:N] (default, one per core) or dask://HOST:PORT",
        "WHERE",
        pytest_name=None,
    ),
    Option(
        "--target-index",
        "run only the N-th file of --targets, sorted by name and counted from 0",
        "N",
        convert=number(0, MAX_INDEX),
        pytest_name=None,
    ),
)
#: the groups of `run --help`, with their options
GROUPS: tuple[tuple[str, tuple[Option, ...]], ...] = (
    ("target", TARGET),
    ("selection", SELECTION),
    ("verdict and reports", REPORTING),
    ("fleet", FLEET),
)
OPTIONS = tuple(option for _, group in GROUPS for option in group)
IN_PYTEST = tuple(option for option in OPTIONS if option.pytest_name is not None)


def settings_of_pytest(given: Sequence[str], with_defaults: Sequence[str]) -> Settings:
    """Return the settings that pytest's arguments ask for. Raises UsageError.

    `given` are the arguments of the command line; `with_defaults` has those of `addopts` before them, which
    arguments of the command line override.
    """
    _pytest_parser(twice=False).parse_known_args(list(given))
    return read_settings(_pytest_parser(twice=True).parse_known_args(list(with_defaults))[0])


def values_in(arguments: Sequence[str]) -> set[str]:
    """Return those of pytest's arguments that are values of our options, such as FILE of `--target FILE`."""
    named = {option.pytest_name for option in IN_PYTEST if option.kind != "flag"}
    return {value for name, value in pairwise(arguments) if name in named}


def without_ours(arguments: Sequence[str]) -> list[str]:
    """Return pytest's arguments without our options and their values. Raises UsageError.

    Another plugin may have an option of the same name that takes no value, as pytest-profiling's `--profile` does:
    pytest would then take our value for a path.
    """
    cut = list(arguments).index("--") if "--" in arguments else len(arguments)
    return [*_pytest_parser(twice=True).parse_known_args(list(arguments[:cut]))[1], *arguments[cut:]]


def _pytest_parser(*, twice: bool) -> Parser:
    parser = Parser(add_help=False)
    for option in IN_PYTEST:
        assert option.pytest_name is not None  # noqa: S101 - by the definition of IN_PYTEST
        parser.add_argument(option.pytest_name, **option.for_argparse(twice=twice))
    parser.set_defaults(**{"for": None}, plan=False, quiet=False, json=False, open=False)
    return parser


def read_settings(options: argparse.Namespace) -> Settings:
    """Return the settings of a run. Raises UsageError with every problem of every file and option."""
    problems: list[str] = []
    target, waivers = read_target(options, problems), _waivers(options.waivers, problems)
    only, skip = selectors(options.only), selectors(options.skip)
    problems += [*selector_problems("--only", options.only), *selector_problems("--skip", options.skip)]
    if not problems and not catalogue.load().select(only, skip):
        problems.append("--only and --skip leave no clause to test")
    if problem := folder_problem(options.report_dir or Path("reports")):
        problems.append(f"{'--report-dir' if options.report_dir else 'the report folder'}: {problem}")
    depth = Depth(options.depth or Depth.STANDARD)
    subjects = _subjects(options.subject, problems)
    _check_signer(options.sign, subjects, problems)
    if sum((options.quiet, options.json, options.plan)) > 1:
        problems.append("--quiet, --json and --plan exclude each other")
    if problems:
        raise UsageError(*problems)
    return Settings(
        target=target,
        target_file=options.target,
        report_dir=options.report_dir,
        profile=options.profile,
        only=only,
        skip=skip,
        seed=options.seed,
        examples=options.examples or examples_of(depth),
        depth=depth,
        bad_keys=not options.no_bad_keys,
        waivers_file=options.waivers,
        waivers=waivers,
        plan=options.plan,
        strict=options.strict,
        edition=options.edition or "",
        require_conformant=options.require == "conformant",
        subjects=subjects,
        sign=options.sign,
        open_report=options.open,
        output=Output.JSON if options.json else Output.QUIET if options.quiet else Output.TEXT,
    )


def read_target(options: argparse.Namespace, problems: list[str]) -> Target | None:
    """Return the target of the file or of the options; None, with neither, is the embedded server.

    What is wrong with them goes into `problems`, a line each.
    """
    quick = any(value is not None for value in (options.base_url, options.hub, options.container))
    try:
        if options.target is not None and quick:
            raise FileProblemsError([Problem("--target", "cannot go with --base-url, --hub or --container")])
        if options.target is not None:
            return load_target(options.target, os.environ)
        return target_from_options(options.base_url, options.hub, options.container, os.environ) if quick else None
    except FileProblemsError as error:
        problems += map(str, error.problems)
        return None


def _waivers(path: Path | None, problems: list[str]) -> tuple[Waiver, ...]:
    try:
        return () if path is None else load_waivers(path, catalogue.load())
    except FileProblemsError as error:
        problems += map(str, error.problems)
        return ()


def _subjects(values: Iterable[str], problems: list[str]) -> tuple[dict[str, str], ...]:
    if not values:
        return ()
    from conformance.results import signoff  # noqa: PLC0415 - few runs name one

    subjects = []
    for value in values:
        try:
            subjects.append(signoff.parse_subject(value))
        except signoff.SubjectError as error:
            problems.append(f"--subject: {error}")
    return tuple(subjects)


def _check_signer(name: str | None, subjects: Sequence[dict[str, str]], problems: list[str]) -> None:
    """Find out before the run whether the record can be signed, not after it."""
    if name is None:
        return
    from conformance.results import sealing  # noqa: PLC0415 - an extra

    if name == sealing.SIGSTORE and any("sha256" not in subject for subject in subjects):
        problems.append("--sign sigstore: signs only for subjects that a sha256 names; --sign KEY also takes gitCommit")
        return
    try:
        sealing.signer(name)
    except sealing.SealError as error:
        problems.append(f"--sign: {error}")
