"""Legal values that the vendor's own clients cannot read are named, and everything else is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.contract.readability import unreadable_values

GOLDEN = Path(__file__).parents[2] / "golden"
TIMES = {
    "2026-01-02T03:04:05Z": "",
    "2026-01-02T03:04:05.25+01:00": "",
    "0001-01-01T00:00:00Z": "",
    "0001-01-01T00:00:00.000+00:00": "the zero time in another spelling",
    "2026-01-02t03:04:05Z": "a time with a small t or z",
    "2026-01-02T03:04:05z": "a time with a small t or z",
    "2016-12-31T23:59:60Z": "a leap second",
    "yesterday": "",
}
INTEGERS = {
    0: "",
    2**63 - 1: "",
    2**63: "an integer above 2^63-1",
    3.0: "an integer written with a fraction or an exponent",
}


@pytest.mark.parametrize(("time", "what"), TIMES.items())
def test_times(time: str, what: str) -> None:
    backup = {"state": {"current": "live", "changed": time}}
    assert unreadable_values("backup", backup) == ({f"/state/changed is {what}"} if what else set())


@pytest.mark.parametrize(("size", "what"), INTEGERS.items())
def test_integers(size: float, what: str) -> None:
    answer = {"data": [{"target": {"size": size}}]}
    assert unreadable_values("backup-list-answer", answer) == ({f"/data/*/target/size is {what}"} if what else set())


def test_an_empty_schedule() -> None:
    assert unreadable_values("job-answer", {"data": {"schedule": ""}}) == {
        "/data/schedule is an empty string for a time"
    }


@pytest.mark.parametrize("name", ["good-plain", "good-included", "good-null-includes"])
def test_what_the_samples_hold_is_readable(name: str) -> None:
    answer = json.loads((GOLDEN / "backup-answer" / f"{name}.json").read_text("utf-8"))
    assert unreadable_values("backup-answer", answer) == set()
