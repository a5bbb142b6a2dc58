"""A seed gives the same requests only with the same versions: every place that repeats or compares runs says so."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from support import folders, reporting

from conformance.pytest_run import finalize
from conformance.replay.model import Failure, Replay, Replayed
from conformance.report import html, markdown
from conformance.report.commands import rejudge as rejudge_page
from conformance.report.commands import replay as replay_page
from conformance.results import environment, wording
from conformance.results.compare import compare
from conformance.results.rejudge import Rejudgement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHANGE = "hypothesis 6.131.0 → 6.170.17"


def under(version: str, *, seed: int = 7, run_id: str = "a") -> Any:
    """The results of a run with this version of hypothesis."""
    results = reporting.green()
    results["run"].update(id=run_id, seed=seed, versions={**results["run"]["versions"], "hypothesis": version})
    return results


def printed(show: Callable[[Console], None]) -> str:
    stream = io.StringIO()
    show(Console(file=stream, width=300))
    return stream.getvalue()


def test_the_command_that_repeats_a_run_names_the_versions() -> None:
    results = under("6.131.0")
    comment = wording.seed_comment(results)
    suite = f"backups-conformance {results['suite']['version']}"
    assert comment == f"# the seed gives the same requests with {suite}, hypothesis 6.131.0, schemathesis 4.1.0"
    assert f"{comment}\n{results['run']['command']}" in markdown.render(results)
    assert comment in html.page(results)


def test_compare_names_other_generators_and_what_they_mean_for_one_seed() -> None:
    old, new = under("6.131.0"), under("6.170.17")
    assert compare(old, new).differences == [f"{CHANGE}: seed 7 gave other requests"]
    assert compare(old, under("6.170.17", seed=8)).differences == [CHANGE]
    assert compare(old, under("6.131.0")).differences == []
    old["run"]["versions"] = {}  # as in results of format 1
    assert compare(old, new).differences == []


def test_replay_and_rejudge_name_other_versions() -> None:
    failure = Failure("LIST-6", "", "LIST-6/list", "", ())
    replay = Replay("http://t", "http://t", (Replayed(failure, ()),), (CHANGE,))
    assert CHANGE in printed(lambda console: replay_page.show_end(replay, console))
    judged = Rejudgement("0.2.0", changes=["jsonschema-rs 0.57.0 → 0.60.3"])
    assert "jsonschema-rs 0.57.0 → 0.60.3" in printed(lambda console: rejudge_page.render(judged, console))


@pytest.mark.parametrize(
    ("version", "seed", "is_named"), [("6.170.17", 7, True), ("6.131.0", 7, False), ("6.170.17", 8, False)]
)
def test_a_run_says_that_its_seed_gave_other_requests_before(
    version: str, seed: int, is_named: bool, tmp_path: Path
) -> None:
    folders.make(tmp_path / "first", under("6.131.0"))
    second = under(version, seed=seed, run_id="b")
    folders.make(tmp_path / "second", second)
    words = [f"seed 7 does not reproduce the requests of first, a run with other versions: {CHANGE}"]
    assert finalize.other_requests(tmp_path / "second", second) == (words if is_named else [])


def test_versions_that_a_side_lacks_are_no_change() -> None:
    assert environment.changed_versions(("a", "b"), {"a": "1"}, {"b": "1"}) == []
