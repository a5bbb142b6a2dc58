"""All writers tell the same run: their counts agree for every mix of outcomes."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from rich.console import Console
from support import reporting

from conformance.contract import catalogue
from conformance.judging.outcomes import Outcome, Verdict, worst
from conformance.report import badge, ci, html, junit, markdown, terminal, views, write_all
from conformance.results import files, queries, signoff, verdicts, waivers, wording

if TYPE_CHECKING:
    from xml.etree import ElementTree

MUST = sum(clause.level == "MUST" for clause in catalogue.load())
SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "results.json").read_text())
SAMPLES = {
    "green": reporting.green(),
    "red": reporting.red(),
    **{f"mixed {seed}": reporting.mixed(seed, strict=seed % 3 == 0) for seed in range(7)},
}


@pytest.fixture(params=SAMPLES, ids=str)
def results(request: pytest.FixtureRequest) -> Any:
    return SAMPLES[request.param]


#: outcomes that have a card for each clause; inconclusive clauses have one for each cause
CARDS = ("failed", "warned", "waived")


class Page(HTMLParser):
    """The counts on the page's strip, the anchors, and the outcome of each row of the clause table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.rows: Counter[str] = Counter()
        self.strip: dict[str, int] = {}
        self.entries: Counter[str] = Counter()
        self.tags: set[str] = set()
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        known = dict(attrs)
        classes = (known.get("class") or "").split()
        outcome = next((name[2:] for name in classes if name.startswith("o-")), "")
        self.ids += [name for name in (known.get("id"),) if name]
        self.rows[outcome] += tag == "tr" and bool(outcome)
        self.entries[outcome] += tag == "article"
        self._open = outcome if tag == "li" else self._open if tag in {"a", "b"} else ""
        assert not any(name.startswith("on") for name in known)

    def handle_data(self, data: str) -> None:
        if self._open and data.strip().isdecimal():
            self.strip[self._open] = int(data)


def printed(results: Any, width: int = 100, **more: Any) -> str:
    stream = io.StringIO()
    terminal.show(results, Console(file=stream, width=width), Path("reports/x"), **more)
    return stream.getvalue()


def test_samples_are_valid(results: Any) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(results)


