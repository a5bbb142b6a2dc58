"""CAP-5 compares what two keys see: an item that one reading lacks is a lagging replica's, and no right of the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.exchanges import answer

from conformance.judging.outcomes import Outcome
from conformance.suite.generated.test_relations import AnswersByKey, same_for_both_keys

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange


def logs(*ids: str, key: str = "full", status: int = 200) -> Exchange:
    body: object = {"data": [{"id": log_id} for log_id in ids]} if status == 200 else {"error": {}, "data": None}
    return answer(status, body, operation="logs", key=key)


def findings(rounds: list[list[Exchange]], full: Exchange | None = None) -> list[tuple[Outcome, str]]:
    """What rounds with these answers to the view key come to."""
    full, left = full or logs("1", "2"), iter(rounds)
    return [
        (finding.outcome, finding.got) for finding in same_for_both_keys(lambda: AnswersByKey(next(left), full, full))
    ]


def test_an_item_that_the_view_key_lacks_in_one_round_is_not_attributed_to_the_key() -> None:
    lagging, whole = logs("1", key="view"), logs("1", "2", key="view")
    assert findings([[lagging, whole], [whole, whole]]) == []
    assert findings([[lagging], [lagging], [whole]]) == []


def test_an_item_that_the_view_key_lacks_in_every_round_is_a_failure() -> None:
    assert findings([[logs("1", key="view")]] * 3) == [(Outcome.FAILED, "1 missing")]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_the_view_key_is_a_failure_in_one_round(status: int) -> None:
    [(outcome, _)] = findings([[logs(key="view", status=status), logs("1", "2", key="view")]])
    assert outcome is Outcome.FAILED


def test_a_refusal_of_the_full_key_as_well_is_inconclusive() -> None:
    [(outcome, _)] = findings([[logs(key="view", status=404)]], logs(status=404))
    assert outcome is Outcome.ERROR
