"""Hostile answers take time in proportion to their size: receiving, judging, archiving and masking them together.

The figures for answers of 15 MB, and for the memory, are made by benchmarks/hostile.py.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from support.answering import ANSWERS, Judging
from support.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

SMALL, LARGE = 2**16, 2**18
MB = 2**20
#: of a busy machine; the benchmark's goal is 1 second per MB
SECONDS_PER_MB = 5.0
#: a quadratic share of the time makes four times the size take four times as long for each MB
GROWTH, NO_TIME = 3.0, 0.1


@pytest.fixture
def judging(tmp_path: Path) -> Iterator[Judging]:
    """What judges a single answer: secrets of other answers would be searched for in it."""
    with Judging(tmp_path) as judging:
        judging.receive(b"{}")  # what is made once
        gc.freeze()  # or the time for collecting garbage would depend on the tests that ran before
        yield judging
        gc.unfreeze()


def seconds_per_mb(judging: Judging, family: str, size: int, answer: int) -> float:
    body = FAMILIES[family](size)
    return judging.receive(body, *ANSWERS[answer]) / (len(body) / MB)


@pytest.mark.parametrize("answer", [0, len(ANSWERS) - 1], ids=["a list", "an error"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_time_for_an_answer_grows_with_its_size_and_no_faster(judging: Judging, family: str, answer: int) -> None:
    large = seconds_per_mb(judging, family, LARGE, answer)
    if large > NO_TIME:
        small = min(seconds_per_mb(judging, family, SMALL, answer) for _ in range(2))
        if large > GROWTH * small:  # another process may have disturbed the one measurement
            large = min(large, seconds_per_mb(judging, family, LARGE, answer))
        assert large <= GROWTH * small + NO_TIME
    assert large <= SECONDS_PER_MB
