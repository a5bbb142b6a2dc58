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
    generated = [check.count("/") > 1 for check in reads]
    assert generated == sorted(generated)
    assert len(reads) == len(set(reads))


def test_checks_that_make_the_others_wait_come_after_them() -> None:
    written = [check for check in ordered_reads() if check.count("/") == 1]
    assert {check.partition("/")[0] for check in written[-3:]} == {"HTTP-4"}
