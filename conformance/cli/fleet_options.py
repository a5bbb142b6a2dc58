"""`run --targets`: validates the options and every target file before anything is sent, then runs the fleet."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from conformance.cli.errors import UsageError
from conformance.cli.options import FLEET, OPTIONS, TARGET, Option, read_settings
from conformance.config.toml_file import FileProblemsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from conformance.config.settings import Settings
    from conformance.fleet.executors import Place
    from conformance.fleet.targets import FleetTarget

#: options that concern the fleet as a whole, or a target that no file describes: no run of a fleet gets them
_NOT_OF_RUNS = {
    *(option.name for option in FLEET),
    *("--target", "--base-url", "--hub", "--container", "--report-dir", "--require", "--sign"),
    *("--quiet", "--json", "--plan", "--open", "--for"),
}
_ALONE = ("target", "base_url", "hub", "container")


def check_together(options: argparse.Namespace) -> None:
    """Raise UsageError if options of a fleet are given without `--targets`, or with options of a single target."""
    problems = []
    if options.targets is None:
        problems = [f"{name} needs --targets" for name in ("--on", "--target-index") if _value(options, name)]
    elif any(getattr(options, name) is not None for name in _ALONE):
        problems = ["--targets cannot go with --target, --base-url, --hub or --container"]
    elif options.target_index is None and vars(options)["for"] is not None:
        problems = ["--for cannot go with --targets, unless --target-index names one of them"]
    elif options.target_index is not None and options.on is not None:
        problems = ["--on cannot go with --target-index, which runs one file here"]
    if problems:
        raise UsageError(*problems)


def _value(options: argparse.Namespace, name: str) -> bool:
    return getattr(options, name.strip("-").replace("-", "_")) is not None


def indexed(pattern: str, index: int) -> Path:
    """Return the file that `--target-index` names. Raises UsageError."""
    files = _files(pattern)
    if index >= len(files):
        raise UsageError(
            f"--target-index {index}: the files that {pattern!r} matches are numbered from 0 to {len(files) - 1}"
        )
    return files[index]


def execute(options: argparse.Namespace, show_plan: Callable[[Settings], int]) -> int:
    """Run a fleet, or show the plan of each of its targets."""
    from conformance.fleet import executors  # noqa: PLC0415 - loads the suite, which reporting a usage error does not need

    place = _place(options.on)
    files = _files(options.targets)
    is_elsewhere = isinstance(place, executors.Dask)
    settings, targets = _validated(options, files, is_elsewhere=is_elsewhere)
    if options.plan:
        return max(show_plan(each) for each in settings)
    return _run(options, settings[0], targets, place)


def _run(options: argparse.Namespace, settings: Settings, targets: list[FleetTarget], place: Place) -> int:
    from conformance.fleet import command, executors  # noqa: PLC0415 - loads the suite
    from conformance.fleet.description import InputFile  # noqa: PLC0415

    is_elsewhere = isinstance(place, executors.Dask)
    files = (
        (InputFile(options.waivers.name, options.waivers.read_text("utf-8")),)
        if is_elsewhere and options.waivers
        else ()
    )
    if is_elsewhere and options.waivers:
        options.waivers = options.waivers.relative_to(options.waivers.parent)
    fleet = command.FleetOptions(
        targets=targets,
        place=place,
        arguments=tuple(arguments_of(options)),
        pytest_args=tuple(options.pytest_args),
        files=files,
        report_dir=options.report_dir,
        is_read_only=options.profile == "read",
        strict=settings.strict,
        require_conformant=settings.require_conformant,
        sign=settings.sign,
        output=settings.output,
        open_report=settings.open_report,
    )
    try:
        return command.run(fleet)
    except executors.ExecutorError as error:
        raise UsageError(f"--on {place}: {error}") from None


def repeat(options: argparse.Namespace, settings: Settings) -> int:
    """Run with new seeds until the time of `--for` is over."""
    from conformance.fleet import repeat as repeating  # noqa: PLC0415 - see above

    own = {"--for", "--seed", "--profile"}
    arguments = [word for word in arguments_of(options) if word.partition("=")[0] not in own]
    if options.target is None:
        arguments += [word for option in TARGET for word in _words(option, getattr(options, option.dest))]
    return repeating.run(
        repeating.Repetition(
            seconds=vars(options)["for"],
            target_name=settings.target.name if settings.target else "reference",
            target_file=str(options.target or ""),
            arguments=tuple(arguments),
            pytest_args=tuple(options.pytest_args),
            profile=settings.profile,
            seed=settings.seed,
            report_dir=settings.report_dir,
            require_conformant=settings.require_conformant,
            sign=settings.sign,
            output=settings.output,
            open_report=settings.open_report,
        )
    )


def _place(text: str | None) -> Place:
    from conformance.fleet import executors  # noqa: PLC0415 - see above

    try:
        return executors.parse(text or "processes")
    except ValueError as error:
        raise UsageError(f"--on: {error}") from None


def _files(pattern: str) -> list[Path]:
    from conformance.fleet import targets  # noqa: PLC0415 - see above

    files = targets.matching(pattern)
    if not files:
        raise UsageError(f"--targets: {pattern!r} matches no file")
    return files


def _validated(
    options: argparse.Namespace, files: Sequence[Path], *, is_elsewhere: bool
) -> tuple[list[Settings], list[FleetTarget]]:
    """Return the settings of each run. Raises UsageError with every problem of every file.

    Where workers elsewhere resolve the keys, a file is read without them: its variables need not be set here.
    """
    from conformance.fleet import targets  # noqa: PLC0415 - see above

    problems: list[str] = []
    settings, read = [], []
    for file in [None] if is_elsewhere else files:
        try:
            settings.append(read_settings(argparse.Namespace(**{**vars(options), "target": file})))
        except UsageError as error:
            problems += error.lines
    try:
        read = targets.read(files)
        if is_elsewhere:
            problems += [line for file in files for line in _literals(file)]
    except FileProblemsError as error:
        problems += map(str, error.problems)
    if problems:
        raise UsageError(*dict.fromkeys(problems))
    return settings, read


def _literals(file: Path) -> Iterator[str]:
    from conformance.fleet import targets  # noqa: PLC0415 - see above

    for member in targets.literal_secrets(file):
        yield f'{file}: {member} is written out, and secrets do not go to other machines; use {{env = "NAME"}}'


def arguments_of(options: argparse.Namespace) -> Iterator[str]:
    """Yield the command-line options that each run of a fleet gets."""
    for option in OPTIONS:
        if option.name not in _NOT_OF_RUNS:
            yield from _words(option, getattr(options, option.dest))


def _words(option: Option, value: object) -> Iterator[str]:
    if option.kind == "flag":
        if value:
            yield option.name
    elif option.kind == "list":
        assert isinstance(value, list)  # noqa: S101 - argparse's `append`
        yield from (f"{option.name}={each}" for each in value)
    elif value is not None and value != option.default:
        yield f"{option.name}={value}"
