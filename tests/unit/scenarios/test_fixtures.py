"""Which backup each check uses: its own one as far as there are enough, and the same in any selection."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.exchanges import answer

from conformance.config.settings import Depth
from conformance.config.target import FixtureIds, RestorePolicy, Target
from conformance.execution.run import clauses_with_restores, groups_of_clauses
from conformance.judging.expectations import NotTestableError
from conformance.scenarios.fixtures import RESTORED, Fixtures
from conformance.scenarios.side_effects import FORBID_EFFECTS

EXCLUSIVE, SHARED = ["CAP-8", "JOB-10"], ["CAP-4", "JOB-4", "JOB-5"]
TARGET = Target("t", "http://127.0.0.1", "h", fixtures=FixtureIds("c"), restore=RestorePolicy(allow=True))


def discovered(count: int, target: Target = TARGET, state: str = "live") -> Fixtures:
    fixtures = Fixtures(target, EXCLUSIVE, [[purpose] for purpose in SHARED])
    items = [{"id": f"b{number:03}", "container_id": "c", "state": {"current": state}} for number in range(count)]
    fixtures.discover(answer(200, {"data": items}, operation="list"), [])
    return fixtures


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 100])
@pytest.mark.parametrize("purpose", [*EXCLUSIVE, *SHARED, "NEW-1", "a purpose that nobody listed"])
def test_any_purpose_has_a_live_backup_however_few_there_are(count: int, purpose: str) -> None:
    fixtures = discovered(count)
    assert fixtures.dedicated_backup(purpose) in {backup["id"] for backup in fixtures.live()}


def test_where_there_are_enough_each_listed_purpose_has_its_own() -> None:
    fixtures = discovered(RESTORED + len(EXCLUSIVE) + len(SHARED))
    assert len({fixtures.dedicated_backup(purpose) for purpose in (*EXCLUSIVE, *SHARED)}) == 5


@pytest.mark.parametrize("count", [5, 6, 9, 40])
def test_no_other_purpose_gets_the_backup_of_an_exclusive_one(count: int) -> None:
    fixtures = discovered(count)
    others = {fixtures.dedicated_backup(purpose) for purpose in (*SHARED, *(f"NEW-{number}" for number in range(99)))}
    assert not others & {fixtures.dedicated_backup(purpose) for purpose in EXCLUSIVE}


def test_a_purpose_has_the_same_backup_in_every_run() -> None:
    assert {discovered(40).dedicated_backup("NEW-1") for _ in range(3)} == {discovered(40).dedicated_backup("NEW-1")}


def test_backups_that_scenarios_restore_are_not_dedicated() -> None:
    fixtures = discovered(9)
    assert not fixtures.restored_ids() & {fixtures.dedicated_backup(f"NEW-{number}") for number in range(99)}


def test_backups_with_a_role_are_not_dedicated() -> None:
    named = FixtureIds("c", backup_id="b000", failing_backup_id="b001", deletable_backup_ids=("b002", "b003"))
    fixtures = discovered(9, replace(TARGET, fixtures=named))
    used = {fixtures.dedicated_backup(purpose) for purpose in (*EXCLUSIVE, *(f"NEW-{number}" for number in range(99)))}
    assert used == {"b006", "b007", "b008"}


def test_without_live_backups_the_reason_says_what_to_set() -> None:
    for fixtures in (discovered(0), discovered(3, state="deleted")):
        with pytest.raises(NotTestableError, match=r"set fixtures\.backup_id: no live backup was found"):
            fixtures.dedicated_backup("CAP-8")


def test_every_clause_that_sends_restores_is_listed_without_a_hand_kept_list() -> None:
    clauses = clauses_with_restores()
    assert set(clauses) >= FORBID_EFFECTS
    assert {"CAP-4", "JOB-4", "JOB-8"} <= set(clauses)
    assert "LIST-1" not in clauses


@pytest.mark.parametrize("depth", Depth)
def test_each_clause_with_restores_is_in_one_group_and_capabilities_share_none_with_others(depth: Depth) -> None:
    groups = groups_of_clauses(depth)
    clauses = clauses_with_restores()
    assert sorted(clause for group in groups for clause in group) == sorted(clauses)
    of_capabilities = [{clause.startswith("CAP-") for clause in group} for group in groups]
    assert all(len(kinds) == 1 for kinds in of_capabilities)
    assert len(groups) == (5 if depth is Depth.QUICK else len(clauses))
