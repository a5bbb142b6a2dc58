"""qualification.html, one self-contained file, and qualification.md for the docs: clauses against faults."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from conformance.config.settings import Depth
from conformance.contract import catalogue
from conformance.evidence.text import one_line
from conformance.qualification import results
from conformance.qualification.assessing import GREEN, MISSED, OTHERS, RIGHT
from conformance.report import html

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jinja2 import Environment

    from conformance.contract.json_types import JsonObject
    from conformance.qualification.assessing import Row

_HERE = Path(__file__).parent
#: outcomes of trials in the colours of outcomes of clauses
TONES = {RIGHT: "passed", GREEN: "passed", OTHERS: "warned", MISSED: "failed", "accused": "failed", "error": "error"}
WORDS = {
    RIGHT: "right clause",
    OTHERS: "only others",
    MISSED: "missed",
    GREEN: "green",
    "accused": "accused",
    "error": "inconclusive",
}
TYPE = "another type"


@dataclass
class Chapter:
    """The faults of a chapter against its clauses."""

    title: str
    clauses: list[str]
    rows: list[tuple[Row, list[str], list[str]]] = field(default_factory=list)
    """Each fault with a mark for every clause, and the clauses of other chapters that it turned red."""


@dataclass
class Shape:
    """The structural faults of one answer: places against kinds of breaks."""

    title: str
    kinds: list[str]
    rows: list[tuple[str, list[list[Row]]]]
    broken: int
    right: int


def render(document: JsonObject) -> str:
    """Return qualification.html. Nothing in it comes from a foreign server, and all of it is escaped."""
    faults: list[Row] = document["faults"]
    variants: list[Row] = document["variants"]
    return (
        _environment()
        .get_template("qualification.html.jinja2")
        .render(
            document=document,
            run=document["run"],
            summary=document["summary"],
            style=Markup(html.css_path().read_text("utf-8")),  # noqa: S704 - our own file
            headline=headline(document),
            good=results_are_good(document),
            problems=results.problems([*faults, *variants]),
            chapters=_chapters([row for row in faults if row["kind"] == "written"]),
            shapes=_shapes([row for row in faults if row["kind"] == "structural"]),
            variants=[row for row in variants if row["kind"] == "written"],
            shape_variants=_by_difference([row for row in variants if row["kind"] == "structural"]),
            tones=TONES,
            words=WORDS,
        )
    )


def results_are_good(document: JsonObject) -> bool:
    """Whether the suite is qualified by this document: nothing is wrong, and something was tried to the end.

    A quick run may miss some MUST faults, as `results.MIN_QUICK_SCORE` says, but it may accuse nothing.
    """
    rows = [*document["faults"], *document["variants"]]
    bad = results.problems(rows)
    if document["run"].get("depth") == Depth.QUICK:
        score = document["summary"]["score"]
        bad = [row for row in bad if not results.is_only_missed(row)]
        if score is not None and score < results.MIN_QUICK_SCORE:
            return False
    return bool(rows) and not bad and not document["run"]["interrupted"]


def headline(document: JsonObject) -> str:
    """Return the totals in one sentence."""
    must, variants = document["summary"]["must"], document["summary"]["variants"]
    parts = []
    if must["total"]:
        parts.append(f"{must['right']:,} of {must['total']:,} MUST faults caught by their clause")
    if variants["total"]:
        parts.append(f"{variants['accused']:,} of {variants['total']:,} variants accused")
    return ", ".join(parts) or "no MUST fault and no variant tried"


def undecided_lines(variants: Iterable[Row]) -> Iterator[str]:
    """A line that names the green variants against which a run leaves MUST clauses undecided, if there are any."""
    rows = results.undecided(variants)
    if rows:
        names = ", ".join(f"{row['name']} ({len(row['undecided'])})" for row in rows)
        yield f"green, but with MUST clauses inconclusive or not tested, {len(rows)} of them: {names}"


def _chapters(faults: Iterable[Row]) -> list[Chapter]:
    known = catalogue.load()
    by_chapter = {
        chapter: Chapter(title, [clause.id for clause in known if clause.chapter == chapter])
        for chapter, title in known.chapters.items()
    }
    for row in faults:
        chapter = by_chapter[row["breaks"][0].partition("-")[0]]
        others = [clause for clause in {*row["seen"], *row["breaks"]} if clause not in chapter.clauses]
        marks = [mark(row, clause) for clause in chapter.clauses]
        chapter.rows.append((row, marks, sorted(others, key=catalogue.sort_key)))
    return [chapter for chapter in by_chapter.values() if chapter.rows]


def mark(row: Row, clause: str) -> str:
    """Return a clause's mark for a fault: caught, missed, fell (with it, as declared), accused, or none ("")."""
    seen = clause in row["seen"]
    if clause in row["breaks"]:
        return "caught" if seen else "missed"
    if clause in row["undeclared"]:
        return "accused"
    return "fell" if seen else ""


