"""Two readings of one thing are the same whatever their spelling; a difference is named by its place (GET-3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.equivalence import differences

GOLDEN = Path(__file__).parents[2] / "golden"


def backup(**members: Any) -> dict[str, Any]:
    return {**json.loads((GOLDEN / "backup" / "good-live.json").read_bytes()), **members}


def events(created: str, **members: Any) -> dict[str, Any]:
    return {"created": created, "updated": "2025-02-04T07:41:22Z", "deleted": "0001-01-01T00:00:00Z", **members}


NOON = "2025-02-04T12:00:00Z"


@pytest.mark.parametrize(
    ("shape", "a", "b"),
    [
        ("backup", backup(), dict(reversed(backup().items()))),
        ("backup", backup(), backup(label="unknown", target={**backup()["target"], "copies": 2})),
        ("backup", backup(), backup(state={**backup()["state"], "error": None})),
        ("events", events(NOON), events("2025-02-04T13:00:00.000+01:00")),
        ("events", events(NOON, deleted="0001-01-01T00:00:00.0+00:00"), events("2025-02-04t12:00:00z")),
        ("descriptor-job", {"schedule": NOON}, {"schedule": "2025-02-04T11:00:00-01:00"}),
        ("backup-target", {"size": 3221225472}, {"size": 3.221225472e9}),
        ("backup-target", {"size": 2**64 + 1}, {"size": 2**64 + 1}),
        ("includes", {"integrations": {"a": None}}, {"integrations": {}}),
        ("includes", None, None),
        ("time", "not a time", "not a time"),
    ],
)
def test_the_same_in_another_spelling_is_the_same(shape: str, a: object, b: object) -> None:
    assert differences(shape, a, b) == []
    assert differences(shape, b, a) == []


@pytest.mark.parametrize(
    ("shape", "a", "b", "places"),
    [
        ("backup", backup(), backup(hub_id="x"), ["/hub_id"]),
        ("backup", backup(), {}, [f"/{name}" for name in backup()]),
        ("events", events(NOON), events("2025-02-04T12:00:00.0000000001Z"), ["/created"]),
        ("events", events(NOON), events("noon"), ["/created"]),
        ("events", events("noon"), events("Noon"), ["/created"]),
        ("events", events(NOON, deleted=None), events(NOON), ["/deleted"]),
        ("descriptor-job", {"schedule": ""}, {"schedule": "0001-01-01T00:00:00Z"}, ["/schedule"]),
        ("backup-target", {"size": 1}, {"size": True}, ["/size"]),
        ("backup-target", {"size": 0}, {"size": False}, ["/size"]),
        ("backup-target", {"size": 0}, {"size": None}, ["/size"]),
        ("backup-target", {"size": 2**53}, {"size": 2**53 + 1}, ["/size"]),
        ("backup-target", {"path": NOON}, {"path": "2025-02-04T13:00:00+01:00"}, ["/path"]),
        (
            "includes",
            {"integrations": {"a/b": {"name": "x"}}},
            {"integrations": {"a/b": {"name": "y"}}},
            ["/integrations/a~1b/name"],
        ),
        ("includes", {"integrations": {}}, {"integrations": None}, ["/integrations"]),
        (
            "backup-list-answer",
            {"data": [{"id": "1"}, {"id": "2"}]},
            {"data": [{"id": "2"}, {"id": "1"}]},
            ["/data/0/id", "/data/1/id"],
        ),
        ("backup-list-answer", {"data": [{"id": "1"}]}, {"data": []}, ["/data"]),
        ("new-task", {"input": {"deep": [{"x": 1}]}}, {"input": {"deep": [{"x": 1, "y": 2}]}}, ["/input/deep/0/y"]),
        ("backup", [], {}, [""]),
    ],
)
def test_a_difference_is_named_by_its_place(shape: str, a: object, b: object, places: list[str]) -> None:
    assert differences(shape, a, b) == places
    assert sorted(differences(shape, b, a)) == sorted(places)


@pytest.mark.parametrize(
    ("ignore", "places"),
    [
        ((), ["/data/0/events/updated", "/data/0/state/changed"]),
        (("/data/*/events/updated",), ["/data/0/state/changed"]),
        (("/data/*/events/updated", "/data/0/state"), []),
        (("/data/*/*/updated", "/data/*/*/changed"), []),
        (("/data/1/events/updated", "/events/updated"), ["/data/0/events/updated", "/data/0/state/changed"]),
        (("",), []),
    ],
)
def test_places_can_be_left_out(ignore: tuple[str, ...], places: list[str]) -> None:
    later = backup(
        events={**backup()["events"], "updated": NOON},
        state={**backup()["state"], "changed": NOON},
    )
    changed = differences("backup-list-answer", {"data": [backup()]}, {"data": [later]}, ignore=ignore)
    assert sorted(changed) == places
