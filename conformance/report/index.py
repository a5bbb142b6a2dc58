"""index.html: the runs of a folder, newest first, with a trend for each target."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.config import untrusted
from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome, Verdict
from conformance.report.html import environment, style
from conformance.results import reading
from conformance.results.files import write_atomically
from conformance.results.queries import ORDER
from conformance.results.signoff import FILE, is_folder, sha256
from conformance.results.verify import MAX_RECORD
from conformance.results.wording import LABELS, selection_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from conformance.contract.json_types import JsonObject
    from conformance.results.model import SelectionRow


#: how many runs of one target are listed, and how many of them the trend shows
_LISTED, _DRAWN = 200, 60
_DEEPEST = 3
#: what a fleet folder has beside its record, and where the report folders of its targets are
FLEET, _TARGETS = "fleet.json", "targets"
#: the page that compares the newest runs of all targets; `index` writes it, and this one links to it
OVERVIEW = "fleet.html"
#: clauses with one outcome
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run, from its sign-off record: a few kilobytes, where results.json may have megabytes."""

    path: str
    run: str
    started: str
    target: str
    suite: str
    verdict: str
    headline: str
    selection: str
    counts: dict[Outcome, int]
    #: None and empty in records of older versions.
    seed: int | None = None
    generators: dict[str, str] = field(default_factory=dict)

    @property
    def share(self) -> list[tuple[str, float, float]]:
        """Outcome, where its part of the bar begins from the bottom, and how high it is, in percent."""
        whole = sum(self.counts.values()) or 1
        parts, at = [], 0.0
        for outcome in ORDER:
            height = 100 * self.counts[outcome] / whole
            if height:
                parts.append((outcome.value, at, height))
            at += height
        return parts


@dataclass(frozen=True, slots=True)
class Listing:
    """What an index lists: how many runs, and in one line each the records that cannot be read."""

    runs: int
    problems: list[str]


def write(folder: Path) -> Listing:
    """Write the page into a folder of report folders."""
    targets: dict[str, list[RunEntry]] = {}
    problems: list[str] = []
    for entry in sorted(entries(folder, problems), key=lambda entry: entry.started, reverse=True):
        targets.setdefault(entry.target, []).append(entry)
    text = (
        environment()
        .get_template("index.html.jinja2")
        .render(
            targets={name: runs[:_LISTED] for name, runs in sorted(targets.items())},
            more={name: max(0, len(runs) - _LISTED) for name, runs in targets.items()},
            drawn=_DRAWN,
            overview=OVERVIEW if (folder / OVERVIEW).is_file() else "",
            style=style(),
            labels=LABELS,
        )
    )
    write_atomically(folder / "index.html", text)
    return Listing(sum(map(len, targets.values())), problems)


def entries(folder: Path, problems: list[str] | None = None) -> Iterator[RunEntry]:
    """Yield the runs below a folder that were signed off; `problems` gets a line for each record that is left out."""
    for path in _records(folder, _DEEPEST):
        try:
            yield _entry(path, folder)
        except untrusted.UntrustedFileError as problem:
            reason = str(problem)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            reason = f"{path}: is not a sign-off record of this suite"
        else:
            continue
        if problems is not None:
            problems.append(one_line(reason))


def _records(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the records of runs; that of a fleet folder is of no run, so those of its targets take its place."""
    if is_fleet(folder):
        for target in sorted((folder / _TARGETS).iterdir()) if is_folder(folder / _TARGETS) else ():
            if is_folder(target) and not is_fleet(target):
                yield from _records(target, 0)
    elif os.path.lexists(folder / FILE):
        yield folder / FILE
    elif depth:
        for below in sorted(folder.iterdir()):
            # Links are skipped: `latest` points to a run that is listed already.
            if is_folder(below) and not below.name.startswith("."):
                yield from _records(below, depth - 1)


def is_fleet(folder: Path) -> bool:
    """Whether a folder is the page of a fleet: one that a run of several targets, or their merge, wrote."""
    return os.path.lexists(folder / FLEET)


def _entry(path: Path, folder: Path) -> RunEntry:
    files = untrusted.read_object(path, MAX_RECORD)["predicate"]["configuration"]
    record = files[0]["annotations"]
    words = {name: _text(record[name]) for name in ("run", "started", "target", "suite")}
    verdict, headline = _verdict(record)
    _check_results(path.with_name("results.json"), {file["name"]: file["digest"].get("sha256") for file in files})
    return RunEntry(
        path=path.parent.relative_to(folder).as_posix(),
        **words,
        verdict=verdict.value,
        headline=_text(headline),
        selection=selection_words(_selection(record)),
        counts={outcome: _count(record["summary"][outcome.value]) for outcome in Outcome},
        seed=record["seed"] if isinstance(record.get("seed"), int) else None,
        generators={_text(name): _text(version) for name, version in record.get("generators", {}).items()},
    )


def _check_results(path: Path, digests: Mapping[str, object]) -> None:
    """Raise UntrustedFileError where results.json is not the file of the record, with its fault where it has one.

    Its digest is compared, which takes a hundredth of the time of parsing it.
    """
    if sha256(path) == digests.get(path.name):
        return
    try:
        reading.parse_results(untrusted.read_json(path))
    except reading.ResultsError as problem:
        raise untrusted.UntrustedFileError(path, str(problem)) from None
    raise untrusted.UntrustedFileError(path, f"is not the file that {FILE} names")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a string was expected")
    return one_line(value)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise TypeError("a count was expected")
    return value


def _selection(record: JsonObject) -> SelectionRow:
    selection = record.get("selection") or {"only": [], "skip": []}
    only, skip = ([_text(selector) for selector in selection[name]] for name in ("only", "skip"))
    return {"only": only, "skip": skip}


def _verdict(record: JsonObject) -> tuple[Verdict, str]:
    """Verdict and headline; older records knew no partial verdict, so a conformant one may be partial today."""
    verdict = Verdict(record["verdict"])
    if "headline" in record:
        return verdict, str(record["headline"])
    summary = record["summary"]
    is_whole = not summary["waived"] and summary["must_tested"] == summary["must_total"]
    if verdict is Verdict.CONFORMANT and not is_whole:
        verdict = Verdict.PARTIAL
    return verdict, str(record["verdictWords"])
