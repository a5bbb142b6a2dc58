"""The page of each clause, the index of all clauses, and the list of clauses inside the contract."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import jinja2

import conformance
from conformance.contract import catalogue
from conformance.contract.check_id import CheckKind
from conformance.reference.faults import all_faults
from conformance.suite.registry import all_checks, all_judges, all_reviews
from sitegen import examples, openapi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from conformance.contract.catalogue import Catalogue, Clause
    from conformance.judging.checks import Check

ROOT = Path(conformance.__file__).parents[1]
PROSE = Path(__file__).parents[1] / "clauses"
TEMPLATES = Path(__file__).parent / "templates"
#: how a check finds its requests, where they are not written by hand
KINDS = {
    CheckKind.GENERATED: "Generated requests. ",
    CheckKind.STATEFUL: "Random sequences of requests against a model of the server. ",
    CheckKind.SCHEMATHESIS: "Requests that schemathesis derives from the OpenAPI document. ",
}
OBSERVED = (
    "A passive judge looks at every exchange of the run that the clause applies to, whichever check sent the request, "
    "as `{check}`."
)


class Prose(TypedDict):
    """What a page says beyond the catalogue; `stacks` maps a stack to a hint, both Markdown."""

    why: str
    legal: list[str]
    fix: str
    stacks: dict[str, str]


@cache
def prose() -> dict[str, Prose]:
    """The reviewed texts of `docs/clauses/*.toml` by clause ID."""
    return {
        clause_id: entry
        for path in sorted(PROSE.glob("*.toml"))
        for clause_id, entry in tomllib.loads(path.read_text("utf-8")).items()
        if clause_id != "rfc"
    }


def cell(text: str) -> str:
    """Text as a cell of a Markdown table: one line, with its bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


