"""index.html: the runs of a folder, newest first, with the way each target went."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.judging.outcomes import Outcome, Verdict
from conformance.report.html import environment, style
from conformance.results.files import write_atomically
from conformance.results.model import SelectionRow
from conformance.results.queries import ORDER
from conformance.results.signoff import FILE
from conformance.results.wording import LABELS, selection_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.contract.json_types import JsonObject


#: runs of one target that are listed, and those of them that the trend shows
_LISTED, _DRAWN = 200, 60
_DEEPEST = 3
_LARGEST = 1_000_000


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


def write(folder: Path) -> int:
    """Write the page into a folder of report folders; gives the number of runs that it lists."""
    targets: dict[str, list[RunEntry]] = {}
    for entry in sorted(entries(folder), key=lambda one: one.started, reverse=True):
        targets.setdefault(entry.target, []).append(entry)
    text = (
        environment()
        .get_template("index.html.jinja2")
        .render(
            targets={name: found[:_LISTED] for name, found in sorted(targets.items())},
            more={name: max(0, len(found) - _LISTED) for name, found in targets.items()},
            drawn=_DRAWN,
            style=style(),
            labels=LABELS,
        )
    )
    write_atomically(folder / "index.html", text)
    return sum(map(len, targets.values()))


def entries(folder: Path) -> Iterator[RunEntry]:
    """The runs below a folder that were signed off; what cannot be read is left out."""
    for path in _records(folder, _DEEPEST):
        entry = _entry(path, folder)
        if entry is not None:
            yield entry


def _records(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / FILE).is_file():
        yield folder / FILE
    elif depth:
        for below in folder.iterdir():
            # Links are left: `latest` is a run that is listed already.
            if below.is_dir() and not below.is_symlink() and not below.name.startswith("."):
                yield from _records(below, depth - 1)


def _entry(path: Path, folder: Path) -> RunEntry | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        record = json.loads(path.read_bytes())["predicate"]["configuration"][0]["annotations"]
        words = {name: str(record[name]) for name in ("run", "started", "target", "suite")}
        counts = {outcome: int(record["summary"][outcome.value]) for outcome in Outcome}
        verdict, headline = _verdict(record)
        selection = record.get("selection") or SelectionRow(only=[], skip=[])
    except (OSError, ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return RunEntry(
        path=path.parent.relative_to(folder).as_posix(),
        **words,
        verdict=verdict.value,
        headline=headline,
        selection=selection_words(selection),
        counts=counts,
    )


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
