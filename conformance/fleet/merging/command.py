"""`merge`: finds the report folders, merges those of one target, and writes the report or the fleet page."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conformance.config import untrusted
from conformance.contract.timestamps import in_utc
from conformance.evidence.text import one_line
from conformance.fleet import command, model, table, targets
from conformance.fleet.merging.fold import Merge, identity
from conformance.pytest_run import finalize
from conformance.report import write_all, write_page
from conformance.results import reading, recovery, sealing, signoff, verdicts, verify, waivers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from conformance.fleet.model import Fleet, FleetTargetRow
    from conformance.results.model import PartRow, Results

DEFAULT_DIR = Path("reports") / "merged"
RESULTS = "results.json"
_DEEPEST = 4


class MergeError(ValueError):
    """Folders that cannot be merged; `lines` name each problem."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class MergeOptions:
    """The options of `merge`."""

    folders: Sequence[Path]
    report_dir: Path | None = None
    force: bool = False
    require_conformant: bool = False
    sign: str | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def folder(self) -> Path:
        """The folder that is written."""
        return (self.report_dir or DEFAULT_DIR / self.started.strftime("%Y%m%dT%H%M%S.%fZ")).absolute()


@dataclass(frozen=True)
class Part:
    """A report folder. `problem` says why it holds no whole report; it is empty where it does.

    `is_damaged`: its run has finished, but its report cannot be used as it is.
    """

    folder: Path
    target: tuple[str, str, str] = ("", "", "")
    run: str = ""
    identity: tuple[str, str, str] = ("", "", "")
    results_sha256: str = ""
    problem: str = ""
    is_damaged: bool = False


def merge(options: MergeOptions) -> tuple[str, int]:
    """Merge the folders; return the headline and the exit code of `run`.

    Raises MergeError; sealing.SealError before anything is written. A record that cannot be signed is reported.
    """
    signer = sealing.LenientSigner(sealing.signer(options.sign)) if options.sign else None
    if any(options.folder == folder.absolute() for folder in options.folders):
        raise MergeError(f"{options.folder}: is one of the folders to merge; give --report-dir another one")
    parts = [inspect(folder) for folder in _found(options.folders, options.folder)]
    _check(parts, force=options.force)
    whole: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        if not part.problem:
            whole.setdefault(part.target, []).append(part)
    missing = [part for part in parts if part.problem]
    try:
        if len(whole) == 1:
            results = write_merged(next(iter(whole.values())), missing, options.folder, signer)
            verdict, headline, has_outdated = results["verdict"], results["headline"], waivers.has_outdated(results)
        else:
            fleet, has_outdated = _write_fleet(whole, missing, options, signer)
            verdict, headline = fleet["verdict"], fleet["headline"]
    except reading.ResultsError as problem:
        raise MergeError(str(problem)) from None
    if signer is not None and signer.problem:
        sys.stderr.write(f"backups-conformance: {signer.problem}\n")
    code = verdicts.exit_code(verdict, require_conformant=options.require_conformant, has_outdated_waivers=has_outdated)
    return headline, code


def _found(folders: Iterable[Path], own: Path) -> Iterator[Path]:
    """Yield the report folders that are given, or that are below a given one."""
    for folder in folders:
        if not folder.is_dir():
            raise MergeError(f"{folder}: is not a folder")
        below = [path for path in report_folders(folder, _DEEPEST) if path.absolute() != own]
        yield from below or [folder]


