"""Drawings, the list of runs, and files that older versions wrote."""

from __future__ import annotations

import gzip
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import reporting

from conformance.cli import main
from conformance.config.settings import Depth
from conformance.contract import catalogue
from conformance.http import latency
from conformance.http.exchange import Exchange, Request, Response
from conformance.judging.outcomes import Outcome, Verdict
from conformance.qualification import results as qualification
from conformance.report import compare as rendering
from conformance.report import html, index, junit, markdown, plots, qualified, views, write_all
from conformance.results import compare, queries, reading, signoff

if TYPE_CHECKING:
    from conformance.contract.operations import Operation

OLDER = sorted((Path(__file__).parents[2] / "older").glob("results-*.json.gz"))
SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "results-1.json").read_text())


# ------------------------------------------------------------ older files


@pytest.mark.parametrize("file", OLDER, ids=lambda file: file.name)
def test_a_file_of_an_older_version_is_read_and_shown(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(gzip.decompress(file.read_bytes()))
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    results = reading.load_results(path)
    assert results["latency"] == []
    assert results["run"]["subjects"] == []
    assert sum(queries.inputs_of(row) for row in results["clauses"]) > 100
    for text in (html.render_summary(results), junit.render(results), markdown.render(results)):
        assert results["run"]["id"] in text or "bc-verdict" in text
    write_all(results, tmp_path / "again")
    signoff.write(results, tmp_path / "again")
    assert index.write(tmp_path).runs == 1
    newer = reporting.results({"CAP-4": Outcome.FAILED})
    assert [change.id for change in compare.compare(results, newer).broken] == ["CAP-4"]
    assert main.main(["compare", str(path), str(path)]) == 0


# ------------------------------------------------------------ times


def timed(results: Any, clause: str, seconds: float, median: float) -> Any:
    rows = {row["id"]: row for row in results["clauses"]}
    rows[clause]["checks"][0]["duration_s"] = seconds
    results["latency"][1]["p50_s"] = median
    return results


def test_a_much_slower_operation_is_reported_and_is_no_regression() -> None:
    old, new = timed(reporting.green(), "CAP-4", 1, 0.01), timed(reporting.green(), "CAP-4", 3.5, 0.1)
    compared = compare.compare(old, new)
    assert [(one.subject, one.words) for one in compared.timings] == [
        ("list, median", "10.0 times as long"),
        ("CAP-4", "3.5 times as long"),
    ]
    assert compared.exit_code == 0
    assert "10 ms" in rendering.markdown(compared)
    assert "3.5 times as long" in rendering.page(compared, old, new)
    back = compare.compare(new, old)
    assert [one.words for one in back.timings] == ["10.0 times faster", "3.5 times faster"]


def answered(operation: Operation, seconds: float) -> Exchange:
    request = Request(operation=operation, method="GET", path="/")
    return Exchange(request, Response(200, (), b"", seconds))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_latency_counts_every_answer(times: list[float]) -> None:
    workers = [latency.Latencies(), latency.Latencies()]
    for number, seconds in enumerate(times):
        workers[number % 2].observe(answered("get", seconds))
    workers[0].observe(Exchange(answered("get", 0).request, None, failure="none came"))
    row: Any
    (row,) = latency.rows(json.loads(json.dumps([worker.counted() for worker in workers])))
    assert row["count"] == len(times) == sum(count for _, count in row["buckets"])
    assert row["p50_s"] <= row["p95_s"] <= row["max_s"]
    assert row["max_s"] == pytest.approx(max(*times, 1e-5), rel=0.006)
    bounds = [bound for bound, _ in row["buckets"]]
    assert bounds == sorted(bounds)
    assert bounds[-1] >= row["max_s"] * 0.99
    drawn, ticks = plots.latencies([row])
    assert len(drawn[0].bars) == len(bounds)
    assert all(2 <= bar.x <= 98 and bar.x + bar.width <= 98.6 for bar in drawn[0].bars)
    assert [tick.x for tick in ticks] == sorted(tick.x for tick in ticks)


@given(st.lists(st.floats(0, 10_000), max_size=40))
def test_a_timeline_is_drawn_to_scale(times: list[float]) -> None:
    moments: Any = [{"t_s": at, "what": "x", "answer": None, "concluded": None} for at in sorted(times)]
    plot = plots.timeline(moments)
    if len(times) < 2 or max(times) == min(times):
        assert plot is None
        return
    assert plot is not None
    assert len(plot.ticks) <= 7
    assert all(1.9 <= tick.x <= 98.1 for tick in plot.ticks)
    assert all(mark.x >= 2 and mark.x + mark.width <= 98.01 for mark in plot.marks)
    numbers = [int(number) for mark in plot.marks for number in mark.label.split(" to ")]
    assert (numbers[0], numbers[-1]) == (1, len(times))
    gaps = [after.x - before.x - before.width for before, after in zip(plot.marks, plot.marks[1:], strict=False)]
    assert all(gap >= 4.99 for gap in gaps)


def test_a_moment_that_was_seen_twice_is_one() -> None:
    moments: Any = [{"t_s": at, "what": what} for at, what in ((2.0, "b"), (1.0, "a"), (2.0, "b"), (2.0, "c"))]
    assert [one["what"] for one in plots.in_order(moments)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (0.00001, "10 µs"), (0.0123, "12.3 ms"), (1, "1 s"), (59.94, "59.9 s")]
)
def test_seconds_in_the_unit_that_reads_best(value: float, words: str) -> None:
    assert plots.seconds(value) == words