@cache
def operation_titles() -> dict[str, str]:
    """Method and path of each operation, by its name."""
    return {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, item in openapi.bundle()["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "delete")
    }


def sources(clause: Clause) -> list[str]:
    """Each source of the clause with the section that says it."""
    titles = operation_titles()
    documented = [name for name in clause.operations if name not in ("job", "delete")]
    places = ", ".join(f"`{titles[name]}`" for name in clause.operations)
    sections = {
        "S": f"{plural('section', documented)} {', '.join(documented)}",
        "U": f"{plural('operation', clause.operations)} {places}",
        "C": "the job of the test data",
        "D": "the guides on backups and on roles",
    }
    names = catalogue.load().sources
    listed = []
    for letter in clause.source.split():
        if letter == "H":
            listed += catalogue.sections()[clause.id]
        else:
            listed.append(f"{names[letter][:1].upper()}{names[letter][1:]}: {sections[letter]}")
    return listed


def plural(noun: str, items: Sequence[str]) -> str:
    """The noun in the number of the items."""
    return noun if len(items) == 1 else f"{noun}s"


def linked(text: str, clause_id: str) -> str:
    """Text in which each ID of another clause leads to its page."""
    known = catalogue.load().clauses

    def link(match: re.Match[str]) -> str:
        found = match[0]
        return f"[{found}]({found}.md)" if found in known and found != clause_id else found

    return re.sub(r"(?<![\w`/[(-])[A-Z]{3,4}-\d+\b(?![`\]])", link, text)


def linked_prose(clause_id: str) -> Prose:
    """The reviewed texts of a clause with links to the other clauses that they name."""
    entry = prose()[clause_id]
    return Prose(
        why=linked(entry["why"], clause_id),
        legal=[linked(text, clause_id) for text in entry["legal"]],
        fix=linked(entry["fix"], clause_id),
        stacks={stack: linked(hint, clause_id) for stack, hint in entry["stacks"].items()},
    )


def tested_by(clause_id: str) -> tuple[list[dict[str, str]], list[str]]:
    """The checks and final reviews of a clause, a row for each function, and a sentence for its passive judge."""
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    declared = [*all_checks().values(), *all_reviews().values()]
    for check in sorted(declared, key=lambda check: check.kind is not CheckKind.EXAMPLE):
        if check.clause == clause_id:
            rows[described(check), place_of(check.function)].append(f"`{check.id}`")
    checks = [{"ids": "<br>".join(ids), "text": text, "place": place} for (text, place), ids in rows.items()]
    observed = any(judge.clause == clause_id for judge in all_judges())
    return checks, [OBSERVED.format(check=f"{clause_id}/<operation>/observed")] if observed else []


def described(check: Check) -> str:
    """What a check sends and looks at: its docstring, after how it finds requests that are not written by hand."""
    if check.kind in (CheckKind.STATEFUL, CheckKind.SCHEMATHESIS):
        return KINDS[check.kind].strip()  # one function serves all clauses
    return cell(KINDS.get(check.kind, "") + (check.function.__doc__ or ""))


def place_of(function: Callable[..., object]) -> str:
    """File and line of a check, relative to the repository: `conformance/suite/test_list.py#L42`."""
    code = function.__code__
    return f"{Path(code.co_filename).relative_to(ROOT).as_posix()}#L{code.co_firstlineno}"


@cache
def faults_by_clause() -> tuple[dict[str, list[Any]], dict[str, list[str]]]:
    """For each clause the faults that break it, and the names of those that break it together with others."""
    breaking: dict[str, list[Any]] = defaultdict(list)
    falling: dict[str, list[str]] = defaultdict(list)
    for name, fault in sorted(all_faults().items()):
        for clause_id in fault.breaks:
            breaking[clause_id].append({"name": name, "sentence": cell(fault.sentence)})
        for clause_id in fault.also:
            falling[clause_id].append(f"`{name}`")
    return breaking, falling


def message(start: str, headers: dict[str, Any], body: str | None) -> str:
    """A request or response as it reads on the wire."""
    lines = [start, *(f"{name}: {value}" for name, value in headers.items())]
    return "\n".join([*lines, "", body] if body else lines)


def request_message(request: dict[str, Any]) -> str:
    """A request as it reads on the wire."""
    rest = request["url"].partition("://")[2]
    host, slash, path = rest.partition("/")
    return message(
        f"{request['method']} {slash}{path} HTTP/1.1", {"Host": host, **request["headers"]}, request.get("body")
    )


def clause_page(clause: Clause) -> str:
    """The page of one clause. Raises KeyError if its reviewed texts are missing."""
    template = environment().get_template("clause.md.jinja2")
    example = examples.load().get(clause.id)
    exchange = (example or {}).get("exchange") or {}
    request, response = exchange.get("request"), exchange.get("response")
    checks, judges = tested_by(clause.id)
    breaking, falling = faults_by_clause()
    return template.render(
        clause=clause,
        since=clause.since,
        chapter=catalogue.load().chapters[clause.chapter],
        sources=sources(clause),
        prose=linked_prose(clause.id),
        checks=checks,
        judges=judges,
        example=example,
        request_text=request and request_message(request),
        response_text=response and message(f"HTTP/1.1 {response['status']}", response["headers"], response["body"]),
        faults=breaking.get(clause.id, []),
        fallen=falling.get(clause.id, []),
    )


@cache
def environment() -> jinja2.Environment:
    """Templates for Markdown, which is not escaped: all of its input is ours."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701


def by_chapter(clauses: Catalogue) -> Iterator[tuple[str, str, list[Clause]]]:
    """Prefix, title and clauses of each chapter, in the order of the contract."""
    for prefix, title in clauses.chapters.items():
        yield prefix, title, [clause for clause in clauses if clause.chapter == prefix]


def table(clauses: list[Clause], folder: str) -> str:
    """A table of clauses, each with a link to its page in `folder`."""
    lines = ["| Clause | Level | Text |", "|---|---|---|"]
    for clause in clauses:
        text = f"{clause.text} *SHOULD as well:* {clause.should}." if clause.should else clause.text
        text += f" *Erratum:* {clause.errata}" if clause.errata else ""
        lines.append(f"| [{clause.id}]({folder}{clause.id}.md) | {clause.level} | {cell(text)} |")
    return "\n".join(lines)


def chapters(folder: str, heading: str) -> str:
    """All clauses, a table for each chapter beneath a heading of the given depth."""
    clauses = catalogue.load()
    parts = [
        f"{heading} {title} {{ #{prefix.lower()} }}\n\n{table(members, folder)}"
        for prefix, title, members in by_chapter(clauses)
    ]
    return "\n\n".join(parts)


def index_page() -> str:
    """The index of all clauses."""
    clauses = list(catalogue.load())
    must = sum(clause.level == "MUST" for clause in clauses)
    intro = (
        "# Clauses\n\n"
        f"The contract has {len(clauses)} clauses: {must} of level MUST, {len(clauses) - must} of level SHOULD. "
        "Each has a page that says why it matters, what is allowed all the same, how it is tested, what a failure "
        "looks like and how to fix it. Reports link to these pages.\n\n"
    )
    return intro + chapters("", "##") + "\n"
