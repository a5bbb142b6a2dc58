"""SARIF 2.1.0: the findings with a rule for each clause, for code-scanning dashboards.

A result has no place in a source file; its logical location is the operation, its physical one the request's URL.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypedDict

from conformance.contract.documentation import clause_page
from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.report.export import uri
from conformance.results.queries import clauses_in_order, counts_warnings, general, sources, unique_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.json_types import JsonObject
    from conformance.results.model import ClauseRow, Results
    from conformance.results.queries import UniqueFinding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
SHOWN = (Outcome.FAILED, Outcome.WARNED, Outcome.WAIVED, Outcome.ERROR)
_LEVELS = {Outcome.FAILED: "error", Outcome.WARNED: "warning", Outcome.ERROR: "note"}
_ESCAPES = str.maketrans({"{": "{{", "}": "}}", "[": "\\[", "]": "\\]"})
_HELP = "A finding shows what the clause requires, what was received, and the request as a curl command."


class Message(TypedDict):
    """A text; everything in it is plain, no placeholder or link is meant."""

    text: str


def document(results: Results) -> JsonObject:
    """Return the log of one run."""
    rows = clauses_in_order(results)
    rules = {row["id"]: index for index, row in enumerate(rows)}
    run = results["run"]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "backups-conformance",
                        "semanticVersion": results["suite"]["version"],
                        "rules": [_rule(row) for row in rows],
                    }
                },
                "automationDetails": {"id": f"backups-conformance/{one_line(results['target']['name'], 100)}/"},
                "invocations": [
                    {
                        "executionSuccessful": not run["interrupted"],
                        "startTimeUtc": run["started"],
                        "endTimeUtc": run["finished"],
                    }
                ],
                "results": [
                    result for row in rows for result in _results(row, rules[row["id"]], counts_warnings(results, row))
                ],
                "properties": {"verdict": results["verdict"], "headline": one_line(results["headline"], 400)},
            }
        ],
    }


def _rule(row: ClauseRow) -> JsonObject:
    help_text = [row["title"], f"Level: {row['level']}.", f"Source: {'; '.join(sources(row))}."]
    help_text += [f"SHOULD: {row['should']}."] if row["should"] else []
    help_text += [f"Erratum: {row['errata']}"] if row["errata"] else []
    rule: JsonObject = {
        "id": row["id"],
        "shortDescription": _message(row["title"]),
        "fullDescription": _message(" ".join(help_text[1:])),
        "help": _message(*help_text, _HELP),
        "defaultConfiguration": {"level": "error" if row["level"] == "MUST" else "warning"},
        "properties": {"tags": [row["chapter"], row["level"]]},
    }
    page = clause_page(row["id"])
    return {**rule, "helpUri": page} if page else rule


def _results(row: ClauseRow, index: int, strict: bool) -> Iterator[JsonObject]:
    outcome = Outcome(row["outcome"])
    if outcome not in SHOWN:
        return
    findings = unique_findings(row)
    if not findings:
        yield _result(row, index, _level(outcome, strict), row["reason"], row["id"])
    for finding in findings:
        yield _of_finding(row, index, finding, strict)


def _of_finding(row: ClauseRow, index: int, unique: UniqueFinding, strict: bool) -> JsonObject:
    finding, exchange = unique.finding, unique.exchange
    place = f" at {finding['pointer']}" if finding["pointer"] else ""
    words = f"wanted {finding['wanted']}, got {finding['got']}{place}"
    level = _level(Outcome(finding["outcome"]), strict)
    result = _result(row, index, level, words, f"{unique.check['id']} {general(words)}")
    location: JsonObject = {
        "logicalLocations": [{"fullyQualifiedName": one_line(unique.check["id"], 200), "kind": "function"}]
    }
    if exchange is not None:
        address = exchange["request"]["url"].partition("?")[0]
        location["physicalLocation"] = {"artifactLocation": {"uri": uri(address)}}
        result["properties"] = {"curl": one_line(exchange["curl"], 4000)}
    result["locations"] = [location]
    if unique.places > 1:
        result["occurrenceCount"] = unique.places
    return result


def _level(outcome: Outcome, strict: bool) -> str:
    return "error" if strict and outcome is Outcome.WARNED else _LEVELS.get(outcome, "error")


def _result(row: ClauseRow, index: int, level: str, words: str, identity: str) -> JsonObject:
    result: JsonObject = {
        "ruleId": row["id"],
        "ruleIndex": index,
        "kind": "review" if level == "note" else "fail",
        "level": "none" if level == "note" else level,
        "message": _message(f"{row['title']} {words}"),
        "partialFingerprints": {"finding/v1": hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()},
    }
    if row["outcome"] == Outcome.WAIVED:
        justification = one_line(row["reason"], 1000)
        result["suppressions"] = [{"kind": "external", "justification": justification}]
    return result


def _message(*lines: str) -> Message:
    """Return a message of these lines, each without line breaks of its own."""
    # braces would be placeholders and brackets links
    shown = "\n".join(one_line(line, 4000) for line in lines).translate(_ESCAPES)
    return {"text": shown or "no text"}