# ------------------------------------------------------------ the list of runs


def test_runs_are_listed_by_target_newest_first(tmp_path: Path) -> None:
    for number, outcome in enumerate([Outcome.FAILED, Outcome.WARNED, Outcome.PASSED]):
        run = reporting.results({"CAP-4": outcome}, id=f"run{number}", started=f"2026-03-0{number + 1}T10:00:00Z")
        write_all(run, tmp_path / "staging-eu" / f"r{number}")
        signoff.write(run, tmp_path / "staging-eu" / f"r{number}")
    (tmp_path / "staging-eu" / "latest").symlink_to("r2")
    (tmp_path / "staging-eu" / "unfinished" / ".state").mkdir(parents=True)
    shutil.copytree(tmp_path / "staging-eu" / "r0", tmp_path / "staging-eu" / "damaged")
    (tmp_path / "staging-eu" / "damaged" / "signoff.json").write_text("{}")
    assert index.write(tmp_path).runs == 3
    page = (tmp_path / "index.html").read_text()
    assert page.index("r2/report.html") < page.index("r1/report.html") < page.index("r0/report.html")
    assert page.count("/report.html") == 3
    assert 'http-equiv="Content-Security-Policy"' in page
    assert "<script" not in page
    assert page.index("2026-03-01T10:00:00Z: ") < page.index("2026-03-03T10:00:00Z: ")  # the trend goes to the right
    assert index.write(tmp_path / "staging-eu").runs == 3


def test_a_folder_without_runs(tmp_path: Path) -> None:
    assert main.main(["index", str(tmp_path)]) == 0
    assert "No run in this folder" in (tmp_path / "index.html").read_text()
    assert main.main(["index", str(tmp_path / "none")]) == 2


def test_the_filters_offer_only_outcomes_that_occur() -> None:
    assert "show-failed" not in html.render_summary(reporting.green())
    page = html.render_summary(reporting.red())
    for value, number in {"all": len(catalogue.load().clauses), "failed": 5, "warned": 3, "waived": 1}.items():
        assert f'id="show-{value}"' in page
        assert f"<b>{number}</b></label>" in page


# ------------------------------------------------------------ how good the suite is that judged


def score(**changes: Any) -> bytes:
    """A published score of the version that wrote the results, or one that differs from it."""
    rows = [
        {"level": "MUST", "outcome": "right", "undeclared": [], "inconclusive": [], "kind": "named", "catch_s": 1.0}
    ]
    broken = [{**row, "breaks": ["CAP-4"], "name": "x"} for row in rows]
    facts = qualification.Facts(jobs=1, seed=1, started=datetime(2026, 3, 1, tzinfo=UTC), **changes)
    return json.dumps(qualification.score_alone(qualification.document(broken, facts))).encode()


def of_this_version() -> Any:
    results = reporting.green()
    results["suite"] = json.loads(score())["suite"]
    return results


def test_the_score_of_the_suite_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qualified, "_published", score)
    words = "100 % of 1 broken servers caught by the right MUST clause, 0 of 0 correct servers accused"
    assert f"{words} (qualified 2026-03-01)" in html.render_summary(of_this_version())
    assert words in markdown.render(of_this_version())


@pytest.mark.parametrize(
    "published",
    [
        b"",
        b"{}",
        b"[1]",
        b"x",
        score(only=("CAP",)),
        score(patterns=("a*",)),
        score(interrupted=True),
        score(depth=Depth.QUICK),
    ],
    ids=["none", "empty", "a list", "no JSON", "of a part", "of some faults", "interrupted", "quick"],
)
def test_a_missing_score_is_not_shown(published: bytes) -> None:
    assert qualified.score_sentence(of_this_version(), published) == "not measured for this version"


def test_the_score_of_another_version_is_shown_as_that() -> None:
    results = of_this_version()
    version = results["suite"]["version"]
    results["suite"] = {**results["suite"], "version": "0.0.1"}
    words = qualified.score_sentence(results, score())
    assert words.startswith(f"not measured for this version; version {version}: 100 % of 1 broken servers caught")


def test_the_score_with_other_clauses_is_shown_as_that() -> None:
    results = of_this_version()
    results["suite"] = {**results["suite"], "catalogue_sha256": "0" * 64}
    assert qualified.score_sentence(results, score()).startswith(
        "not measured with these clauses; before they changed: 100 %"
    )


def test_the_score_of_a_sample_is_called_that() -> None:
    assert "a sample, caught" in str(qualified.score_sentence(of_this_version(), score(sample=40)))


