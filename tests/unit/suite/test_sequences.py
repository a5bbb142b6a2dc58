"""What the generated sequences say of a clause that none of their steps could test, or of a target without delete."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from conformance.generation.stateful_model import SequenceResults
from conformance.judging.expectations import NotApplicableError, NotTestableError
from conformance.suite.generated.test_sequences import judge_sequences
from conformance.suite.registry import all_checks


def context_without_delete(clause: str, offered: list[str]) -> Any:
    """A check context of a target that has no delete, of which no sequence has taken a step."""
    fixtures = SimpleNamespace(deletable_backup_ids=offered)
    target = SimpleNamespace(fixtures=fixtures, claims=SimpleNamespace(delete=None))
    scenarios = {"walk": SequenceResults(), "deletion served": False}
    return SimpleNamespace(
        check=SimpleNamespace(clause=clause),
        fixtures=SimpleNamespace(target=target),
        run_once=lambda name, _scenario: scenarios[name],
    )


def test_del_3_does_not_apply_to_a_target_without_delete() -> None:
    with pytest.raises(NotApplicableError, match="the target has no delete"):
        deletion_behind_the_sequences(context_without_delete("DEL-3", ["b1"]))


def test_del_3_names_the_fixture_where_no_backup_is_offered() -> None:
    with pytest.raises(NotTestableError, match=r"set fixtures\.deletable_backup_ids"):
        deletion_behind_the_sequences(context_without_delete("DEL-3", []))


def deletion_behind_the_sequences(context: Any) -> None:
    list(all_checks()["DEL-3/delete/stateful"].run(context))


def test_another_clause_is_not_tested_without_a_step() -> None:
    with pytest.raises(NotTestableError, match="no step of the sequences tested this clause"):
        list(judge_sequences(context_without_delete("GET-4", ["b1"]), "get"))
