"""What is likely to find something goes first."""

from __future__ import annotations

from conformance.execution import depth
from conformance.execution.order import soonest_first
from conformance.judging.checks import Stage
from conformance.suite.registry import all_checks


def ordered_reads() -> list[str]:
    return [
        str(check.id) for check in soonest_first(check for check in all_checks().values() if check.stage is Stage.READS)
    ]


def test_reads_go_in_the_order_of_the_cover_and_generated_ones_at_the_end() -> None:
    reads = ordered_reads()
    ranked = [check for check in depth.ranked_checks() if check in reads and not check.startswith("HTTP-4/")]
    assert reads[: len(ranked)] == ranked
    generated = [check.count("/") > 1 for check in reads if not check.startswith("HTTP-4/")]
    assert generated == sorted(generated)
    assert len(reads) == len(set(reads))


def test_one_check_that_makes_the_others_wait_comes_after_them_and_those_that_wait_for_it_at_the_end() -> None:
    reads = ordered_reads()
    waiting = [check for check in reads if check.startswith("HTTP-4/") and check.count("/") == 1]
    assert len(waiting) == 3
    assert reads[-2:] == waiting[1:]
    generated = next(place for place, check in enumerate(reads) if check.count("/") > 1)
    assert reads[generated - 1] == waiting[0]


def test_what_goes_before_the_restores_is_written_out_so_that_they_need_not_wait_until_it_is_generated() -> None:
    first = [check for check in all_checks().values() if check.stage in (Stage.REFUSALS, Stage.REFUSED_DELETES)]
    assert {"DEL-2/delete", "DEL-4/delete", "CAP-4/restore"} <= {str(check.id) for check in first}
    assert not [check.id for check in first if check.kind.is_generated]