def _shapes(faults: Sequence[Row]) -> list[Shape]:
    """Group structural faults by answer and place.

    Their names are shape/answer/place/kind, with /one appended where one item among many is broken.
    """
    answers: dict[str, dict[str, dict[str, list[Row]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for row in faults:
        _, answer, place, kind = row["name"].split("/")[:4]
        answers[answer][place][TYPE if kind.startswith("as-") else kind].append(row)
    return [_shape(answer, places) for answer, places in answers.items()]


def _shape(answer: str, places: dict[str, dict[str, list[Row]]]) -> Shape:
    kinds = list(dict.fromkeys(kind for by_break in places.values() for kind in by_break))
    rows = [(place, [by_break.get(kind, []) for kind in kinds]) for place, by_break in places.items()]
    every = [row for _, cells in rows for cell in cells for row in cell]
    return Shape(answer.replace("-", ", "), kinds, rows, len(every), sum(row["outcome"] == RIGHT for row in every))


def _by_difference(variants: Iterable[Row]) -> list[tuple[str, int, int]]:
    by_difference: dict[str, list[Row]] = defaultdict(list)
    for row in variants:
        by_difference[row["difference"]].append(row)
    return [(words, len(rows), sum(row["outcome"] == GREEN for row in rows)) for words, rows in by_difference.items()]


def markdown(document: JsonObject) -> str:
    """Return qualification.md: a table of the clauses, and one of the faults that are written by hand."""
    summary, run = document["summary"], document["run"]
    lines = [
        "# What the suite catches",
        "",
        f"{headline(document)}. {_catching(summary['catch_s'])}",
        "",
        (
            f"Version {document['suite']['version']}, {run['started'][:10]}, by `backups-conformance qualify` with "
            f"seed {run['seed']}, {run.get('depth', Depth.STANDARD)} depth and {run['examples']} examples: each fault "
            "and each variant in a run of its own. "
            f"{summary['structural']:,} of the faults were generated from the schemas, the others are written by hand. "
            f"{summary['should']['right']} of {summary['should']['total']} faults that break a SHOULD were reported as "
            "warnings."
        ),
        "",
        "| clause | level | faults | right clause | only others | missed | median time to catch |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(_line(row) for row in document["clauses"] if row["faults"]["total"]),
    ]
    bad = results.problems([*document["faults"], *document["variants"]])
    if bad:
        lines += ["", "## Unexpected results", ""]
        lines += [f"- `{row['name']}` {WORDS[row['outcome']]}: {row['sentence']}" for row in bad]
    lines += _undecided(document["variants"])
    lines += ["", "## The faults written by hand", "", *_by_hand(document["faults"])]
    return "\n".join(lines) + "\n"


def _undecided(variants: Iterable[Row]) -> list[str]:
    rows = results.undecided(variants)
    if not rows:
        return []
    heading = "## Variants with MUST clauses that were inconclusive or not tested"
    cells = [(f"`{row['name']}`", row["sentence"], ", ".join(row["undecided"])) for row in rows]
    return ["", heading, "", "| variant | what it does | clauses |", "|---|---|---|", *map(_table_line, cells)]


def _table_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _by_hand(faults: Iterable[Row]) -> Iterator[str]:
    """Yield a line for each fault: what it breaks, its description, the clauses that failed, and how soon."""
    yield from ("| breaks | fault | what it does | seen by | after |", "|---|---|---|---|---:|")
    written = [row for row in faults if row["kind"] == "written"]
    for row in sorted(written, key=lambda row: [*map(catalogue.sort_key, row["breaks"])]):
        cells = (", ".join(row["breaks"]), f"`{row['name']}`", row["sentence"], ", ".join(row["seen"]))
        yield f"| {' | '.join(cells)} | {seconds(row['catch_s'])} |"


def _line(row: JsonObject) -> str:
    counts = row["faults"]
    cells = [row["id"], row["level"], counts["total"], counts[RIGHT], counts[OTHERS], counts[MISSED]]
    return f"| {' | '.join(map(str, cells))} | {seconds(row['catch_s'])} |"


def _catching(times: JsonObject) -> str:
    if times["median"] is None:
        return "No MUST was seen broken."
    return f"The median time to catch a fault is {seconds(times['median'])}, from the start of its server on."


def seconds(value: float | None) -> str:
    """Format a time for people; None is a dash."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


@cache
def _environment() -> Environment:
    environment = html.templates(_HERE / "templates")
    environment.filters.update(prose=html.prose, one_line=one_line, seconds=seconds)
    return environment