# ------------------------------------------------------------ who was answered what


@pytest.mark.parametrize(
    ("wanted", "statuses", "right"),
    [
        ("allowed", [200], True),
        ("allowed", [200, 400, 404], True),
        ("allowed", [200, 403], False),
        ("allowed", [401], False),
        ("allowed", [404], None),
        ("allowed", [200, 500], False),
        ("allowed", [429, 503], None),
        ("refused", [401, 403, 404, 405], True),
        ("refused", [403, 202], False),
        ("refused", [403, 429], True),
        ("either", [200, 404], True),
        ("either", [200, 302], False),
    ],
)
def test_a_cell_is_right_where_the_key_could_do_what_it_may(wanted: str, statuses: list[int], right: bool) -> None:
    cell = {"key": "view", "operation": "list", "resource": "own", "wanted": wanted}
    seen = {**cell, "statuses": {str(status): 1 for status in statuses}}
    _, (row,) = views.matrix(reporting.green() | {"matrix": [seen]})
    (told,) = row.cells
    assert told is not None
    assert told.right is right


def test_checks_that_could_not_judge_for_one_reason_are_shown_once() -> None:
    row = next(row for row in reporting.green()["clauses"] if len(row["checks"]) > 2)
    for check in row["checks"]:
        check.update(outcome="error", reason="no answer", findings=[])
    row["checks"][-1]["reason"] = "another"
    row.update(outcome="error", reason="no answer")
    (group,) = views.groups(reporting.of_clauses(row))
    assert group.cause.reason == "no answer"
    assert group.card is not None
    assert group.card.undetermined == {"another": [row["checks"][-1]["id"]]}


def test_clauses_that_one_failure_kept_from_being_judged_share_an_entry() -> None:
    results = reporting.results({"CAP-4": Outcome.FAILED, **dict.fromkeys(("CAP-8", "RST-2", "RST-4"), Outcome.ERROR)})
    rows = {row["id"]: row for row in results["clauses"]}
    for number, clause in enumerate(("CAP-8", "RST-2", "RST-4")):
        rows[clause]["reason"] = f"inconclusive: CAP-4 failed first on POST /v1/containers/{number}/tasks as view"
    (group,) = views.groups(results)
    assert (group.card, group.cause.blocking) == (None, "CAP-4")
    assert [row["id"] for row in group.others] == ["CAP-8", "RST-2", "RST-4"]
    (card,) = views.cards(results, Outcome.FAILED)
    assert card.blocked == group.others


def test_clauses_that_nothing_was_seen_of_share_an_entry_without_a_card() -> None:
    results = reporting.results(dict.fromkeys(("CAP-8", "RST-2", "RST-4"), Outcome.ERROR))
    for row in results["clauses"]:
        if row["outcome"] == "error":
            row.update(reason="the target could not be reached", checks=[])
    (group,) = views.groups(results)
    assert group.card is None
    assert "3 clauses not judged: the target could not be reached" in html.render_summary(results)


# ------------------------------------------------------------ the release question


def test_the_first_box_names_what_was_not_tested_and_what_is_waived() -> None:
    results = reporting.results(
        {
            "CAP-4": Outcome.WAIVED,
            "CAP-8": Outcome.NOT_TESTED,
            "RST-2": Outcome.NOT_TESTED,
            "HTTP-8": Outcome.NOT_TESTED,
        }
    )
    results["waivers"] = [
        {"clause": "CAP-4", "state": "used", "reason": "until the move", "expires": "2026-12-31"},
        {"clause": "ERR-3", "state": "stale", "reason": "was mended", "expires": "2027-01-31"},
    ]
    decision = views.decision(results)
    assert [row["id"] for row in decision.must_not_tested] == ["CAP-8", "RST-2"]
    assert [row["id"] for row in decision.should_not_tested] == ["HTTP-8"]
    assert [waiver["clause"] for waiver in decision.waivers] == ["CAP-4"]
    box = html.render_summary(results).partition('<details class="bc-fold bc-about">')[0]
    musts = sum(clause.level == "MUST" for clause in catalogue.load())
    assert f'<a href="#section-not_tested">2 of {musts} MUST clauses</a>; ' in box
    assert '<a href="#section-not_tested">HTTP-8 (SHOULD)</a>' in box
    assert '<a href="#CAP-4">CAP-4</a> until 2026-12-31' in box
    assert "ERR-3" not in box


def test_clauses_that_do_not_apply_are_not_counted_as_not_tested() -> None:
    results = reporting.results({"DEL-1": Outcome.NOT_TESTED})
    for row in results["clauses"]:
        row["applies"] = row["id"] != "DEL-1"
    decision = views.decision(results)
    assert decision.must_not_tested == decision.should_not_tested == []
    assert "no MUST clause that applies</dd>" in html.render_summary(results)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_first_box_says_what_the_verdict_means_for_a_release(verdict: Verdict) -> None:
    results = reporting.green() | {"verdict": verdict.value}
    assert f'<p class="bc-meaning">{views.decision(results).meaning}</p>' in html.render_summary(results)
