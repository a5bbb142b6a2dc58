"""A look at a backup after refused requests is the look before the next ones, while nothing can have changed it."""

from __future__ import annotations

import pytest
from support.exchanges import answer

from conformance.scenarios.proofs import looks
from conformance.scenarios.proofs.looks import Looks

GET, LOGS = answer(200, {}, operation="get"), answer(200, {}, operation="logs")


@pytest.fixture
def kept() -> Looks:
    kept = Looks()
    kept.keep("JOB-10", "b", GET, LOGS, requested=2)
    return kept


def test_a_look_after_refused_requests_is_the_look_before_the_next_ones(kept: Looks) -> None:
    assert kept.last("JOB-10", "b", requested=2) == (GET, LOGS)
    assert kept.last("JOB-10", "other", requested=2) is None


def test_an_effect_on_it_would_be_another_clauses_to_blame(kept: Looks) -> None:
    assert kept.last("CAP-8", "b", requested=2) is None


def test_a_look_before_another_restore_is_out_of_date(kept: Looks) -> None:
    assert kept.last("JOB-10", "b", requested=3) is None


def test_an_old_look_is_out_of_date(kept: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LOOK_LASTS_S", 0.0)
    assert kept.last("JOB-10", "b", requested=2) is None
