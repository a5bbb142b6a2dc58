"""Structural faults, made from the schemas: whatever departs from its shape is seen by some judge, at every place."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from conformance.contract import catalogue
from conformance.contract.pointers import value_at
from conformance.contract.validation import mismatches
from conformance.http.exchange import Exchange, Request, Response
from conformance.judging.answer_shapes import shape_of
from conformance.judging.expectations import CannotTellError
from conformance.reference import launch
from conformance.suite import registry
from conformance.suite.registry import all_judges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.reference.data.store import Fixtures

#: one value of each JSON type, and such as break a format, an enum or a bound without changing the type
STRANGERS: tuple[Any, ...] = (
    None,
    True,
    7,
    -1,
    1.5,
    "",
    "stranger",
    "2026-02-30T00:00:00Z",
    [],
    [None],
    {},
    {"a": None},
)
MAX_ITEMS = 2


def requests(stock: Fixtures, job: str) -> dict[str, tuple[Operation, str, str, dict[str, str]]]:
    """What to ask: name to operation, method, address and query."""
    container = f"/v1/containers/{stock.container_id}/backups"
    include = {"include": "integrations"}
    return {
        "list": ("list", "GET", container, include),
        "get": ("get", "GET", f"{container}/{stock.backup_id}", include),
        "logs": ("logs", "GET", f"{container}/{stock.backup_id}/logs", {}),
        "restore": ("restore", "POST", f"{container}/{stock.backup_id}/tasks", {}),
        "job": ("job", "GET", f"/v1/jobs/{job}", {}),
        "delete": ("delete", "DELETE", f"{container}/{stock.deletable_backup_ids[0]}", {}),
        "denied": ("list", "GET", container, {}),
        "missing member": ("restore", "POST", f"{container}/{stock.backup_id}/tasks", {}),
    }


@cache
def answers() -> dict[str, tuple[Request, Response]]:
    """A right answer of each kind, of the reference server."""
    found: dict[str, tuple[Request, Response]] = {}
    with launch.serve_in_thread(restore_seconds=0) as server, httpx.Client(base_url=server.base_url) as http:
        stock, job = server.store.fixtures, ""
        for name in requests(stock, job):
            operation, method, path, query = requests(stock, job)[name]
            key = "view" if name == "denied" and operation == "restore" else "manage" if name == "denied" else "full"
            body = {
                "action": "restore",
                "contents": {} if name == "missing member" else {"instance_id": stock.instance_id},
            }
            headers = {"Authorization": f"Bearer {server.store.token(key)}", "X-Hub-Id": stock.hub_id}
            got = http.request(
                method, path, params=query, headers=headers, json=body if operation == "restore" else None
            )
            if name == "restore":
                job = got.json()["data"]["job"]["id"]
            ids = {
                "container": stock.container_id,
                "backup": path.split("/")[5] if "/backups/" in path else "",
                "job": job,
            }
            asked = Request(
                operation, method, path, key=key, hub_id=stock.hub_id, resources=ids, asked=query,
                denied="containers-backups-view" if name == "denied" else None,
            )  # fmt: skip
            found[name] = asked, Response(got.status_code, tuple(got.headers.items()), got.content, 0.01)
    return found


def exchange(name: str, body: Any) -> Exchange:
    asked, response = answers()[name]
    return Exchange(asked, Response(response.status, response.headers, json.dumps(body).encode(), 0.01))


def good_body(name: str) -> Any:
    """The answer's body, its lists cut to a few items: the others are of the same shape."""
    body = json.loads(answers()[name][1].content())
    if isinstance(body["data"], list):
        richest = sorted(body["data"], key=lambda item: len(json.dumps(item)), reverse=True)[:MAX_ITEMS]
        body["data"] = richest
        wanted = {item.get("target", {}).get("integration_id") for item in richest}
        kept = body.get("includes", {}).get("integrations", {})
        for key in [key for key, one in kept.items() if not wanted & {one["id"], one["identifier"]}]:
            del kept[key]
    return body


def findings(exchange: Exchange) -> list[str]:
    """The clauses of which some judge finds the exchange wanting."""
    clauses = []
    for judge in all_judges():
        if judge.when(exchange):
            try:
                clauses += [judge.clause for _ in judge.function(exchange)]
            except CannotTellError:
                clauses.append("inconclusive")
    return clauses


def places(value: Any, pointer: str = "") -> Iterator[str]:
    """Pointers to everything in a JSON value, but not below the values that have no fixed shape."""
    if pointer:
        yield pointer
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in steps:
        name = str(step).replace("~", "~0").replace("/", "~1")
        yield from places(item, f"{pointer}/{name}")


def changed(body: Any, pointer: str) -> Iterator[Any]:
    """The body with the value at a pointer left out, and replaced by every stranger."""
    parent, _, last = pointer.rpartition("/")
    name = last.replace("~1", "/").replace("~0", "~")
    for stranger in ("left out", *STRANGERS):
        other = copy.deepcopy(body)
        holder = value_at(other, parent)
        step: Any = int(name) if isinstance(holder, list) else name
        if stranger == "left out":
            del holder[step]
        else:
            holder[step] = copy.deepcopy(stranger)
        yield other


@pytest.mark.parametrize("name", ["list", "get", "logs", "restore", "job", "delete", "denied", "missing member"])
def test_a_right_answer_passes_every_judge(name: str) -> None:
    assert findings(exchange(name, good_body(name))) == []


@pytest.mark.parametrize("name", ["list", "get", "logs", "restore", "job", "delete", "denied", "missing member"])
def test_every_departure_from_a_shape_is_found(name: str) -> None:
    body = good_body(name)
    shape = shape_of(exchange(name, body))
    assert shape is not None
    seen = 0
    for pointer in places(body):
        for other in changed(body, pointer):
            if any(not mismatch.null_optional for mismatch in mismatches(shape, other)):
                assert findings(exchange(name, other)), (pointer, value_at(other, pointer))
                seen += 1
    assert seen > 10


@pytest.mark.parametrize("clause", [clause.id for clause in catalogue.load()])
def test_the_places_where_a_clause_is_judged_are_lines_of_that_function(clause: str) -> None:
    places = registry.places_of_checks(clause)
    assert places.keys() == {str(check) for check in registry.check_ids()[clause]}
    for place in (place for places_of_check in places.values() for place in places_of_check.split(", ")):
        where, function = place.split(" ")
        file, line = where.split(":")
        text = (registry.ROOT.parent / file).read_text("utf-8").splitlines()
        assert f"def {function}(" in "\n".join(text[int(line) - 1 : int(line) + 20])


def test_every_line_that_names_a_clause_is_listed() -> None:
    places = registry.places_that_name("CAP-8")
    for place in places:
        file, line = place.split(":")
        assert '"CAP-8"' in (registry.ROOT.parent / file).read_text("utf-8").splitlines()[int(line) - 1]
    files = {place.partition(":")[0].removeprefix("conformance/") for place in places}
    assert {
        "suite/test_capabilities.py",
        "suite/generated/test_sequences.py",
        "scenarios/side_effects.py",
        "generation/stateful_machine.py",
    } <= files
    review = registry.places_of_checks("CAP-8")["CAP-8/restore/final-review"]
    assert review.startswith("conformance/scenarios/final_review.py:")
