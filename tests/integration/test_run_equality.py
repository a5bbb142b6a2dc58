"""The same run, however it is asked for: by the command or by pytest, from any folder, with any number of workers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from support import recording, running, share

from conformance.reference import launch

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path


pytestmark = [pytest.mark.process, pytest.mark.one_worker]  # some compare with one run, which is made once

#: a broken server, so that there are outcomes of several kinds to compare
FAULTS = ("restore_with_view", "last_page_loses_one", "key_in_a_header")
SOME = ("--only", "AUTH-1,CAP,LIST,GET-6,JOB-1,JOB-6,RST-1,RST-2,JBS-1,DEL-1,ERR", "--examples", "2", "--seed", "7")


def described(server: launch.Running, folder: Path, change: Callable[[str], str] = str) -> Path:
    """The server's target file, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    file = folder / "target.toml"
    file.write_text(change(server.target_toml))
    return file


def checks_of(ran: running.Ran) -> dict[str, str]:
    """The outcome of each check."""
    return {check["id"]: check["outcome"] for row in ran.results["clauses"] for check in row["checks"]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> running.Ran:
    """What the others are compared with."""
    folder = tmp_path_factory.mktemp("plain")
    with launch.serve_in_thread(FAULTS, restore_seconds=0.02) as server:
        return running.run(folder / "out", "--target", described(server, folder), *SOME)


def test_there_is_something_to_compare(plain: running.Ran) -> None:
    assert plain.code == 1
    assert {"passed", "failed", "not_tested"} <= set(plain.outcomes.values())
    assert {row["id"] for row in plain.results["clauses"] if row["outcome"] == "failed"} >= {"CAP-4", "LIST-5", "ERR-7"}


@pytest.mark.parametrize("how", share.some(["four workers", "pytest", "pytest elsewhere", "pytest, two workers"], 2))
def test_the_outcomes_are_the_same(how: str, plain: running.Ran, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with launch.serve_in_thread(FAULTS, restore_seconds=0.02) as server:
        arguments = ("--target", described(server, tmp_path), *SOME)
        ran = {
            "four workers": lambda: running.run(tmp_path / "out", *arguments, "--", "-n", "4"),
            "pytest": lambda: running.suite(tmp_path / "out", *arguments, cwd=pytestconfig.rootpath),
            "pytest elsewhere": lambda: running.suite(tmp_path / "out", *arguments, cwd=elsewhere),
            "pytest, two workers": lambda: running.suite(tmp_path / "out", *arguments, "-n", "2", cwd=elsewhere),
        }[how]()
    assert ran.code == plain.code
    assert checks_of(ran) == checks_of(plain)
    assert ran.outcomes == plain.outcomes
    assert ran.results["headline"] == plain.results["headline"]
    assert ran.has_reports()
    assert list(elsewhere.iterdir()) == []


# ---------------------------------------------------------------- selections


def test_selections_meet(tmp_path: Path) -> None:
    with launch.serve_in_thread() as server:
        file = described(server, tmp_path)
        ran = running.run(
            tmp_path / "out",
            "--target",
            file,
            "--only",
            "LIST,GET-1",
            "--skip",
            "LIST-1,LIST-5",
            "--",
            "-k",
            "LIST-4 or 5",
        )
    outcomes = {name: outcome for name, outcome in checks_of(ran).items() if not name.endswith("/observed")}
    executed = {name.split("/")[0] for name, outcome in outcomes.items() if outcome != "not_tested"}
    assert executed == {"LIST-4"}
    reasons = {row["id"]: row["reason"] for row in ran.results["clauses"] if row["outcome"] == "not_tested"}
    assert reasons["LIST-5"] == "left out by --only or --skip"
    assert reasons["LIST-7"] == "deselected by pytest's -k 'LIST-4 or 5'"
    assert ran.results["run"]["selection"] == {"only": ["LIST", "GET-1"], "skip": ["LIST-1", "LIST-5"]}
    assert (ran.code, ran.results["verdict"]) == (0, "partial")


@pytest.mark.parametrize("pytest_args", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_the_first_failure_can_be_the_end(pytest_args: tuple[str, ...], tmp_path: Path) -> None:
    with launch.serve_in_thread(["last_page_loses_one"]) as server:
        file = described(server, tmp_path)
        arguments = ("--target", file, "--profile", "read", "--only", "LIST,LOG,GET,BKP,HTTP")
        ran = running.run(tmp_path / "out", *arguments, "--", "-x", *pytest_args)
    assert ran.code == 1
    assert ran.outcomes["LIST-5"] == "failed"
    assert ran.results["run"]["interruption"].startswith("stopped early: ")
    assert "not run: the run ended first" in {row["reason"] for row in ran.results["clauses"]}
    assert "error" not in ran.outcomes.values()
    assert ran.has_reports()


def test_nothing_selected_is_no_verdict(tmp_path: Path) -> None:
    with launch.serve_in_thread() as server:
        ran = running.run(tmp_path / "out", "--target", described(server, tmp_path), "--", "-k", "nothing_of_the_kind")
    assert ran.code == 3
    assert ran.results["verdict"] == "inconclusive"
    assert ran.has_reports()


# ---------------------------------------------------------------- seeds


def sent_by(tmp_path: Path, *arguments: str) -> Counter[str]:
    """The requests that reach a server in a run that changes nothing, as they were written."""
    with recording.counting_server() as (server, lines):
        file = described(server, tmp_path)
        ran = running.run(tmp_path / "out", "--target", file, "--profile", "read", "--examples", "4", *arguments)
    assert ran.code == 0, ran.out
    return lines


def test_a_seed_sends_the_same_requests_in_any_selection_and_with_any_workers(tmp_path: Path) -> None:
    alone = sent_by(tmp_path, "--seed", "5", "--only", "GET-6,INC-6")
    assert sum(alone.values()) > 40
    assert sent_by(tmp_path, "--seed", "5", "--only", "GET-6,INC-6") == alone
    among_others = sent_by(tmp_path, "--seed", "5", "--only", "GET,INC,LOG,HTTP-4", "--", "-n", "2")
    assert alone <= among_others
    other_seed = sent_by(tmp_path, "--seed", "6", "--only", "GET-6,INC-6")
    assert sum((other_seed - alone).values()) > 10


# ---------------------------------------------------------------- two runs at once


def test_two_runs_of_one_target_at_once_accuse_it_of_nothing(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        arguments = ("--target", described(server, tmp_path), "--examples", "2")
        with ThreadPoolExecutor(2) as pool:
            seeds = ("1", "2")
            rans = list(pool.map(lambda seed: running.run(tmp_path / seed, *arguments, "--seed", seed), seeds))
    for ran in rans:
        failed = {row["id"]: row["reason"] for row in ran.results["clauses"] if row["outcome"] == "failed"}
        assert failed == {}
        assert ran.code in (0, 3)


# ---------------------------------------------------------------- the budget


CARELESS = ("restore_for_everyone", "any_action_restores")


@pytest.mark.parametrize(("faults", "workers"), share.some([((), "4"), ((), "0"), (CARELESS, "0"), (CARELESS, "4")], 2))
def test_no_run_starts_more_restores_than_it_may(faults: tuple[str, ...], workers: str, tmp_path: Path) -> None:
    def three(toml: str) -> str:
        assert "max_restores = 40" in toml
        return toml.replace("max_restores = 40", "max_restores = 3")

    with launch.serve_in_thread(faults, restore_seconds=0.02) as server:
        arguments = ("--target", described(server, tmp_path, three), "--only", "CAP,JOB,RST,AUTH", "--examples", "2")
        ran = running.run(tmp_path / "out", *arguments, "--", "-n", workers)
        counted = server.store.counters.accepted_restores
    assert 1 <= counted <= 3
    assert ran.results["run"]["restores_accepted"] == counted

    assert ran.code == (1 if faults else 0)
    needed = [row["reason"] for row in ran.results["clauses"] if "restore.max_restores to at least" in row["reason"]]
    assert needed
