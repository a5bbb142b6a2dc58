"""The command line: what is asked is checked as a whole first, then handed to the part that does it.

Whatever is slow to load (pytest, the suite, the server) is loaded by the command that needs it and after the checks,
so that help and errors come at once.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from conformance import __version__
from conformance.config.settings import DEFAULT_EXAMPLES, Settings
from conformance.config.target_file import load_target, target_from_options
from conformance.config.toml_file import FileProblemsError, Problem, did_you_mean
from conformance.config.waivers_file import Waiver, load_waivers
from conformance.contract import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conformance.config.target import Target

PROGRAM = "backups-conformance"
USAGE, INCONCLUSIVE = 2, 3

EXIT_CODES = """exit codes of run:
  0  conformant
  1  non-conformant
  2  wrong usage, or a wrong target or waivers file
  3  inconclusive: target unreachable or gone, no MUST clause tested, or interrupted"""

KEYS_OF_A_QUICK_RUN = """keys of a run without a file come from the environment: BACKUPS_KEY_FULL, BACKUPS_KEY_VIEW,
BACKUPS_KEY_MANAGE, BACKUPS_KEY_UNRELATED, BACKUPS_KEY_EXPIRED, BACKUPS_KEY_OTHER_HUB (and BACKUPS_OTHER_HUB_ID);
a missing key leaves its clauses not tested"""


class UsageError(Exception):
    """What was asked cannot be done as asked; `lines` say why, each a problem of its own."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class Parser(argparse.ArgumentParser):
    """argparse with errors in one line, exit code 2 and no guessing of abbreviations."""

    def __init__(self, **options: object) -> None:
        defaults = {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(**{**defaults, **options})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Instead of the usage text and the message, the message."""
        raise UsageError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        options = parse(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except UsageError as error:
        _complain(error.lines)
        return USAGE
    except KeyboardInterrupt:
        _complain(["interrupted"])
        return INCONCLUSIVE
    except BrokenPipeError:
        # The reader has gone (`… | head`). Python would complain once more when it flushes, so there is nothing left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # a bug of ours says nothing of the target: never exit code 1
        traceback.print_exc()
        _complain(["this is a bug of the suite, not of the target"])
        return INCONCLUSIVE


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of one command line. Raises UsageError; exits for --help and --version."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    ours, pytest_args = arguments[:cut], arguments[cut + 1 :]
    parser, commands = build_parser()
    words = [word for word in ours[:1] if not word.startswith("-")]
    if words and words[0] not in commands:
        raise UsageError(f"unknown command {words[0]!r}; {did_you_mean(words[0], commands)}")
    options, surplus = parser.parse_known_args(ours)
    if surplus:
        raise UsageError(*_unknown(surplus, commands.get(options.name, parser)))
    if cut < len(arguments) and options.name != "run":
        raise UsageError(f"{options.name} takes nothing after --")
    options.pytest_args = pytest_args
    return options


def _unknown(surplus: list[str], parser: argparse.ArgumentParser) -> list[str]:
    known = [option for action in parser._actions for option in action.option_strings if option.startswith("--")]  # noqa: SLF001
    wrong = [word.partition("=")[0] for word in surplus if word.startswith("-")]
    if not wrong:
        return [f"unexpected argument {surplus[0]!r}"]
    return [f"unknown option {word}; {did_you_mean(word, known, 'see --help')}" for word in wrong]


def build_parser() -> tuple[Parser, dict[str, argparse.ArgumentParser]]:
    """The whole command line, and the parser of each command."""
    parser = Parser(
        prog=PROGRAM,
        description="Says whether a server keeps the contract of the container-backups API.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True, parser_class=Parser)
    for add in (
        _add_run,
        _add_serve,
        _add_clauses,
        _add_compare,
        _add_verify,
        _add_report,
        _add_rejudge,
        _add_index,
        _add_qualify,
    ):
        add(commands)
    return parser, dict(commands.choices)


Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for what add_subparsers returns


def _add_run(commands: Commands[Parser]) -> None:
    run = commands.add_parser(
        "run",
        help="run the suite against a target and write the reports",
        description="Runs the suite against a target, or against the embedded reference server where none is given.",
        epilog=f"{KEYS_OF_A_QUICK_RUN}\n\nanything after -- goes to pytest: -n 4, -x, -k WORDS\n\n{EXIT_CODES}",
    )
    run.set_defaults(command=run_command)
    where = run.add_argument_group("target")
    where.add_argument("--target", type=Path, metavar="FILE", help="the target file (TOML)")
    where.add_argument("--base-url", metavar="URL", help="a quick run without a file; needs --hub and --container")
    where.add_argument("--hub", metavar="ID", help="the hub's id, with --base-url")
    where.add_argument("--container", metavar="ID", help="a container that has backups, with --base-url")
    what = run.add_argument_group("selection")
    what.add_argument(
        "--profile",
        choices=("read", "full"),
        help="read: send nothing that changes the target (default: full where the target allows restores, else read)",
    )
    what.add_argument("--only", action="append", default=[], metavar="ID[,ID]", help="only these clauses or chapters")
    what.add_argument(
        "--skip", action="append", default=[], metavar="ID[,ID]", help="all but these clauses or chapters"
    )
    what.add_argument("--seed", type=_number(0, 2**63 - 1), metavar="N", help="reproduce the run that had this seed")
    what.add_argument(
        "--examples",
        type=_number(1, 100_000),
        default=DEFAULT_EXAMPLES,
        metavar="N",
        help="generated cases per property (default: %(default)s)",
    )
    what.add_argument("--plan", action="store_true", help="only say what would be tested; nothing changes the target")
    judging = run.add_argument_group("judgement and reports")
    judging.add_argument("--waivers", type=Path, metavar="FILE", help="known deviations (TOML)")
    judging.add_argument("--strict", action="store_true", help="a warning counts as a failure")
    judging.add_argument(
        "--report-dir", type=Path, metavar="DIR", help="default: reports/<target name>/<UTC time>, also as …/latest"
    )
    judging.add_argument(
        "--subject",
        action="append",
        default=[],
        metavar="NAME@sha256:HEX",
        help="what is being released: the sign-off record names it",
    )
    judging.add_argument("--sign", type=Path, metavar="KEY", help="sign the record with this ed25519 key (PEM)")


def _add_serve(commands: Commands[Parser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the reference server in the foreground",
        description="Runs the reference server in the foreground, with named faults or legal variants if asked.",
    )
    serve.set_defaults(command=serve_command)
    serve.add_argument(
        "--port", type=_number(0, 65535), default=0, metavar="PORT", help="0, the default, takes any free port"
    )
    serve.add_argument("--fault", nargs="+", action="extend", default=[], metavar="NAME", help="break it like this")
    serve.add_argument("--variant", nargs="+", action="extend", default=[], metavar="NAME", help="differ, legally")
    serve.add_argument("--write-target", type=Path, metavar="FILE", help="write the target file for it")
    serve.add_argument("--restore-seconds", type=_seconds, metavar="S", help="how long a restore takes")


def _add_clauses(commands: Commands[Parser]) -> None:
    clauses = commands.add_parser(
        "clauses",
        help="show the clauses of the contract",
        description="Shows the clauses: level, text, source, and the checks and faults that belong to each.",
    )
    clauses.set_defaults(command=clauses_command)
    clauses.add_argument("ids", nargs="*", metavar="ID", help="a clause (CAP-4) or a chapter (CAP); default: all")


def _add_compare(commands: Commands[Parser]) -> None:
    compare = commands.add_parser(
        "compare",
        help="compare two results.json",
        description="Says what broke, what was mended, and what is newly tested or no longer.",
        epilog="exit codes: 0 nothing broke, 1 something did, 2 a file cannot be read",
    )
    compare.set_defaults(command=compare_command)
    compare.add_argument("old", type=Path, metavar="OLD", help="the earlier results.json")
    compare.add_argument("new", type=Path, metavar="NEW", help="the later results.json")
    compare.add_argument("--markdown", type=Path, metavar="FILE", help="write the comparison for a pull request")
    compare.add_argument("--html", type=Path, metavar="FILE", help="write the comparison as a page")


def _add_qualify(commands: Commands[Parser]) -> None:
    qualify = commands.add_parser(
        "qualify",
        help="prove what the suite catches",
        description="Runs the suite against every fault and every legal variant of the reference server, "
        "those made from the schemas too.",
        epilog="exit codes: 0 qualified; 1 a MUST fault missed or only caught by other clauses, an innocent clause "
        "accused, or a trial broken down; 2 wrong usage; 3 interrupted",
    )
    qualify.set_defaults(command=qualify_command)
    qualify.add_argument(
        "--only", action="append", default=[], metavar="ID[,ID]", help="only faults of these clauses or chapters"
    )
    qualify.add_argument(
        "--faults", action="append", default=[], metavar="GLOB", help="only faults and variants with such names"
    )
    qualify.add_argument(
        "--fail-fast", action="store_true", help="end each run at its first failed MUST: how soon a fault is caught"
    )
    qualify.add_argument("--jobs", type=_number(1, 1024), metavar="N", help="runs side by side (default: one a core)")
    qualify.add_argument("--report-dir", type=Path, metavar="DIR", help="default: reports/qualification")
    qualify.add_argument(
        "--sample", type=_number(1, 1_000_000), metavar="K", help="only so many, of each clause its share"
    )
    qualify.add_argument(
        "--examples",
        type=_number(1, 100_000),
        default=DEFAULT_EXAMPLES,
        metavar="N",
        help="generated cases per property in each run (default: %(default)s)",
    )
    qualify.add_argument(
        "--seed", type=_number(0, 2**63 - 1), default=1, metavar="S", help="of the sample and of the runs (default: 1)"
    )


def _add_verify(commands: Commands[Parser]) -> None:
    verify = _of_folder(
        commands,
        "verify",
        verify_command,
        help="is a report folder whole?",
        description="Holds a report folder against its sign-off record, and says what that cannot prove.",
        epilog="exit codes: 0 whole, 1 not, 2 the key cannot be used",
    )
    verify.add_argument("--key", type=Path, metavar="PUB", help="the public key (PEM) of whoever should have signed it")


def _add_report(commands: Commands[Parser]) -> None:
    _of_folder(
        commands,
        "report",
        report_command,
        help="make the reports of a run that was killed",
        description="Makes the reports of what a run had written down before it was killed: inconclusive at best.",
        epilog="exit codes: those of run; 2 where the folder holds no unfinished run, or one that still goes on",
    )


def _add_rejudge(commands: Commands[Parser]) -> None:
    _of_folder(
        commands,
        "rejudge",
        rejudge_command,
        help="judge a run's exchanges again, without a network",
        description="Judges the exchanges that a report folder keeps by this version's clauses, and says what differs.",
        epilog="exit codes: 0 nothing differs, 1 something does, 2 a file cannot be read",
    )


def _of_folder(
    commands: Commands[Parser], name: str, command: Callable[[argparse.Namespace], int], **told: Any
) -> Parser:
    """A command on one report folder; `told` is what its help says."""
    parser = commands.add_parser(name, **told)
    parser.set_defaults(command=command)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the report folder")
    return parser


def _add_index(commands: Commands[Parser]) -> None:
    index = commands.add_parser(
        "index",
        help="list the runs of a folder on a page",
        description="Writes index.html into a folder of report folders: the runs of each target, and how they went.",
    )
    index.set_defaults(command=index_command)
    index.add_argument("folder", type=Path, metavar="DIR", help="a folder with report folders in it, such as reports")


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 20 or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"wanted a whole number from {least} to {most}, got {text!r}")
        return int(text)

    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"wanted seconds from 0 to 3600, got {text!r}")
    return seconds


def run_command(options: argparse.Namespace) -> int:
    """`run`: everything that can be wrong is told at once, then the session begins."""
    settings = read_settings(options)
    from conformance.pytest_run import session  # noqa: PLC0415 - loads pytest

    return session.main(settings, options.pytest_args)


def read_settings(options: argparse.Namespace) -> Settings:
    """The settings of a run. Raises UsageError with every problem of every file and option."""
    problems: list[str] = []
    target, waivers = _target(options, problems), _waivers(options.waivers, problems)
    only, skip = _selectors(options.only), _selectors(options.skip)
    problems += [*_selection_problems("--only", options.only), *_selection_problems("--skip", options.skip)]
    if not problems and not catalogue.load().select(only, skip):
        problems.append("--only and --skip leave no clause to test")
    if fault := _report_dir_fault(options.report_dir or Path("reports")):
        problems.append(f"{'--report-dir' if options.report_dir else 'the report folder'}: {fault}")
    subjects = _subjects(options.subject, problems)
    _signing_fault(options.sign, problems)
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
        examples=options.examples,
        waivers_file=options.waivers,
        waivers=waivers,
        plan=options.plan,
        strict=options.strict,
        subjects=subjects,
        sign=options.sign,
    )


def _target(options: argparse.Namespace, problems: list[str]) -> Target | None:
    """The target of the file or of the options; None, with neither, means the embedded server."""
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

    found = []
    for value in values:
        try:
            found.append(signoff.parse_subject(value))
        except signoff.SubjectError as error:
            problems.append(f"--subject: {error}")
    return tuple(found)


def _signing_fault(path: Path | None, problems: list[str]) -> None:
    """A key that cannot sign is told before the run, not after it."""
    if path is None:
        return
    from conformance.results import sealing  # noqa: PLC0415 - an extra

    try:
        sealing.load_private(path)
    except sealing.SealError as error:
        problems.append(f"--sign: {error}")


def _selectors(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.strip().upper() for value in values for part in value.split(","))


def _selection_problems(option: str, values: Iterable[str]) -> list[str]:
    problems = []
    for selector in _selectors(values):
        try:
            catalogue.load().matching([selector])
        except catalogue.UnknownClauseError as error:
            problems.append(f"{option}: {error}")
    return problems


def _report_dir_fault(folder: Path) -> str | None:
    """Why reports cannot be written there; found out before the run by writing, without leaving anything."""
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(parent))
    if not nearest.is_dir():
        return f"{nearest} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return None
    except OSError as error:
        return f"{nearest} cannot be written to: {error.strerror}"


def serve_command(options: argparse.Namespace) -> int:
    """`serve`: hands everything to the reference server."""
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


def clauses_command(options: argparse.Namespace) -> int:
    """`clauses`: the catalogue, with what belongs to each clause."""
    known = catalogue.load()
    faults = _selection_problems("clauses", options.ids)
    if faults:
        raise UsageError(*faults)
    from conformance.cli import clause_list  # noqa: PLC0415 - loads the suite and the server's faults

    chosen = known.select(_selectors(options.ids))
    clause_list.show([clause for clause in known if clause.id in chosen], known.sources)
    return 0


def compare_command(options: argparse.Namespace) -> int:
    """`compare`: 1 where something broke."""
    from conformance.report import compare as rendering  # noqa: PLC0415 - loads the tables
    from conformance.results import compare, reading  # noqa: PLC0415 - loads the tables
    from conformance.results.files import write_atomically  # noqa: PLC0415

    try:
        old, new = reading.load_results(options.old), reading.load_results(options.new)
    except reading.ResultsError as error:
        raise UsageError(str(error)) from None
    from rich.console import Console  # noqa: PLC0415 - as above

    comparison = compare.compare(old, new)
    try:
        if options.markdown is not None:
            write_atomically(options.markdown, rendering.markdown(comparison))
        if options.html is not None:
            write_atomically(options.html, rendering.page(comparison, old, new))
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be written: {error.strerror}") from None
    rendering.render(comparison, Console(soft_wrap=not sys.stdout.isatty()))
    return comparison.exit_code


def qualify_command(options: argparse.Namespace) -> int:
    """`qualify`: 1 where the suite is not qualified."""
    problems = _selection_problems("--only", options.only)
    if fault := _report_dir_fault(options.report_dir or Path("reports")):
        problems.append(f"--report-dir: {fault}")
    if problems:
        raise UsageError(*problems)
    from conformance.qualification import command  # noqa: PLC0415 - loads the suite and the server

    only = catalogue.load().matching(_selectors(options.only))
    asked = command.Options(
        only=tuple(sorted(only, key=catalogue.sort_key)),
        patterns=tuple(options.faults),
        sample=options.sample,
        seed=options.seed,
        jobs=options.jobs,
        examples=options.examples,
        fail_fast=options.fail_fast,
        report_dir=options.report_dir,
    )
    try:
        return command.qualify(asked)
    except command.NothingChosenError as error:
        raise UsageError(str(error)) from None


def verify_command(options: argparse.Namespace) -> int:
    """`verify`: 1 where the folder is not whole."""
    from conformance.results import sealing, verify  # noqa: PLC0415 - only this command needs them

    try:
        key = None if options.key is None else sealing.load_public(options.key.read_bytes(), str(options.key))
    except OSError as error:
        raise UsageError(f"{options.key}: cannot be read: {error.strerror}") from None
    except sealing.SealError as error:
        raise UsageError(str(error)) from None
    found = verify.verify(options.folder, key)
    sys.stdout.write("".join(f"{line}\n" for line in verify.in_words(found)))
    return found.exit_code


def report_command(options: argparse.Namespace) -> int:
    """`report`: ends what a killed run left, as the run would have done."""
    from conformance.pytest_run import finalize  # noqa: PLC0415 - loads the suite
    from conformance.results import recovery  # noqa: PLC0415 - loads the suite

    try:
        return finalize.of_a_killed_run(options.folder)
    except recovery.RecoveryError as error:
        raise UsageError(str(error)) from None


def rejudge_command(options: argparse.Namespace) -> int:
    """`rejudge`: 1 where something differs."""
    from rich.console import Console  # noqa: PLC0415 - loads the tables

    from conformance.evidence.archive import ArchiveError  # noqa: PLC0415
    from conformance.report import rejudge as rendering  # noqa: PLC0415
    from conformance.results import rejudge  # noqa: PLC0415 - loads the suite
    from conformance.results.reading import ResultsError  # noqa: PLC0415

    try:
        rejudgement = rejudge.rejudge(options.folder)
    except (ArchiveError, ResultsError) as error:
        raise UsageError(str(error)) from None
    rendering.render(rejudgement, Console(soft_wrap=not sys.stdout.isatty()))
    return rejudgement.exit_code


def index_command(options: argparse.Namespace) -> int:
    """`index`: the page, and how many runs are on it."""
    from conformance.report import index  # noqa: PLC0415 - loads the templates

    if not options.folder.is_dir():
        raise UsageError(f"{options.folder}: is no folder")
    try:
        count = index.write(options.folder)
    except OSError as error:
        raise UsageError(f"{error.filename or options.folder}: {error.strerror}") from None
    sys.stdout.write(f"{options.folder / 'index.html'}: {count} {'run' if count == 1 else 'runs'}\n")
    return 0


def _complain(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stderr.write(f"{PROGRAM}: error: {line}\n")
