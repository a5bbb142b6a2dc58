"""Unusual inputs that share a request: a failure is attributed to the input that causes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.checking import run_checks, target_with

from conformance.generation import fixed_inputs
from conformance.judging.outcomes import Outcome

if TYPE_CHECKING:
    from pathlib import Path

#: the fixtures run the probe of the target file
pytestmark = pytest.mark.process


def queries_sent(folder: Path, check: str, *changes: str) -> tuple[Outcome, list[str]]:
    with target_with(folder, *changes) as target:
        ran = run_checks(target, folder, [check])
    return ran.records[0].outcome, [exchange.request.query for exchange in ran.exchanges]


@pytest.mark.parametrize("check", ["HTTP-3/get", "HTTP-3/logs"])
def test_a_server_that_ignores_them_gets_them_together(tmp_path: Path, check: str) -> None:
    outcome, queries = queries_sent(tmp_path, check)
    assert outcome is Outcome.PASSED
    listed = [case.query for case in fixed_inputs.unknown_parameters()]
    assert sum(query in queries for query in listed) <= 2
    assert all(any(query in sent for sent in queries) for query in listed)


def test_a_server_that_refuses_them_gets_them_one_by_one(tmp_path: Path) -> None:
    outcome, queries = queries_sent(tmp_path, "HTTP-3/get", "unknown_parameters_are_refused")
    assert outcome is Outcome.PASSED
    assert {case.query for case in fixed_inputs.unknown_parameters()} <= set(queries)


def test_what_fails_among_others_fails_alone_as_well(tmp_path: Path) -> None:
    with target_with(tmp_path, "inherited_parameter_breaks_down") as target:
        ran = run_checks(target, tmp_path, ["HTTP-3/get"])
    failed = {exchange.request.query for exchange in ran.exchanges if exchange.status == 500}
    assert {query for query in failed if "&" not in query} == {
        *("constructor=1", "__proto__=1", "__proto__%5Ba%5D=1", "toString=1", "hasOwnProperty=1"),
    }


def test_words_are_sent_one_by_one_to_a_server_that_does_not_read_the_list(tmp_path: Path) -> None:
    outcome, queries = queries_sent(tmp_path, "INC-6/get", "includes_are_one_word")
    assert outcome is Outcome.PASSED
    assert {case.query for case in fixed_inputs.include_queries()} <= set(queries)
