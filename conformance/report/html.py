"""report.html: our part of the page, static HTML that needs neither scripts nor a network."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.contract import catalogue
from conformance.contract.documentation import clause_page
from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.report import plots, qualified, views
from conformance.results import queries, wording
from conformance.results.signoff import page_marks
from conformance.results.waivers import stubs

if TYPE_CHECKING:
    from conformance.results.model import Results

_HERE = Path(__file__).parent
_NOTES = 200
_TOLD = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED, Outcome.WAIVED)


def css_path() -> Path:
    """The style sheet that pytest-html is to take in (`--css`)."""
    return _HERE / "templates" / "style.css"


@cache
def style() -> Markup:
    """The style sheet as a page of its own takes it in."""
    return Markup(css_path().read_text(encoding="utf-8"))  # noqa: S704 - our own file


def page_title(results: Results) -> str:
    """The page's heading and the browser tab's words; whoever writes it escapes it."""
    return f"Container backups conformance: {one_line(results['target']['name'], 80)}"


def page(results: Results) -> str:
    """Return report.html of finished results: one self-contained file without scripts."""
    return (
        environment()
        .get_template("page.html.jinja2")
        .render(
            title=page_title(results),
            policy=content_security_policy(),
            marks=Markup(page_marks(results["run"]["id"], results["verdict"])),  # noqa: S704 - escaped where it is made
            style=style(),
            summary=Markup(render_summary(results, with_checks=True)),  # noqa: S704 - escaped by its template
        )
    )


def content_security_policy(*scripts: str) -> Markup:
    """Return the element that lets a page run these scripts, by their hashes, and load nothing."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    rules = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Markup('<meta http-equiv="Content-Security-Policy" content="{}"/>').format(Markup(rules))  # noqa: S704


def render_summary(results: Results, *, with_checks: bool = False) -> str:
    """Return the part of report.html that is ours, with everything foreign in it escaped.

    `with_checks`: with the table of checks, which a page in pytest-html has anyway.
    """
    results = queries.shown(results)
    operations, matrix = views.matrix(results)
    latencies, scale = plots.latencies(results.get("latency", []))
    return (
        environment()
        .get_template("summary.html.jinja2")
        .render(
            results=results,
            run=results["run"],
            target=results["target"],
            counts=queries.counts(results),
            red=queries.failing(results),
            sections=[
                (outcome, wording.LABELS[outcome], views.alike(views.entries(results, outcome))) for outcome in _TOLD
            ],
            anchored={row["id"] for row in queries.with_outcome(results, *_TOLD)},
            chapters=queries.by_chapter(results),
            operations=operations,
            matrix=matrix,
            timelines=views.timelines(results),
            latencies=latencies,
            scale=scale,
            filters=_filters(results),
            qualification=qualified.in_words(results),
            hints=queries.not_tested_by_reason(results),
            sources=catalogue.load().sources,
            notes=results["notes"][:_NOTES],
            stubs=stubs(results),
            with_checks=with_checks,
            queries=queries,
            wording=wording,
        )
    )


def prose(text: str) -> Markup:
    """The catalogue's text, whose code marks become code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in enumerate(parts)
    )


def templates(folder: Path) -> Environment:
    """The templates of a folder; everything that they are given is escaped, and nothing may be missing."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def environment() -> Environment:
    """The templates of reports, with what they call."""
    made = templates(_HERE / "templates")
    made.globals["plots"] = plots
    made.globals["clause_page"] = clause_page
    made.filters.update(prose=prose, one_line=one_line, seconds=plots.seconds, when=when, label=_label)
    return made


def _filters(results: Results) -> list[tuple[str, str, int]]:
    """What the table of clauses can be narrowed to: only what there is any of."""
    found = [(outcome.value, name.capitalize(), number) for outcome, name, number in queries.counts(results) if number]
    return [("all", "All", len(results["clauses"])), *found] if len(found) > 1 else []


def when(moment: str) -> str:
    """A moment for people: to the second."""
    return re.sub(r"\.\d+(?=Z$)", "", moment).replace("T", " ").replace("Z", " UTC")


def _label(outcome: str) -> str:
    return wording.LABELS[Outcome(outcome)]
