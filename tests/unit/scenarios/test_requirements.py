"""The model of what checks need: it names all that is missing at once, and whatever a check would stop for."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance.config.target import FixtureIds, Keys, RestorePolicy, Target
from conformance.config.target_file import load_target
from conformance.execution.plan import Planned, WouldSendError
from conformance.execution.run import Run
from conformance.http.client import NotAllowedError
from conformance.judging.expectations import CannotTellError, NotTestableError
from conformance.reference import launch
from conformance.scenarios.preflight.model import Entry, Gap, Preflight, State
from conformance.scenarios.preflight.requirements import Situation, in_one_line, needs_of
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIXTURES = [name for name in FixtureIds.__dataclass_fields__ if name != "container_id"]
KEYS = ["full", "view", "manage", "unrelated", "expired", "other_hub", "other_hub_id"]
MEMBERS = [
    *(f"keys.{name}" for name in KEYS),
    *(f"fixtures.{name}" for name in FIXTURES),
    *("probe.command", "probe.expected", "restore.allow", "jobs.follow"),
]


def without(target: Target, member: str) -> Target:
    """The target whose file leaves a member out."""
    table, _, name = member.partition(".")
    if table == "keys":
        return replace(target, keys=replace(target.keys, **{name: None}))
    if table == "fixtures":
        nothing: Any = () if name == "deletable_backup_ids" else None
        return replace(target, fixtures=replace(target.fixtures, **{name: nothing}))
    if member == "restore.allow":
        return replace(target, restore=replace(target.restore, allow=False))
    if member == "jobs.follow":
        return replace(target, jobs=replace(target.jobs, follow=False))
    assert target.probe is not None
    return replace(target, probe=None if member == "probe.command" else replace(target.probe, expected=None))


@contextmanager
def started(target: Target, state: Path) -> Iterator[Run]:
    """A run that has seen the target by reads and sends nothing more."""
    with closing(Run(target, seed=1, profile="read", selected=(), state=state, examples=1)) as run:
        run.start()
        yield run


def refusals(run: Run) -> dict[str, str]:
    """Why checks would not begin, in their own words, without the model."""
    stopped: dict[tuple[str, bool], Exception] = {}
    reasons = {}
    for name, check in all_checks().items():
        try:
            next(check.run(Planned(check, run.context, "full", stopped)), None)
        except WouldSendError:
            continue
        except (NotTestableError, NotAllowedError, CannotTellError) as reason:
            reasons[name] = str(reason)
    return reasons


@pytest.mark.process  # the probe
@pytest.mark.parametrize("member", MEMBERS)
def test_the_model_has_every_requirement_that_stops_a_check(member: str, tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        (tmp_path / "target.toml").write_text(server.target_toml, "utf-8")
        target = without(load_target(tmp_path / "target.toml", os.environ), member)
        with started(target, tmp_path / "state") as run:
            situation = Situation(target, "full", run.preflight)
            unknown = {name: why for name, why in refusals(run).items() if not situation.gaps(all_checks()[name])}
    assert unknown == {}


@pytest.mark.process  # the probe
def test_a_whole_target_file_leaves_no_gap(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        (tmp_path / "target.toml").write_text(server.target_toml, "utf-8")
        target = load_target(tmp_path / "target.toml", os.environ)
        with started(target, tmp_path / "state") as run:
            situation = Situation(target, "full", run.preflight)
            assert {name: gaps for name, check in all_checks().items() if (gaps := situation.gaps(check))} == {}
            reading = Situation(target, "read", run.preflight)
            untested = {check.operation for check in all_checks().values() if reading.gaps(check)}
    assert {"restore", "delete"} <= untested


# ---------------------------------------------------------------- on data alone

TARGET = Target("t", "http://127.0.0.1", "h", fixtures=FixtureIds("c"), restore=RestorePolicy(allow=True))


def situation(*entries: Entry, target: Target = TARGET, profile: str = "full") -> Situation:
    return Situation(target, profile, Preflight(entries))


def test_all_that_is_missing_is_named_at_once() -> None:
    entries = [
        Entry(member, State.MISSING, "not given", f"set {member}")
        for member in ("probe.command", "probe.expected", "fixtures.instance_id", "fixtures.backup_id")
    ]
    gaps = in_one_line(situation(*entries, profile="read").gaps(all_checks()["RST-8/restore"]))
    for part in ("probe.command", "probe.expected", "fixtures.instance_id", "fixtures.backup_id", "--profile full"):
        assert part in gaps


def test_one_alternative_is_enough() -> None:
    check = all_checks()["CAP-1/list"]
    missing = [Entry(f"keys.{name}", State.MISSING, fix=f"set keys.{name}") for name in ("manage", "unrelated")]
    assert in_one_line(situation(*missing).gaps(check)) == "set keys.manage or keys.unrelated"
    assert situation(missing[0], Entry("keys.unrelated", State.OK)).gaps(check) == []


def test_a_wrong_member_is_reported_beside_missing_ones() -> None:
    wrong = Entry("keys.full", State.WRONG, "is refused: 401", "check its value")
    gaps = situation(wrong).gaps(all_checks()["LIST-1/list"])
    assert gaps == [Gap("keys.full", "keys.full: is refused: 401; check its value", wrong=True)]


def test_a_missing_key_is_no_reason_to_allow_restores() -> None:
    keys = Entry("keys.full", State.MISSING, "not given", "set keys.full")
    refused = replace(TARGET, restore=RestorePolicy(allow=False), keys=Keys())
    for name in ("LIST-1/list", "GET-1/get"):
        assert in_one_line(situation(keys, target=refused, profile="read").gaps(all_checks()[name])) == "set keys.full"


@pytest.mark.parametrize(("budget", "clause"), [(1, "JOB-1/restore"), (2, "CAP-6/restore"), (3, "RST-4/restore")])
def test_a_budget_that_is_too_small_is_named(budget: int, clause: str) -> None:
    target = replace(TARGET, restore=RestorePolicy(allow=True, max_restores=budget))
    assert "set restore.max_restores to at least" in in_one_line(situation(target=target).gaps(all_checks()[clause]))
    assert situation().gaps(all_checks()[clause]) == []


def test_every_check_has_needs_of_known_members() -> None:
    known = {*MEMBERS, "--profile full", "the named fixtures.backup_id", "keys.full for changes"}
    for check in all_checks().values():
        for need in needs_of(check):
            assert set((need,) if isinstance(need, str) else need) <= known
