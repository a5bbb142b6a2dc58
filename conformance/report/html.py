"""report.html: our part of the page, static HTML that needs neither scripts nor a network."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.contract import catalogue
from conformance.contract.documentation import clause_page
from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.report import plots, preflight, qualified, views
from conformance.results import queries, wording
from conformance.results.signoff import page_marks
from conformance.results.waivers import stubs

if TYPE_CHECKING:
    from jinja2.bccache import Bucket

    from conformance.results.model import Results

_HERE = Path(__file__).parent
_MAX_NOTES = 200
#: Characters of our part of the page, unless the least detail takes more: it must open in any browser.
_MAX_PAGE = 4_000_000
#: outcomes whose clauses have a card each
_SHOWN = (Outcome.FAILED, Outcome.WARNED, Outcome.WAIVED)
#: the files beside the page that it links to
_FILES = ("results.json", "junit.xml", "summary.md", "signoff.json")
#: The names of keys and resources in the capability matrix.
_TERMS = {
    "full, view, manage, unrelated": "keys of the target file, with the capabilities that their names say",
    "expired": "a key of the target file that must be refused",
    "other_hub": "a key with full rights in another hub",
    "none": "no Authorization header",
    "unknown": "a key of the same form that nobody issued",
    "cut, extended, swapped case": "the full key without its last character, with more behind it, in the other case",
    "bare, empty, other scheme, basic …": "the full key in another form than Bearer and the key: it must be refused",
    "lower scheme, upper scheme": "the full key after bearer and BEARER: it must be accepted (RFC 9110, 11.1)",
    "underscores": "a key of underscores only, as long as the full one: SQL's LIKE takes each for any character",
    "not ASCII": "a key with a character outside ASCII",
    "own": "resources of the container under test",
    "sibling": "another container of the same hub (fixtures.other_container_id)",
    "crossed": "a backup addressed through the path of another container than its own",
    "other hub": "resources of this hub, asked for with the id or the key of another hub",
    "missing": "well-formed ids of nothing that exists",
    "malformed": "texts that cannot be ids",
}


def css_path() -> Path:
    """The style sheet that pytest-html is to take in (`--css`)."""
    return _HERE / "templates" / "style.css"


@cache
def script() -> Markup:
    """Return the page's own script: search, copy buttons, and links into folds. The page is readable without it."""
    return Markup((_HERE / "templates" / "report.js").read_text(encoding="utf-8"))  # noqa: S704 - our own file


@cache
def style() -> Markup:
    """The style sheet as a page of its own takes it in."""
    return Markup(css_path().read_text(encoding="utf-8"))  # noqa: S704 - our own file


def page_title(results: Results) -> str:
    """The page's heading and the browser tab's words; whoever writes it escapes it."""
    return f"Container backups conformance: {one_line(results['target']['name'], 80)}"


def page(results: Results) -> str:
    """Return report.html of finished results: one self-contained file."""
    return (
        environment()
        .get_template("page.html.jinja2")
        .render(
            title=page_title(results),
            policy=content_security_policy(script()),
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

    `with_checks`: with the table of checks, which a page in pytest-html has anyway. A page that would be too large to
    open has less evidence.
    """
    shown = queries.shown(results)
    page = ""
    for detail in views.DETAILS:
        page = _rendered(shown, detail, with_checks=with_checks)
        if len(page) <= _MAX_PAGE:
            break
    return page


def _rendered(results: Results, detail: views.Detail, *, with_checks: bool) -> str:
    operations, matrix = views.matrix(results)
    latencies, scale = plots.latencies(results["latency"])
    decided = [(outcome, wording.LABELS[outcome], views.cards(results, outcome, detail)) for outcome in _SHOWN]
    inconclusive = (Outcome.ERROR, wording.LABELS[Outcome.ERROR], views.groups(results, detail))
    return (
        environment()
        .get_template("summary.html.jinja2")
        .render(
            results=results,
            run=results["run"],
            target=results["target"],
            counts=queries.counts(results),
            decision=views.decision(results),
            sections=[decided[0], inconclusive, *decided[1:]],
            anchored={row["id"] for row in queries.with_outcome(results, *_SHOWN, Outcome.ERROR)},
            chapters=queries.by_chapter(results),
            preflight=preflight.section(results),
            operations=operations,
            matrix=matrix,
            terms=_TERMS,
            coverage=views.coverage(results.get("coverage")),
            footprint=results.get("footprint"),
            timelines=views.timelines(results, detail),
            latencies=latencies,
            scale=scale,
            filters=_filters(results),
            qualification=qualified.score_sentence(results),
            not_tested=queries.not_tested_by_reason(results),
            sources=catalogue.load().sources,
            notes=results["notes"][:_MAX_NOTES],
            stubs=stubs(results),
            files=_FILES,
            with_checks=with_checks,
            script=script(),
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


class _CompiledTemplates(FileSystemBytecodeCache):
    """Compiled templates beside the templates, as Python keeps compiled modules, where the folder can be written to."""

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                Path(self.directory).mkdir(exist_ok=True)
                super().dump_bytecode(bucket)


def templates(folder: Path) -> Environment:
    """The templates of a folder; everything that they are given is escaped, and nothing may be missing."""
    return Environment(
        loader=FileSystemLoader(folder),
        bytecode_cache=_CompiledTemplates(str(folder / "__pycache__")),
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
    """The filters of the table of clauses: one for each outcome that occurs."""
    filters = [
        (outcome.value, name.capitalize(), number) for outcome, name, number in queries.counts(results) if number
    ]
    return [("all", "All", len(results["clauses"])), *filters] if len(filters) > 1 else []


def when(moment: str) -> str:
    """Format a time for readers: to the second."""
    return re.sub(r"\.\d+(?=Z$)", "", moment).replace("T", " ").replace("Z", " UTC")


def _label(outcome: str) -> str:
    return wording.LABELS[Outcome(outcome)]
