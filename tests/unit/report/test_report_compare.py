"""Two runs compared, and the files that cannot be."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from support import reporting

from conformance.judging.outcomes import Outcome
from conformance.report.compare import markdown, render
from conformance.results.compare import Comparison, compare
from conformance.results.files import write_json
from conformance.results.reading import ResultsError, load_results

if TYPE_CHECKING:
    from pathlib import Path

_LISTS = {
    "passed failed": "broken", "passed error": "broken", "passed not_tested": "broken", "passed warned": "warnings",
    "passed waived": "warnings", "warned failed": "broken", "warned error": "broken", "warned passed": "warnings",
    "warned not_tested": "no_longer_tested", "warned waived": "warnings", "waived failed": "broken",
    "waived error": "broken", "waived passed": "warnings", "waived warned": "warnings",
    "waived not_tested": "no_longer_tested", "failed passed": "fixed", "failed warned": "fixed",
    "failed waived": "warnings", "failed error": "no_longer_tested", "failed not_tested": "no_longer_tested",
    "error passed": "fixed", "error warned": "fixed", "error waived": "fixed", "error failed": "newly_tested",
    "error not_tested": "no_longer_tested", "not_tested passed": "newly_tested", "not_tested failed": "newly_tested",
    "not_tested warned": "newly_tested", "not_tested waived": "newly_tested", "not_tested error": "no_longer_tested",
}  # fmt: skip


def lists(comparison: Comparison) -> dict[str, list[str]]:
    names = ("broken", "fixed", "newly_tested", "no_longer_tested", "warnings")
    return {name: [change.id for change in getattr(comparison, name)] for name in names}


def printed(comparison: Comparison, width: int = 100) -> str:
    stream = io.StringIO()
    render(comparison, Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("was", list(Outcome))
@pytest.mark.parametrize("came", list(Outcome))
def test_every_change_has_its_list(was: Outcome, came: Outcome) -> None:
    comparison = compare(reporting.results({"CAP-4": was}), reporting.results({"CAP-4": came}))
    filled = [name for name, ids in lists(comparison).items() if ids]
    assert filled == ([_LISTS[f"{was} {came}"]] if was is not came else [])
    assert comparison.exit_code == int(filled == ["broken"])


def test_alike_runs() -> None:
    comparison = compare(reporting.red(), reporting.red())
    assert comparison == Comparison()
    assert printed(comparison).split() == ["Nothing", "broke"]


def test_differences_between_runs_are_reported() -> None:
    new = reporting.green()
    new["suite"]["version"] = "0.2.0"
    new["run"].update(profile="read", interrupted=True, selection={"only": ["CAP"], "skip": []})
    text = printed(compare(reporting.green(), new))
    for words in ("0.1.0 → 0.2.0", "full → read", "all clauses → only CAP", "the newer run was interrupted"):
        assert f"{words}\n" in text


def test_clause_of_one_catalogue_alone() -> None:
    old, new = reporting.green(), reporting.green()
    del new["clauses"][0]
    assert lists(compare(old, new))["broken"] == ["HTTP-1"]
    assert lists(compare(new, old))["newly_tested"] == ["HTTP-1"]


def test_reads_a_file_or_its_folder(tmp_path: Path) -> None:
    write_json(tmp_path / "results.json", reporting.red())
    assert load_results(tmp_path) == load_results(tmp_path / "results.json") == reporting.red()


def damaged(**parts: Any) -> str:
    return json.dumps({**reporting.green(), **parts})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "names no format"),
        (damaged(format="backups-conformance/results/9"), "results/9"),
        (damaged(clauses=None), "does not match its schema: clauses: null is not of type"),
        (damaged(clauses=[{"id": "CAP-4"}]), "does not match its schema: clauses/0: "),
        (damaged(run={}), "does not match its schema: run: "),
        (
            damaged(clauses=[{**reporting.green()["clauses"][0], "outcome": "fine"}]),
            "does not match its schema: clauses/0/outcome: ",
        ),
    ],
)
def test_says_what_is_wrong_with_a_file(content: str | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(ResultsError) as raised:
        load_results(tmp_path)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


# ------------------------------------------------------------ the same outcome, of other checks


def failed_in(*operations: str) -> Any:
    """Results in which HTTP-9 failed in the checks of these operations."""
    results = reporting.results({"HTTP-9": Outcome.FAILED})
    row = next(row for row in results["clauses"] if row["id"] == "HTTP-9")
    for check in row["checks"]:
        check["outcome"] = "failed" if check["operation"] in operations else "passed"
    return results


def test_a_clause_that_failed_before_and_fails_elsewhere_now_is_broken() -> None:
    comparison = compare(failed_in("list"), failed_in("list", "get"))
    (change,) = comparison.broken
    assert (change.id, change.old, change.new) == ("HTTP-9", Outcome.FAILED, Outcome.FAILED)
    assert change.reason.startswith("now also in HTTP-9/get: ")
    assert comparison.exit_code == 1
    moved = compare(failed_in("list"), failed_in("get"))
    assert moved.broken[0].reason.startswith("now also in HTTP-9/get; no longer in HTTP-9/list: ")


def test_a_clause_that_fails_in_fewer_checks_is_partly_fixed() -> None:
    comparison = compare(failed_in("list", "get"), failed_in("list"))
    (change,) = comparison.partly_fixed
    assert change.reason.startswith("no longer in HTTP-9/get: ")
    assert (comparison.exit_code, comparison.broken) == (0, [])
    assert "Partly fixed" in markdown(comparison)
    assert compare(failed_in("list"), failed_in("list")).sections == {}


def test_must_clauses_come_first() -> None:
    old, new = reporting.green(), reporting.results({"HTTP-7": Outcome.FAILED, "LIST-2": Outcome.FAILED})
    assert [change.id for change in compare(old, new).broken][:2] == ["LIST-2", "HTTP-7"]


def test_failures_come_before_what_they_kept_from_being_judged() -> None:
    old, new = reporting.green(), reporting.results({"CAP-4": Outcome.ERROR, "LIST-2": Outcome.FAILED})
    comparison = compare(old, new)
    assert [change.id for change in comparison.broken] == ["LIST-2", "CAP-4"]
    assert printed(comparison).rstrip().endswith("2 broken: LIST-2, CAP-4")


def test_what_broke_is_printed_before_all_else_and_named_at_the_end() -> None:
    old = reporting.results({"CAP-4": Outcome.FAILED, "HTTP-7": Outcome.WARNED})
    new = reporting.results({"LIST-2": Outcome.FAILED})
    new["latency"][1]["p50_s"] += 1
    text = printed(compare(old, new))
    titles = ("Broken: 1", "Fixed: 1", "Changed in warnings and waivers: 1", "Changed in time: 1", "1 broken: LIST-2")
    places = [text.index(title) for title in titles]
    assert places == sorted(places)
    assert text.rstrip().endswith("1 broken: LIST-2")


def test_clauses_that_pass_now_share_a_line() -> None:
    old = reporting.results({"CAP-4": Outcome.NOT_TESTED, "LIST-2": Outcome.NOT_TESTED, "LIST-3": Outcome.FAILED})
    lines = printed(compare(old, reporting.green())).splitlines()
    assert "  failed → passed  LIST-3" in lines
    assert any(line.startswith("  not tested → passed  ") and {"CAP-4,", "LIST-2"} <= {*line.split()} for line in lines)


@pytest.mark.parametrize(("seconds", "count"), [(0.9, 0), (1.1, 1)])
def test_checks_have_changed_in_time_if_the_difference_is_more_than_waiting(seconds: float, count: int) -> None:
    old, new = reporting.green(), reporting.green()
    for results, duration in ((old, 0.05), (new, 0.05 + seconds)):
        row = next(row for row in results["clauses"] if row["id"] == "CAP-4")
        row["checks"] = [{**row["checks"][0], "duration_s": duration}]
    assert len(compare(old, new).timings) == count