def test_schema_is_strict() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    results = reporting.red()
    results["clauses"][0]["checks"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(results, SCHEMA)


def test_json_reads_back(results: Any, tmp_path: Path) -> None:
    write_all(results, tmp_path / "new")
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == results
    written = {path.relative_to(tmp_path / "new").as_posix(): path for path in (tmp_path / "new").rglob("*")}
    expected = {"badge.svg", "junit.xml", "results.json", "summary.md"}
    expected |= {"waivers.stub.toml"} if queries.failing(results) else set()
    assert {name for name in written if not name.startswith("repro")} == expected
    assert all(path.read_bytes().endswith(b"\n") for path in written.values() if path.is_file())


def junit_outcomes(root: ElementTree.Element) -> Counter[str]:
    """Of each clause the worst that a CI system would see."""
    ranks = {"failure": 3, "error": 2, None: 1, "skipped": 0}
    seen: dict[str, str | None] = {}
    for case in root.iter("testcase"):
        child = next((element.tag for element in case if element.tag != "system-out"), None)
        clause = case.attrib["classname"]
        seen[clause] = max(child, seen.get(clause, "skipped"), key=lambda tag: ranks[tag])
    return Counter(str(tag) for tag in seen.values())


def test_junit_agrees(results: Any) -> None:
    root = reporting.parse_xml(junit.render(results))
    summary, strict = results["summary"], results["run"]["strict"]
    seen = junit_outcomes(root)
    assert seen["failure"] == summary["failed"] + (summary["warned"] if strict else 0)
    assert seen["error"] == summary["error"]
    # A waived clause may have checks that passed beside the waived one.
    passing = [row for row in results["clauses"] if row["outcome"] == "waived" and len(row["checks"]) > 1]
    assert seen["skipped"] == summary["not_tested"] + summary["waived"] - len(passing)
    assert len({case.attrib["classname"] for case in root.iter("testcase")}) == len(results["clauses"])


def test_junit_attributes_count_the_children() -> None:
    root = reporting.parse_xml(junit.render(reporting.red()))
    for element in [root, *root.iter("testsuite")]:
        cases = list(element.iter("testcase"))
        assert int(element.attrib["tests"]) == len(cases)
        counted = {"failures": "failure", "errors": "error", **({} if element is root else {"skipped": "skipped"})}
        for attribute, tag in counted.items():
            assert int(element.attrib[attribute]) == len(list(element.iter(tag)))
    assert [suite.attrib["name"].split()[0] for suite in root] == list(
        dict.fromkeys(row["chapter"] for row in reporting.red()["clauses"])
    )


def test_junit_states_the_reason() -> None:
    root = reporting.parse_xml(junit.render(reporting.red()))
    case = next(case for case in root.iter("testcase") if case.attrib["name"] == "LIST-2/list")
    failure = case.find("failure")
    assert failure is not None
    assert failure.text is not None
    assert "/data/41/container_id" in failure.text
    assert "curl" in failure.text
    waived = next(case for case in root.iter("testcase") if case.attrib["classname"] == "AUTH-4")
    assert waived[0].attrib["message"].startswith("waived: ")
    properties = {one.attrib["name"]: one.attrib["value"] for one in root[0].iter("property")}
    assert properties["verdict"] == "non-conformant"
    assert properties["seed"] == "1"


def test_page_agrees(results: Any) -> None:
    page = Page(html.render_summary(results))
    expected = {outcome.value: results["summary"][outcome.value] for outcome in Outcome}
    assert page.strip == expected
    assert +page.rows == +Counter(expected)
    assert {name: page.entries[name] for name in CARDS} == {name: expected[name] for name in CARDS}


def test_page_shows_every_inconclusive_clause_under_one_cause(results: Any) -> None:
    rows = queries.with_outcome(results, Outcome.ERROR)
    groups = views.groups(results)
    listed = [row["id"] for group in groups for row in group.cause.clauses]
    assert sorted(listed) == sorted(row["id"] for row in rows)
    assert Page(html.render_summary(results)).entries["error"] == len(groups)


def test_page_has_one_anchor_for_each_clause(results: Any) -> None:
    ids = Page(html.render_summary(results)).ids
    assert len(ids) == len(set(ids))
    assert {row["id"] for row in results["clauses"]} <= set(ids)


def test_page_links_lead_somewhere(results: Any) -> None:
    text = html.render_summary(results)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(Page(text).ids)


def test_green_page_is_small() -> None:
    assert len(html.render_summary(reporting.green())) < 500_000


def test_markdown_agrees(results: Any) -> None:
    text = markdown.render(results)
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (\d+) \|$", text, re.MULTILINE))
    assert {name: int(number) for name, number in rows.items()} == {
        label: results["summary"][outcome.value] for outcome, label in wording.LABELS.items()
    }
    listed = len(re.findall(r"^\| [A-Z]+-\d+ \| (?:MUST|SHOULD) \|", text, re.MULTILINE))
    assert listed == sum(results["summary"][name] for name in ("failed", "error", "warned", "waived"))


@pytest.mark.parametrize("width", [30, 100])
def test_terminal_agrees(results: Any, width: int) -> None:
    text = printed(results, width, verbose=True)
    strip = r"\s+".join(rf"(\d+)\s+{label.replace(' ', chr(92) + 's+')}" for _, label, _ in queries.counts(results))
    numbers = re.findall(strip, text)[-1]
    assert [int(number) for number in numbers] == [number for _, _, number in queries.counts(results)]
    assert len(re.findall(r"^FAILED ", text, re.MULTILINE)) == results["summary"]["failed"]


def test_record_agrees(results: Any) -> None:
    predicate = signoff.statement(results, {"results.json": "a" * 64})["predicate"]
    kept = predicate["configuration"][0]["annotations"]
    numbers = {
        Outcome.PASSED: len(predicate["passedTests"]),
        Outcome.WARNED: len(predicate["warnedTests"]),
        Outcome.FAILED: len(predicate["failedTests"]),
        Outcome.NOT_TESTED: len(kept["notTested"]),
        Outcome.WAIVED: len(kept["waived"]),
        Outcome.ERROR: len(kept["error"]),
    }
    assert numbers == {outcome: results["summary"][outcome.value] for outcome in Outcome}
    assert (kept["verdict"], kept["headline"]) == (results["verdict"], results["headline"])
    assert predicate["result"] == {"conformant": "PASSED", "partial": "WARNED"}.get(results["verdict"], "FAILED")


def test_badge_agrees(results: Any) -> None:
    root = reporting.parse_xml(badge.render(results))
    said = root.attrib["aria-label"]
    assert said.removeprefix("backups API: ").split()[0].rstrip(",") == results["verdict"]
    if results["verdict"] in ("conformant", "partial"):
        assert said.endswith(f" {results['summary']['must_passed']}/{results['summary']['must_applicable']}")
    elif results["summary"]["must_failed"]:
        assert said.endswith(f", {results['summary']['must_failed']} failed")


def test_annotations_agree(results: Any) -> None:
    counted: Counter[str] = Counter()
    for line in ci.commands(results):
        kind, _, rest = line.removeprefix("::").partition(" title=")
        title, _, message = rest.partition("::")
        counted[kind] += len(message.split(", ")) if "more clause" in title else 1
    summary, strict = results["summary"], results["run"]["strict"]
    assert counted["error"] == summary["failed"] + (summary["warned"] if strict else 0)
    assert counted["warning"] == (0 if strict else summary["warned"])


def test_exit_code_agrees_with_what_is_written(results: Any) -> None:
    summary, strict = results["summary"], results["run"]["strict"]
    must = [row["outcome"] for row in results["clauses"] if row["level"] == "MUST"]
    red = "failed" in must or (strict and summary["warned"])
    inconclusive = "error" in must or set(must) == {"not_tested"}
    assert Verdict(results["verdict"]).exit_code == (1 if red else 3 if inconclusive else 0)
    again = verdicts.judge(results["clauses"], strict=strict, interrupted=False)
    assert again == {name: results[name] for name in again}


def test_terminal_ends_with_verdict_and_failed_clauses() -> None:
    results = reporting.red()
    lines = printed(results, 400).splitlines()
    assert lines[-2].lower() == results["headline"].lower()
    assert lines[-1] == "Failed: " + ", ".join(row["id"] for row in queries.failing(results))
    assert "Report: reports/x/report.html" in lines
    assert "Waiver stubs: reports/x/waivers.stub.toml" in lines
    assert "[[waiver]]" not in "\n".join(lines)


def test_terminal_ends_with_the_verdict_where_nothing_failed() -> None:
    lines = printed(reporting.green()).splitlines()
    assert lines[-1].lower() == reporting.green()["headline"].lower()


def test_terminal_is_short_for_a_wholly_broken_target() -> None:
    everything = reporting.results({row["id"]: Outcome.FAILED for row in reporting.green()["clauses"]})
    text = printed(everything)
    assert text.count("wanted status 403\n") < 25
    assert all(row["id"] in text for row in everything["clauses"])


def test_terminal_says_one_reason_once() -> None:
    gone = reporting.results({row["id"]: Outcome.ERROR for row in reporting.green()["clauses"]})
    text = printed(gone)
    assert text.count("no answer: timeout after 10 s") == 1
    assert f"error {len(gone['clauses'])} clauses: no answer" in text
    assert all(row["id"] in text for row in gone["clauses"])
    assert printed(gone, verbose=True).count("no answer: timeout after 10 s") >= len(gone["clauses"])


def test_what_was_left_out_on_purpose_is_only_counted() -> None:
    results = reporting.results({row["id"]: Outcome.NOT_TESTED for row in reporting.green()["clauses"]})
    for row in results["clauses"][1:]:
        row["reason"] = queries.NOT_SELECTED
    text = printed(results)
    assert f"  {queries.NOT_SELECTED}: {len(results['clauses']) - 1} clauses\n" in text
    assert "LIST-5" not in text


def test_nothing_is_cut_in_a_pipe() -> None:
    stream, results = io.StringIO(), reporting.red()
    failed = next(row for row in results["clauses"] if row["outcome"] == "failed")
    got = failed["checks"][0]["findings"][0]["got"] = "a long answer " * 20 + "and its end"
    untested = next(row for row in results["clauses"] if row["outcome"] == "not_tested")
    untested["reason"] = "what would enable it " * 10 + "in the end"
    terminal.show(results, Console(file=stream, width=80, soft_wrap=True), Path("x"))
    lines = stream.getvalue().splitlines()
    assert f"    got    {got}" in lines
    assert f"  {untested['reason']}: {untested['id']}" in lines


def test_restores_that_may_still_run_are_listed_once_per_instance() -> None:
    results = reporting.green()
    results["run"]["restores_maybe_running"] = [
        {"job_id": job, "backup_id": "b", "instance_id": instance, "since": "2026-03-01T10:00:00Z"}
        for job, instance in (("j1", "i1"), ("j2", "i2"), ("j3", "i1"), (None, ""))
    ]
    sentences = [
        "2 restores may still be running on instance i1: jobs j1, j3",
        "a restore may still be running on instance i2: job j2",
        "a restore may still be running on instance unknown: 1 unknown job",
    ]
    assert wording.running_words(results["run"]) == sentences
    assert all(f"! {words}\n" in printed(results) for words in sentences)
    assert all(f"> **Note:** {words}\n" in markdown.render(results) + "\n" for words in sentences)


def a_failed_row_with(*checks: tuple[str, str]) -> Any:
    """A failed clause whose checks have these IDs and outcomes, each with the same finding."""
    row = next(row for row in reporting.red()["clauses"] if row["outcome"] == "failed")
    check = row["checks"][0]
    row["checks"] = [
        {**check, "id": name, "outcome": outcome, "findings": [{**check["findings"][0], "outcome": outcome}]}
        for name, outcome in checks
    ]
    return row


def test_a_written_check_comes_before_a_generated_one() -> None:
    row = a_failed_row_with(("A", "error"), ("CAP-1/list/generated", "failed"), ("CAP-1/list", "failed"))
    assert next(owner["id"] for owner, _ in queries.findings(row)) == "CAP-1/list"


def test_a_read_stands_for_equal_findings() -> None:
    row = a_failed_row_with(("CAP-1/delete", "failed"), ("CAP-1/list", "failed"))
    (exchange,) = row["checks"][0]["exchanges"]
    row["checks"][0]["exchanges"] = [{**exchange, "request": {**exchange["request"], "method": "DELETE"}}]
    (unique,) = queries.unique_findings(row)
    assert unique.check["id"] == "CAP-1/list"
    assert unique.checks == ["CAP-1/delete", "CAP-1/list"]


def test_findings_that_want_different_values_or_name_different_integrations_are_equal() -> None:
    row = a_failed_row_with(("CAP-1/get", "failed"), ("CAP-1/list", "failed"))
    for check, name in zip(row["checks"], ("archive", "cold-storage"), strict=True):
        check["findings"][0] |= {"wanted": f'"{name}", as in the list', "pointer": f"/includes/integrations/{name}/id"}
    assert len(queries.unique_findings(row)) == 1
    row["checks"][1]["findings"][0]["pointer"] = "/includes/integrations/archive/name"
    assert len(queries.unique_findings(row)) == 2


def test_values_with_the_same_explanation_are_one_finding_wherever_they_are() -> None:
    row = a_failed_row_with(("CAP-1/get", "failed"), ("CAP-1/list", "failed"))
    places = ("/data/state/changed", "/data/0/events/created")
    for check, pointer, time in zip(
        row["checks"], places, ("2025-11-06T04:00:40", "2025-11-06T16:00:00.5"), strict=True
    ):
        check["findings"][0] |= {"got": f'"{time}", which has no offset', "pointer": pointer}
    (unique,) = queries.unique_findings(row)
    assert unique.pointers == [*places]
    (card,) = [card for card in views.cards(reporting.of_clauses(row), Outcome.FAILED) if card.clause is row]
    assert card.findings[0].elsewhere == [places[1]]
    assert places[1] in html.render_summary(reporting.of_clauses(row))


def test_equal_findings_are_shown_once_with_all_their_checks() -> None:
    row = a_failed_row_with(("CAP-1/list/generated", "failed"), ("CAP-1/list", "failed"))
    (card,) = [card for card in views.cards(reporting.of_clauses(row), Outcome.FAILED) if card.clause is row]
    (finding,) = card.findings
    assert finding.unique.checks == ["CAP-1/list", "CAP-1/list/generated"]
    assert finding.unique.places == 2


def test_what_could_not_be_judged_is_no_finding_of_a_failed_clause() -> None:
    row = a_failed_row_with(("A", "error"), ("CAP-1/list", "failed"))
    reason = row["checks"][0]["reason"] = "inconclusive: wanted an answer that can be judged, got status 500"
    (card,) = views.cards(reporting.of_clauses(row), Outcome.FAILED)
    assert [finding.row["outcome"] for finding in card.findings] == ["failed"]
    assert card.undetermined == {reason: ["A"]}
    assert reason not in printed(reporting.of_clauses(row))


def test_strict_warnings_are_failures_everywhere() -> None:
    results = reporting.results({"LIST-6": Outcome.WARNED}, strict=True)
    assert results["verdict"] == "non-conformant"
    assert "WARNED LIST-6" in printed(results)
    assert 'clause = "LIST-6"' in waivers.stubs(results)
    assert len(list(reporting.parse_xml(junit.render(results)).iter("failure"))) == 1


def test_stub_names_the_check_only_where_others_pass() -> None:
    text = waivers.stubs(reporting.results({"CAP-5": Outcome.FAILED, "CAP-4": Outcome.FAILED}))
    assert text.count("[[waiver]]") == 2
    assert 'clause = "CAP-5"\ncheck = "CAP-5/list"\nreason = ""\nexpires = 2026-05-30' in text
    assert "CAP-4/" not in text


def test_no_waiver_stub_for_waived_or_inconclusive_checks() -> None:
    assert waivers.stubs(reporting.results({"CAP-5": Outcome.WAIVED, "CAP-4": Outcome.ERROR})) == ""


def test_a_clause_without_a_conclusive_check_has_its_own_line() -> None:
    row: Any = reporting.red()["clauses"][0] | {"outcome": "error", "reason": "our own bug"}
    lines = queries.cases(row | {"checks": []})
    assert [(line.id, line.outcome, line.reason) for line in lines] == [(row["id"], Outcome.ERROR, "our own bug")]
    assert worst(line.outcome for line in queries.cases(row)) is Outcome.FAILED


def test_an_error_is_shown_with_its_cause() -> None:
    text = html.render_summary(reporting.red())
    entry = text[text.index('id="CAP-4"') :]
    assert 'Not judged because of this: <a href="#CAP-8">' in entry[: entry.index("</article>")]


@pytest.mark.parametrize(
    ("outcomes", "more", "words"),
    [
        ({}, {}, f"Conformant: {MUST} of {MUST} MUST clauses passed"),
        (
            {"CAP-1": Outcome.NOT_TESTED, "CAP-2": Outcome.WAIVED},
            {},
            f"Partial: {MUST - 2} of {MUST} MUST clauses passed, 1 not tested, 1 waived",
        ),
        ({"CAP-1": Outcome.FAILED}, {}, f"Non-conformant: 1 of {MUST} MUST clauses failed"),
        ({"LIST-6": Outcome.WARNED}, {"strict": True}, "Non-conformant: 1 warning, which --strict counts as failures"),
        ({"CAP-1": Outcome.ERROR}, {}, f"Inconclusive: 1 of {MUST} MUST clauses ended in error"),
        ({}, {"interrupted": True}, f"Inconclusive: the run was interrupted; {MUST} of {MUST}"),
    ],
)
def test_the_headline_states_the_verdict(outcomes: dict[str, Outcome], more: dict[str, Any], words: str) -> None:
    assert words in reporting.results(outcomes, **more)["headline"]


def test_verdict_with_nothing_tested() -> None:
    nothing = reporting.results(dict.fromkeys(catalogue.load().clauses, Outcome.NOT_TESTED))
    assert nothing["headline"] == "Inconclusive: no MUST clause was tested"


def test_file_is_kept_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    files.write_json(path, {"whole": True})
    with pytest.raises(TypeError):
        files.write_json(path, {"whole": object()})
    with pytest.raises(UnicodeEncodeError):
        files.write_atomically(path, "\ud800")
    assert json.loads(path.read_text()) == {"whole": True}
    assert list(tmp_path.iterdir()) == [path]
