"""RST-8 and RST-9 in every order of the checks that restore: a selection decides which restores come first."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from support.checking import run_checks, target_with

from conformance.judging.outcomes import Outcome

if TYPE_CHECKING:
    from pathlib import Path

#: One check for each scenario that may restore before the main one.
EARLIER = ("CAP-6/restore", "JOB-1/restore/generated", "RST-4/restore")
JUDGED = ("RST-8/restore", "RST-8/restore/generated", "RST-9/restore", "RST-3/restore")


def outcomes(folder: Path, order: tuple[str, ...], *faults: str, follow: bool = True) -> dict[str, tuple[Outcome, str]]:
    with target_with(folder, *faults) as target:
        followed = replace(target, jobs=replace(target.jobs, follow=follow))
        judged = run_checks(followed, folder, [*order, *JUDGED], examples=2)
    return {str(record.id): (record.outcome, record.reason) for record in judged.records}


@pytest.mark.parametrize("follow", [True, False], ids=["jobs", "no jobs"])
@pytest.mark.parametrize("order", list(permutations(EARLIER)), ids=" ".join)
def test_a_correct_server_is_accused_in_no_order(tmp_path: Path, order: tuple[str, ...], follow: bool) -> None:
    judged = outcomes(tmp_path, order, follow=follow)
    assert {check: judged[check] for check in JUDGED} == dict.fromkeys(JUDGED, (Outcome.PASSED, ""))


@pytest.mark.parametrize("first", EARLIER)
@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("a_backup_is_restored_once", "RST-8/restore/generated"),
        ("restores_of_two_backups_mix", "RST-8/restore"),
        ("another_archive_is_unpacked", "RST-8/restore"),
        ("source_instance_loses_a_file", "RST-9/restore"),
    ],
)
def test_a_broken_server_is_caught_whichever_check_comes_first(
    tmp_path: Path, first: str, fault: str, check: str
) -> None:
    assert outcomes(tmp_path, (first,), fault)[check][0] is Outcome.FAILED
