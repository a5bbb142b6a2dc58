"""Coverage: which values and members of the contract responses showed."""

from __future__ import annotations

from typing import Any

from support.exchanges import answer

from conformance.contract.operations import OPERATIONS
from conformance.judging import coverage
from conformance.judging.coverage import BACKUP_STATES, ERROR_CODES, Coverage, members_of

BACKUP: dict[str, Any] = {"id": "65ab00000000000000000001", "state": {"current": "live"}, "region": "eu"}


def seen_of(*exchanges: Any) -> coverage.Counts:
    counting = Coverage()
    for exchange in exchanges:
        counting.observe(exchange)
    return coverage.added([counting.counted()])


def test_values_of_the_contract_are_counted_by_response() -> None:
    seen = seen_of(
        answer(200, {"data": BACKUP}),
        answer(200, {"data": {**BACKUP, "state": {"current": "thawing"}}}),
        answer(404, {"error": {"status": 404, "code": "404.container_backup", "title": "No"}, "data": None}),
        answer(404, {"error": {"status": 404, "code": "404.secret-of-theirs", "title": "No"}, "data": None}),
        answer(None),
    )
    assert seen[BACKUP_STATES] == {"live": 1}
    assert seen[ERROR_CODES] == {"404.container.backup": 1}
    assert seen[members_of("get")] == {"/data": 2, "/data/id": 2, "/data/state": 2, "/data/state/current": 2}


def test_everything_of_the_contract_is_listed_even_if_nothing_was_seen() -> None:
    seen = seen_of()
    assert seen.keys() == coverage.known_values().keys()
    assert {members_of(operation) for operation in OPERATIONS} <= seen.keys()
    assert not any(seen.values())


def test_workers_are_added_up() -> None:
    first, other = seen_of(answer(200, {"data": BACKUP})), seen_of(answer(200, {"data": BACKUP}))
    assert coverage.added([first, other])[BACKUP_STATES] == {"live": 2}
