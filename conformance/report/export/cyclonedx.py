"""CycloneDX 1.6 declarations: the clauses as requirements of a standard, and how far the target conforms to each.

A clause that passed has a claim with its checks as evidence. One that failed has a counter-claim. A warned clause has
both. Of a clause that was not tested, waived or could not be judged nothing is claimed.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.report.export import uri
from conformance.results.queries import clauses_in_order, sources
from conformance.results.wording import LABELS, counted

if TYPE_CHECKING:
    from conformance.contract.json_types import JsonObject
    from conformance.results.model import ClauseRow, Results

_SUITE, _ASSESSOR, _TARGET = "suite", "assessor", "target"
_CLAIMS = frozenset({Outcome.PASSED, Outcome.WARNED})
_COUNTER_CLAIMS = frozenset({Outcome.FAILED, Outcome.WARNED})


def document(results: Results) -> JsonObject:
    """Return the document: the standard under `definitions`, what the run shows under `declarations`."""
    rows = clauses_in_order(results)
    suite: JsonObject = {
        "type": "application",
        "bom-ref": _SUITE,
        "name": "backups-conformance",
        "version": results["suite"]["version"],
        "purl": f"pkg:pypi/backups-conformance@{results['suite']['version']}",
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, results['run']['id'])}",
        "version": 1,
        "metadata": {"timestamp": results["run"]["finished"], "tools": {"components": [suite]}},
        "definitions": {"standards": [_standard(results, rows)]},
        "declarations": {
            "assessors": [{"bom-ref": _ASSESSOR, "thirdParty": False, "organization": {"name": "backups-conformance"}}],
            "attestations": [
                {
                    "summary": one_line(results["headline"], 400),
                    "assessor": _ASSESSOR,
                    "map": [_mapping(row) for row in rows],
                }
            ],
            "claims": [claim for row in rows for claim in _claims(row)],
            "evidence": [
                _evidence(row, results) for row in rows if Outcome(row["outcome"]) in _CLAIMS | _COUNTER_CLAIMS
            ],
            "targets": {"components": _components(results), "services": [_service(results)]},
        },
    }


def _standard(results: Results, rows: list[ClauseRow]) -> JsonObject:
    return {
        "bom-ref": "standard",
        "name": "container-backups API contract",
        "version": results.get("edition") or results["suite"]["catalogue_sha256"],
        "requirements": [
            {
                "bom-ref": _requirement(row),
                "identifier": row["id"],
                "text": row["title"],
                "descriptions": [f"Source: {'; '.join(sources(row))}"],
                "properties": [{"name": "backups-conformance:level", "value": row["level"]}],
            }
            for row in rows
        ],
        "levels": [
            {
                "bom-ref": f"level-{level}",
                "identifier": level,
                "requirements": [_requirement(row) for row in rows if row["level"] == level],
            }
            for level in ("MUST", "SHOULD")
        ],
    }


def _requirement(row: ClauseRow) -> str:
    return f"requirement-{row['id']}"


def _mapping(row: ClauseRow) -> JsonObject:
    outcome = Outcome(row["outcome"])
    mapping: JsonObject = {"requirement": _requirement(row)}
    if outcome in _CLAIMS:
        mapping["claims"] = [f"claim-{row['id']}"]
    if outcome in _COUNTER_CLAIMS:
        mapping["counterClaims"] = [f"counter-claim-{row['id']}"]
    rationale = one_line(f"{LABELS[outcome]}: {row['reason']}" if row["reason"] else LABELS[outcome], 1000)
    if outcome in _CLAIMS | _COUNTER_CLAIMS:
        inputs = sum(check.get("inputs", check.get("requests", 0)) for check in row["checks"])
        mapping["conformance"] = {"score": 0 if outcome is Outcome.FAILED else 1, "rationale": rationale}
        tested = f"{counted(len(row['checks']), 'check')}, {counted(inputs, 'different request')}"
        mapping["confidence"] = {"rationale": tested}
    else:
        mapping["confidence"] = {"score": 0, "rationale": rationale}
    return mapping


def _claims(row: ClauseRow) -> list[JsonObject]:
    outcome, evidence = Outcome(row["outcome"]), [f"evidence-{row['id']}"]
    claims: list[JsonObject] = []
    if outcome in _CLAIMS:
        claims.append(
            {"bom-ref": f"claim-{row['id']}", "target": _TARGET, "predicate": row["title"], "evidence": evidence}
        )
    if outcome in _COUNTER_CLAIMS:
        broken = row["should"] if outcome is Outcome.WARNED and row["should"] else row["title"]
        claims.append(
            {
                "bom-ref": f"counter-claim-{row['id']}",
                "target": _TARGET,
                "predicate": f"does not hold: {broken}",
                "reasoning": one_line(row["reason"], 1000),
                "evidence": evidence,
            }
        )
    return claims


def _evidence(row: ClauseRow, results: Results) -> JsonObject:
    return {
        "bom-ref": f"evidence-{row['id']}",
        "propertyName": row["id"],
        "description": one_line(", ".join(check["id"] for check in row["checks"]), 2000) or "no check",
        "data": [{"name": "results.json", "contents": {"url": "results.json"}, "classification": "test results"}],
        "created": results["run"]["finished"],
    }


def _service(results: Results) -> JsonObject:
    target = results["target"]
    return {"bom-ref": _TARGET, "name": one_line(target["name"], 200), "endpoints": [uri(target["base_url"])]}


def _components(results: Results) -> list[JsonObject]:
    """The builds that `--subject` named."""
    return [
        {
            "type": "application",
            "bom-ref": f"subject-{number}",
            "name": one_line(subject["name"], 300),
            **_digest(subject),
        }
        for number, subject in enumerate(results["run"]["subjects"], 1)
    ]


def _digest(subject: object) -> JsonObject:
    digest = subject.get("sha256") if isinstance(subject, dict) else None
    return {"hashes": [{"alg": "SHA-256", "content": digest}]} if digest else {}
