"""qualification.json: what this version writes, and what older versions wrote, is valid by the published schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from conformance.contract import catalogue
from conformance.contract.schemas import schemas_dir
from conformance.judging.outcomes import Outcome
from conformance.qualification import assessing, results, trials
from conformance.qualification.measure import Judged, Result
from conformance.reference.registry import Fault, Variant

if TYPE_CHECKING:
    from conformance.reference.registry import Change

SCHEMA = Draft202012Validator(json.loads((schemas_dir() / "qualification.json").read_bytes()))
FAULT = Fault("broken", "It is broken.", ("GET-1",), (), needs_probe=False, apply=lambda _: None)
VARIANT = Variant("different", "It differs.", "the contract leaves it open", apply=lambda _: None)


def row(change: Change) -> assessing.Row:
    """The row of a trial in which GET-1 failed and GET-2 was inconclusive without a cause."""
    outcomes = {"GET-1": Outcome.FAILED, "GET-2": Outcome.ERROR}
    clauses = {clause.id: Judged(outcomes.get(clause.id, Outcome.PASSED), "a reason") for clause in catalogue.load()}
    return assessing.assess(trials.Trial(change), Result(change.name, clauses, 1.0), catch_s=0.5, cut_short=False)


def document() -> dict[str, Any]:
    written = results.document([row(FAULT), row(VARIANT)], results.Facts(jobs=1, seed=1))
    parsed: dict[str, Any] = json.loads(json.dumps(written))
    return parsed


def rows_of(written: dict[str, Any]) -> list[dict[str, Any]]:
    return [*written["faults"], *written["variants"]]


def test_rows_name_the_clauses_that_were_inconclusive_without_a_cause() -> None:
    written = document()
    SCHEMA.validate(written)
    assert [row["inconclusive"] for row in rows_of(written)] == [["GET-2"], ["GET-2"]]
    assert written["summary"]["problems"] == 2


def test_a_document_of_format_1_is_valid() -> None:
    written = document()
    written["format"] = "backups-conformance/qualification/1"
    for row in rows_of(written):
        row["untold"] = row.pop("inconclusive")
    SCHEMA.validate(written)


@pytest.mark.parametrize("change", ["neither", "both"])
def test_a_row_has_one_of_the_two_names(change: str) -> None:
    written = document()
    for row in rows_of(written):
        row["untold"] = row["inconclusive"]
        if change == "neither":
            del row["untold"], row["inconclusive"]
    assert not SCHEMA.is_valid(written)