def report_folders(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the folders at or below one that hold a report, or what is left of one; links are not followed."""
    is_fleet = (folder / model.FILE).is_file()
    if not is_fleet and (os.path.lexists(folder / RESULTS) or (folder / recovery.STATE).is_dir()):
        yield folder
    elif depth:
        for below in sorted(folder.iterdir()):
            if below.is_dir() and not below.is_symlink() and not below.name.startswith("."):
                yield from report_folders(below, depth - 1)


def inspect(folder: Path) -> Part:
    """Return what a folder holds; only a report that verifies is whole."""
    if (folder / recovery.STATE).exists():
        return Part(folder, problem="its run has not finished; `backups-conformance report` finishes it")
    if not os.path.lexists(folder / RESULTS):
        return Part(folder, problem="holds no report")
    verified = verify.verify(folder)
    if (results := verified.results) is None or verified.problems:
        return Part(folder, problem=_why_unreadable(folder) or verified.problems[0], is_damaged=True)
    return Part(folder, target_of(results), results["run"]["id"], identity(results), verified.results_sha256)


def _why_unreadable(folder: Path) -> str:
    """Return why no results can be read from a folder, which says more than a wrong digest; "" where they can."""
    try:
        reading.parse_results(untrusted.read_json(folder / RESULTS))
    except untrusted.UntrustedFileError as problem:
        return f"{RESULTS}: {problem.reason}"
    except reading.ResultsError as problem:
        return f"{RESULTS}: {problem}"
    return ""


def target_of(results: Results) -> tuple[str, str, str]:
    """Return what tells targets apart: name, hub and base URL; on the loopback interface any port is the same."""
    target = results["target"]
    try:
        url = urlsplit(target["base_url"])
        is_loopback = url.hostname in ("127.0.0.1", "::1", "localhost")
    except ValueError:
        is_loopback = False
    return target["name"], target["hub_id"], "loopback" if is_loopback else target["base_url"].rstrip("/")


def _check(parts: Sequence[Part], *, force: bool) -> None:
    """Raise MergeError for runs that cannot be merged: damaged, given twice, or judged by different suites."""
    problems = [f"{part.folder}: {part.problem}" for part in parts if part.is_damaged]
    runs: dict[str, Path] = {}
    for part in parts:
        if part.run and part.run in runs:
            problems.append(f"{part.folder}: is the same run as {runs[part.run]}")
        runs[part.run] = part.folder
    whole = [part for part in parts if not part.problem]
    if not whole:
        problems += [f"{part.folder}: {part.problem}" for part in parts if not part.is_damaged]
    names = ("suite", "catalogue", "edition")
    for part in whole:
        differing = [
            f"{name} {one_line(own, 40) or 'unknown'} instead of {one_line(first, 40) or 'unknown'}"
            for name, own, first in zip(names, part.identity, whole[0].identity, strict=True)
            if own != first
        ]
        if differing and not force:
            problems.append(f"{part.folder}: {', '.join(differing)}; --force merges it all the same")
    if problems:
        raise MergeError(*problems)


def write_merged(
    parts: Sequence[Part], missing: Sequence[Part], folder: Path, signer: sealing.Signer | None = None
) -> Results:
    """Write the merged report of one target."""
    merged = Merge()
    newest = ("", parts[0].folder)
    for part in parts:
        results = reading.load_verified(part.folder, part.results_sha256)
        merged.add(results, part_row(results, part))
        newest = max(newest, (results["run"]["started"], part.folder))
    for part in missing:
        merged.add_missing(f"{part.folder.name}: {part.problem}")
    merged_results = merged.results()
    folder.mkdir(parents=True, exist_ok=True)
    finalize.clear(folder)
    write_all(merged_results, folder)
    write_page(merged_results, folder)
    target = newest[1] / "target.json"
    if target.is_file():
        shutil.copyfile(target, folder / target.name)
    signoff.write(merged_results, folder, signer)
    return merged_results


def part_row(results: Results, part: Part) -> PartRow:
    """Return how merged results name a part."""
    run = results["run"]
    return {
        "run": run["id"],
        "seed": run["seed"],
        "started": run["started"],
        "verdict": results["verdict"],
        "headline": results["headline"],
        "folder": part.folder.name,
        "results_sha256": part.results_sha256,
        "signoff_sha256": signoff.sha256(part.folder / signoff.FILE),
    }


def _write_fleet(
    whole: dict[tuple[str, str, str], list[Part]],
    missing: Sequence[Part],
    options: MergeOptions,
    signer: sealing.Signer | None,
) -> tuple[Fleet, bool]:
    """Return the fleet, and whether a strict run of it has an outdated waiver."""
    rows: list[FleetTargetRow] = []
    strict, has_outdated, names = False, False, set[str]()
    for (name, _, _), parts in whole.items():
        folder_name = targets.folder_name(name, names)
        names.add(folder_name.lower())
        report = options.folder / command.TARGETS / folder_name
        if len(parts) == 1:
            copy_report(parts[0].folder, report)
            results = reading.load_verified(report, parts[0].results_sha256)
        else:
            results = write_merged(parts, (), report)
        strict |= results["run"]["strict"]
        has_outdated |= waivers.has_outdated(results)
        rows.append(table.row_of(results, f"{command.TARGETS}/{folder_name}", report))
    rows += [table.row_without_report(part.folder.name, "", part.problem) for part in missing]
    run: model.FleetRunRow = {
        "kind": "merge",
        "started": in_utc(options.started),
        "finished": in_utc(datetime.now(UTC)),
        "on": "",
        "strict": strict,
    }
    fleet = table.build(rows, run)
    command.write(fleet, options.folder, signer)
    return fleet, has_outdated


def copy_report(source: Path, folder: Path) -> None:
    """Copy the files of a report; where the file system can, as links, since nobody changes them in place."""
    folder.mkdir(parents=True, exist_ok=True)
    finalize.clear(folder)
    own = [name for name in signoff.RECORDS if (source / name).is_file()]
    for name in [*signoff.present(source), *own]:
        (folder / name).parent.mkdir(exist_ok=True)
        _link_or_copy(source / name, folder / name)


def _link_or_copy(source: Path, copy: Path) -> None:
    with suppress(OSError):
        os.link(source, copy)
        return
    shutil.copyfile(source, copy)
