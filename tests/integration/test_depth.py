"""`--depth` and `--for`, as the command."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
from support import running
from support.queries import holds

from conformance.contract.check_id import CheckId
from conformance.execution import depth
from conformance.generation import fixed_inputs
from conformance.reference import launch
from conformance.reference.registry import find
from conformance.results import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.process, pytest.mark.slow]


def test_a_quick_run_sends_at_most_500_requests_and_accuses_nobody(tmp_path: Path) -> None:
    ran = running.run(tmp_path / "r", "--depth", "quick", "--seed", "3")
    assert ran.code == 0, ran.out
    assert ran.results["verdict"] in ("conformant", "partial")
    assert ran.results["run"]["depth"] == "quick"
    assert ran.results["run"]["requests"] <= 500
    reasons = {row["reason"] for row in ran.results["clauses"] if row["outcome"] == "not_tested"}
    assert "left out by --depth quick" in reasons
    assert "--depth quick" in ran.results["run"]["command"]
    assert {row["id"]: row["outcome"] for row in ran.results["clauses"]}["RST-8"] == "passed"
    assert kinds_of_odd_inputs(ran.folder) == {*get_args(fixed_inputs.Oddity), *ODD_REQUESTS}


#: the other kinds of inputs that the contract lists, by what shows one of them
ODD_REQUESTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "User-Agent": lambda request: "user-agent" in request["without"] or "user-agent" in header_names(request),
    "Accept": lambda request: "accept" in request["without"] or "accept" in header_names(request),
    "Range": lambda request: "range" in header_names(request),
    "Expect": lambda request: "expect" in header_names(request),
    "Content-Encoding": lambda request: "content-encoding" in header_names(request),
    "chunked": lambda request: "transfer-encoding" in header_names(request),
    "a GET with a body": lambda request: request["method"] == "GET" and bool(request["body"]),
}


def header_names(request: dict[str, Any]) -> set[str]:
    return {name.lower() for name, _ in request["headers"]}


def kinds_of_odd_inputs(report: Path) -> set[str]:
    """The kinds of the contract's list that a run sent at least once."""
    lines = gzip.decompress((report / "exchanges.ndjson.gz").read_bytes()).splitlines()
    requests = [line["request"] for line in map(json.loads, lines) if "request" in line]
    queries = {request["query"] for request in requests}
    listed = [
        *fixed_inputs.page_and_sort_queries(),
        *fixed_inputs.include_queries(),
        *fixed_inputs.unknown_parameters(),
    ]
    odd = {name for name, shows in ODD_REQUESTS.items() if any(map(shows, requests))}
    return odd | {case.oddity for case in listed if any(holds(query, case.query) for query in queries)}


def test_a_quick_run_tests_a_clause_that_is_named_alone(tmp_path: Path) -> None:
    quick = {CheckId.parse(check).clause for check in depth.quick_checks()}
    clause = next(one for one in ("LIST-9", "LIST-7", "LIST-3", "INC-5", "GET-4", "HTTP-7") if one not in quick)
    ran = running.run(tmp_path / "r", "--depth", "quick", "--only", clause)
    row = next(row for row in ran.results["clauses"] if row["id"] == clause)
    assert row["outcome"] == "passed"
    assert not any(check["id"].endswith("/generated") for check in row["checks"] if check["outcome"] == "passed")


def test_examples_that_are_given_win(tmp_path: Path) -> None:
    ran = running.run(tmp_path / "r", "--depth", "deep", "--examples", "3", "--only", "LIST-9")
    assert (ran.results["run"]["examples"], ran.results["run"]["depth"]) == (3, "deep")


def test_a_run_repeats_until_something_fails_and_names_the_seed(tmp_path: Path) -> None:
    with launch.serve_in_thread([find("unknown_container_is_empty")], [], restore_seconds=0.05) as server:
        (tmp_path / "t.toml").write_text(server.target_toml, "utf-8")
        arguments = ("--target", tmp_path / "t.toml", "--only", "LIST-9", "--for", "1h", "--seed", "5")
        ran = running.run(tmp_path / "r", *arguments)
    assert ran.code == 1, ran.err
    row = next(row for row in ran.results["clauses"] if row["id"] == "LIST-9")
    assert {finding["seed"] for check in row["checks"] for finding in check["findings"]} == {5}
    assert ran.out.startswith("run 1, seed 5: Non-conformant")
    assert verify.verify(tmp_path / "r").problems == []


def test_later_runs_have_new_seeds_and_only_read(tmp_path: Path) -> None:
    ran = running.run(tmp_path / "r", "--only", "LIST-9,AUTH-1,RST-1", "--for", "45s", "--examples", "2", "--json")
    assert ran.code == 0, ran.err
    passes = sorted((tmp_path / "r/passes").iterdir(), key=lambda folder: int(folder.name))
    runs = [json.loads((folder / "results.json").read_text("utf-8"))["run"] for folder in passes]
    assert len(runs) > 1
    assert len({run["seed"] for run in runs}) == len(runs)
    assert [run["profile"] for run in runs] == ["full", *["read"] * (len(runs) - 1)]
    assert sum(run["restores_accepted"] for run in runs[1:]) == 0
    assert json.loads(ran.out.splitlines()[-1])["event"] == "end"


@pytest.mark.parametrize("given", ["0s", "two hours", "2", "8d", "-1h"])
def test_a_wrong_time_is_wrong_usage(tmp_path: Path, given: str) -> None:
    assert running.run(tmp_path / "r", f"--for={given}").code == 2
