"""The suite's own qualification: what it is tried on, what a trial says, and what the command makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from conformance.cli import main
from conformance.config.settings import Depth
from conformance.contract import catalogue
from conformance.contract.operations import SHAPE_CLAUSE
from conformance.contract.schemas import schemas_dir
from conformance.contract.validation import mismatches
from conformance.fleet import executors
from conformance.judging.answer_shapes import ANSWER_SHAPE
from conformance.judging.outcomes import Outcome
from conformance.qualification import assessing, command, page, places, results, resuming, runner, trials, trying
from conformance.qualification import structural as structures
from conformance.qualification.measure import NEVER_TESTED, Judged, Result, checks_of
from conformance.qualification.structural import structural
from conformance.reference.registry import Fault, Variant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.contract.operations import Operation
    from conformance.qualification.assessing import Row
    from conformance.qualification.trials import Trial

SCHEMA = Draft202012Validator(json.loads((schemas_dir() / "qualification.json").read_bytes()))
BRIEFLY = trying.TrialOptions(examples=3)
#: one trial of each kind, quick ones: by hand and generated, at all items and at one, errors, nulls, variants
SAMPLE = (
    "no_key_needed",
    "member_twice",
    "zero_time_with_offset",
    "shape/list/data.N.target.size/left-out/one",
    "shape/get/includes.integrations.N.meta.definition.fields.auth.N.regex/as-number",
    "shape/logs/data.N.error.stack/by-number",
    "shape/restore/data.job/in-an-array",
    "shape/job-errors/error/in-an-array",
    "shape/get-oauth/error_description/null",
    "shape/list/data.N.state.error/null",
    "shape/logs/data.N.error/is-null",
    "shape/delete/data.job.tasks/is-null",
)


def expect_no_server_error(name: str = "shape/harmless/nowhere/nothing", breaks: tuple[str, ...] = ("GET-4",)) -> Trial:
    """A trial of a fault that breaks nothing, so that it must be missed."""
    fault = Fault(name, "Nothing is broken.", breaks, (), needs_probe=False, apply=lambda _: None)
    return trials.Trial(fault, frozenset(breaks))


def result(**outcomes: str) -> Result:
    """A run that passed but for some clauses: GET_1="failed"."""
    clauses = {clause.id: Judged(Outcome.PASSED, "") for clause in catalogue.load()}
    for name, outcome in outcomes.items():
        clauses[name.replace("_", "-")] = Judged(Outcome(outcome), f"{outcome} for a reason")
    return Result("of a test", clauses, 1.0)


def assessed(
    breaks: tuple[str, ...],
    also: tuple[str, ...] = (),
    *,
    cut_short: bool = False,
    depth: Depth = Depth.STANDARD,
    **outcomes: str,
) -> Row:
    fault = Fault("made up", "It is made up.", breaks, also, needs_probe=False, apply=lambda _: None)
    return assessing.assess(trials.Trial(fault), result(**outcomes), catch_s=0.5, cut_short=cut_short, depth=depth)


def use(monkeypatch: pytest.MonkeyPatch, chosen: Iterable[Trial]) -> list[str]:
    """Make these all trials that there are, and try them in this process; return the names that are tried."""
    tried: list[str] = []
    known = {trial.name: trial for trial in chosen}
    for module in (trials, trying, resuming):
        monkeypatch.setattr(module, "all_trials", lambda: known)

    def submit(description: trying.TrialDescription) -> Future[Row]:
        future: Future[Row] = Future()
        tried.append(description.name)
        future.set_result(trying.execute(description))
        return future

    monkeypatch.setattr(runner, "workers", lambda _place, most: nullcontext((submit, most)))
    return tried


# ---------------------------------------------------------------- what it is tried on


def test_there_are_several_hundred_structural_faults_each_of_a_clause_that_exists() -> None:
    known = {clause.id for clause in catalogue.load()}
    faults = [one.change for one in structural().values() if isinstance(one.change, Fault)]
    variants = [one.change for one in structural().values() if isinstance(one.change, Variant)]
    assert len(faults) > 500
    assert len(variants) > 100
    assert {clause for fault in faults for clause in (*fault.breaks, *fault.also)} <= known


@pytest.mark.parametrize(("operation", "shape"), ANSWER_SHAPE.items())
def test_every_place_of_a_success_is_broken_on_its_operation(operation: str, shape: str) -> None:
    broken = {name.split("/")[2] for name, one in structural().items()
              if name.startswith(f"shape/{operation}/") and isinstance(one.change, Fault)}  # fmt: skip
    assert {place.word for place in places.places(shape)} <= broken


@pytest.mark.parametrize(("operation", "clause"), SHAPE_CLAUSE.items())
def test_a_break_below_data_is_the_shapes_clause(operation: str, clause: str) -> None:
    below = [one.change for name, one in structural().items() if name.startswith(f"shape/{operation}/data.")]
    blamed = {one.breaks for one in below if isinstance(one, Fault)}
    assert (clause,) in blamed
    assert blamed <= {(clause,), ("HTTP-10",), ("BKP-3",)}


@pytest.mark.parametrize("shape", [*ANSWER_SHAPE.values(), "error-envelope", "oauth-error"])
def test_an_example_of_a_place_is_valid_and_every_break_of_it_is_not(shape: str) -> None:
    """The shape's own example, with each place broken in turn, as the suite's validators see it."""
    whole = places.example({"$ref": f"{shape}.json"})
    assert mismatches(shape, whole) == []
    from conformance.qualification.structural import _edit  # noqa: PLC0415 - the only one who looks inside

    for place in places.places(shape):
        for kind in places.breaks(place, shape):
            broken = _edit(shape, place.steps, kind.change)(json.loads(json.dumps(whole)), None)
            assert any(not one.null_optional for one in mismatches(shape, broken)), (place.word, kind.name)


def test_trials_are_chosen_by_clause_and_by_name() -> None:
    assert {"CAP-4"} <= {clause for one in trials.chosen(["CAP-4"]) for clause in one.change.breaks}  # type: ignore[union-attr]
    assert all("CAP-4" in one.change.breaks for one in trials.chosen(["CAP-4"]))  # type: ignore[union-attr]
    assert {one.name for one in trials.chosen((), ["no_key_needed", "gzip_bod*"])} == {"no_key_needed", "gzip_bodies"}
    assert {one.name for one in trials.chosen(["AUTH-1"], ["no_key_needed", "gzip_bod*"])} == {
        "no_key_needed",
        "gzip_bodies",
    }
    assert len(trials.chosen()) == len(trials.all_trials())


def test_a_sample_has_of_every_clause_its_share_and_is_the_same_again() -> None:
    every = trials.chosen()
    groups = {trial.group for trial in every}
    sample = trials.sampled(every, len(groups), 7)
    assert {trial.group for trial in sample} == groups
    assert sample == trials.sampled(every, len(groups), 7)
    assert sample != trials.sampled(every, len(groups), 8)


@pytest.mark.process  # servers of their own
@pytest.mark.parametrize(
    "name",
    ["shape/list/data.N.state.error/present", "shape/get/data.state.error/absent"],
)
def test_a_member_that_the_list_shows_or_leaves_out_get_shows_or_leaves_out_as_well(name: str) -> None:
    row = trying.execute(trying.TrialDescription(name, replace(BRIEFLY, depth=Depth.QUICK)))
    assert (row["outcome"], row["reasons"]) == ("green", {})  # a quick trial judges all clauses, such as GET-3


# ---------------------------------------------------------------- what a trial says


@pytest.mark.process  # servers of their own
@pytest.mark.parametrize(
    ("operation", "steps"),
    [
        ("list", ("data", places.EACH, "id")),
        ("list", ("data", places.EACH, "state", "current")),
        ("logs", ("data", places.EACH, "id")),
        ("logs", ("data", places.EACH, "instance_id")),
        ("job", ("data", "state", "current")),
    ],
)
def test_an_array_in_the_place_of_text_is_no_error_of_the_suite(
    operation: Operation, steps: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = structures.Answers(operation, ANSWER_SHAPE[operation])
    apply = structures._applied(answers, structures._edit(answers.shape, steps, lambda _: [{}]))
    clause = SHAPE_CLAUSE[operation]
    odd = trials.Trial(Fault("shape/odd", "A member is odd.", (clause,), (), needs_probe=False, apply=apply))
    monkeypatch.setattr(trying, "all_trials", lambda: {odd.name: odd})
    row = trying.execute(trying.TrialDescription(odd.name, replace(BRIEFLY, depth=Depth.QUICK)))
    assert row["outcome"] == "right"
    assert "a bug of the suite" not in str(row["reasons"])


def test_a_fault_is_caught_by_the_clauses_that_it_breaks() -> None:
    assert assessed(("GET-1",), GET_1="failed")["outcome"] == "right"
    assert assessed(("GET-1", "GET-2"), GET_1="failed")["outcome"] == "others"
    assert assessed(("GET-1", "GET-2"), GET_1="failed", cut_short=True)["outcome"] == "right"
    assert assessed(("GET-1",), ("GET-2",), GET_2="failed")["outcome"] == "others"
    assert assessed(("GET-1",))["outcome"] == "missed"
    assert assessed(("GET-1",), GET_1="error")["outcome"] == "missed"
    assert assessed(("AUTH-7",), AUTH_7="warned")["outcome"] == "right"


def test_undeclared_failures_are_listed() -> None:
    row = assessed(("GET-1",), ("GET-3",), GET_1="failed", GET_2="failed", GET_3="failed", INC_5="warned")
    assert row["undeclared"] == ["INC-5", "GET-2"] or row["undeclared"] == ["GET-2", "INC-5"]
    assert set(row["reasons"]) == {"GET-2", "INC-5"}
    assert not results.is_good(row)


def test_only_a_should_may_be_missed() -> None:
    assert results.is_good(assessed(("AUTH-7",)))
    assert not results.is_good(assessed(("GET-1",)))
    assert not results.is_good(assessed(("GET-1",), GET_1="failed", LOG_3="error"))


def test_a_variant_may_only_warn_as_it_declares() -> None:
    change = Variant("made up", "It is made up.", "it is legal", lambda _: None, warns=("AUTH-7",))
    whole, part = trials.Trial(change), trials.Trial(change, frozenset({"GET-1"}))
    verdicts = [
        assessing.assess(trial, given, catch_s=None, cut_short=False)["outcome"]
        for trial, given in (
            (whole, result(AUTH_7="warned")),
            (whole, result(AUTH_8="warned")),
            (whole, result(GET_1="error")),
            (whole, result(GET_1="not_tested")),
            (part, result(GET_2="not_tested")),
        )
    ]
    assert verdicts == ["green", "accused", "error", "error", "green"]


def test_one_of_the_broken_clauses_is_enough_for_a_quick_run() -> None:
    broken = ("GET-1", "GET-2")
    assert assessed(broken, GET_1="failed")["outcome"] == "others"
    assert assessed(broken, GET_1="failed", depth=Depth.QUICK)["outcome"] == "right"
    assert assessed(broken, GET_3="failed", depth=Depth.QUICK)["outcome"] == "others"
    assert assessed(broken, depth=Depth.QUICK)["outcome"] == "missed"


def test_a_fault_with_clauses_of_its_own_declares_nothing_of_others() -> None:
    seen = result(GET_1="failed", GET_3="failed", RST_2="failed")
    fault = Fault("made up", "It is made up.", ("GET-1",), (), needs_probe=False, apply=lambda _: None)
    undeclared = [
        assessing.assess(trials.Trial(fault, selected), seen, catch_s=0.5, cut_short=False, depth=Depth.QUICK)[
            "undeclared"
        ]
        for selected in (frozenset({"GET-1", "GET-3"}), None)
    ]
    assert undeclared == [["GET-3"], ["GET-3", "RST-2"]]


def test_a_log_of_a_variant_has_an_error_only_where_its_restore_failed() -> None:
    """A quick run tests the clauses of restores against every variant."""
    description = trying.TrialDescription("shape/logs/data.N.error.stack/present", replace(BRIEFLY, depth=Depth.QUICK))
    assert trying.execute(description)["outcome"] == "green"


def test_a_quick_run_tests_only_the_clauses_of_its_checks() -> None:
    variant = trials.Trial(Variant("made up", "It is made up.", "", lambda _: None))
    tested = {check.clause for check in checks_of(Depth.QUICK)}
    left_out = {clause.id for clause in catalogue.load()} - tested - NEVER_TESTED
    for clause, outcome in ((min(left_out), "green"), (min(tested), "error")):
        run = result(**{clause.replace("-", "_"): "not_tested"})
        assert assessing.assess(variant, run, catch_s=None, cut_short=False, depth=Depth.QUICK)["outcome"] == outcome
        assert assessing.assess(variant, run, catch_s=None, cut_short=False)["outcome"] == "error"


@pytest.mark.parametrize(
    ("missed", "accusing", "depth", "is_qualified"),
    [
        (0, 0, Depth.STANDARD, True),
        (1, 0, Depth.STANDARD, False),
        (1, 0, Depth.QUICK, True),
        (2, 0, Depth.QUICK, False),
        (0, 1, Depth.QUICK, False),
    ],
)
def test_a_quick_run_may_miss_one_must_fault_in_twenty(
    missed: int, accusing: int, depth: Depth, *, is_qualified: bool
) -> None:
    rows = [assessed(("GET-1",)) for _ in range(missed)]
    rows += [assessed(("GET-1",), GET_1="failed", LIST_1="failed") for _ in range(accusing)]
    rows += [assessed(("GET-1",), GET_1="failed") for _ in range(20 - len(rows))]
    document = results.document(rows, results.Facts(jobs=1, seed=1, depth=depth))
    SCHEMA.validate(document)
    assert page.results_are_good(document) is is_qualified


def test_a_variant_of_an_unreliable_target_may_be_inconclusive_but_not_fail() -> None:
    change = Variant("made up", "It is made up.", "it is legal", lambda _: None, expected="inconclusive")
    trial = trials.Trial(change)
    verdicts = [
        assessing.assess(trial, given, catch_s=None, cut_short=False)["outcome"]
        for given in (result(GET_1="error"), result(), result(GET_1="failed"), result(AUTH_8="warned"))
    ]
    assert verdicts == ["green", "green", "accused", "accused"]


def test_a_green_variant_that_leaves_must_clauses_undecided_is_named() -> None:
    change = Variant("made up", "It is made up.", "it is legal", lambda _: None, expected="inconclusive")
    whole, part = trials.Trial(change), trials.Trial(change, frozenset({"GET-1"}))
    exempt = result(DEL_1="not_tested")
    exempt.clauses["DEL-1"] = replace(exempt.clauses["DEL-1"], applies=False)  # type: ignore[index]
    runs = (
        (whole, result(GET_1="error", LIST_1="not_tested", GET_3="passed", AUTH_8="error")),
        (part, result(GET_1="error", GET_2="not_tested")),
        (whole, exempt),
        (whole, result(GET_1="failed", LIST_1="error")),
    )
    rows = [assessing.assess(trial, given, catch_s=None, cut_short=False) for trial, given in runs]
    assert [row["outcome"] for row in rows] == ["green", "green", "green", "accused"]
    assert [row["undecided"] for row in rows] == [["LIST-1", "GET-1"], ["GET-1"], [], ["LIST-1"]]
    (line,) = page.undecided_lines(rows)
    assert line.endswith("2 of them: made up (2), made up (1)")
    document = results.document(rows, results.Facts(jobs=1, seed=1))
    SCHEMA.validate(document)
    assert document["summary"]["variants"]["undecided"] == 2  # type: ignore[index]
    assert "| `made up` | It is made up. | LIST-1, GET-1 |" in page.markdown(document)
    assert "inconclusive or not tested: LIST-1, GET-1" in page.render(document)
    assert list(page.undecided_lines(rows[2:])) == []


def test_a_trial_whose_worker_was_lost_is_reported() -> None:
    lost: Future[Row] = Future()
    lost.set_exception(executors.WorkerLostError("its process died"))
    row = runner._row(lost, expect_no_server_error())
    assert (row["outcome"], row["reasons"]) == ("error", {"trial": "its process died"})
    assert not results.is_good(row)


@pytest.mark.parametrize("name", SAMPLE)
def test_one_trial_of_each_kind(name: str) -> None:
    row = trying.try_named(name, BRIEFLY)
    assert (row["outcome"], row["reasons"]) == ("right" if results.is_fault(row) else "green", {})


def test_a_run_that_fails_fast_ends_at_its_first_failed_must() -> None:
    row = trying.try_named("no_key_needed", replace(BRIEFLY, fail_fast=True))
    assert row["outcome"] == "right"
    assert row["catch_s"] <= row["seconds"]


# ---------------------------------------------------------------- the command


def test_the_command_tries_in_processes_and_writes_its_files(tmp_path: Path) -> None:
    asked = ["--faults", "shape/get/data.target.*", "--jobs", "2", "--report-dir", str(tmp_path)]
    line = [sys.executable, "-m", "conformance", "qualify", *asked]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, "Qualified" in done.stdout) == (0, True), done.stderr
    document = json.loads((tmp_path / "qualification.json").read_text())
    SCHEMA.validate(document)
    assert document["summary"]["score"] == 100
    assert document["summary"]["must"]["total"] > 10
    assert "http" not in page_without_words((tmp_path / "qualification.html").read_text())
    assert "| GET-1 | MUST |" in (tmp_path / "qualification.md").read_text()


def page_without_words(text: str) -> str:
    """What a browser might load: sources and references of the page."""
    return " ".join(part.split(" ")[0] for part in text.replace("src=", "href=").split("href=")[1:])


def test_a_missed_must_fault_is_exit_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missed = expect_no_server_error()
    use(monkeypatch, [missed])
    assert command.qualify(command.Options(report_dir=tmp_path)) == 1
    assert "Not qualified: 0 of 1 MUST faults caught by their clause" in capsys.readouterr().out
    document = json.loads((tmp_path / "qualification.json").read_text())
    SCHEMA.validate(document)
    assert [row["outcome"] for row in document["faults"]] == ["missed"]
    assert "Nothing is broken." in (tmp_path / "qualification.html").read_text()


def test_the_docs_name_each_fault_written_by_hand() -> None:
    rows = [assessed(("GET-4",), GET_4="failed", LIST_1="failed"), assessed(("GET-1", "GET-2"))]
    text = page.markdown(results.document(rows, results.Facts(jobs=1, seed=7)))
    first, second = [line for line in text.splitlines() if "`made up` |" in line]
    assert first == "| GET-1, GET-2 | `made up` | It is made up. |  | 500 ms |"
    assert second == "| GET-4 | `made up` | It is made up. | LIST-1, GET-4 | 500 ms |"


def test_a_missed_should_fault_is_reported_and_exits_0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missed = expect_no_server_error(breaks=("LIST-6",))
    use(monkeypatch, [missed])
    assert command.qualify(command.Options(report_dir=tmp_path)) == 0
    document = json.loads((tmp_path / "qualification.json").read_text())
    assert document["summary"]["should"]["missed"] == 1


def test_an_interrupted_qualification_writes_the_results_so_far_and_is_resumed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("shape/harmless/nowhere/first", "shape/harmless/nowhere/second")
    tried = use(monkeypatch, [expect_no_server_error(name, ("LIST-6",)) for name in names])
    asked = command.Options(report_dir=tmp_path)
    show = runner.Watching.take

    def interrupted(watching: runner.Watching, row: Row) -> None:
        show(watching, row)
        raise KeyboardInterrupt

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(runner.Watching, "take", interrupted)
        assert command.qualify(asked) == 3
    document = json.loads((tmp_path / "qualification.json").read_text())
    SCHEMA.validate(document)
    assert (document["run"]["interrupted"], len(document["faults"])) == (True, 1)

    with (tmp_path / resuming.FILE).open("a") as kept:
        kept.write('{"name": "cut o')  # as a killed qualification leaves it
    tried.clear()
    assert command.qualify(replace(asked, resume=True)) == 0
    document = json.loads((tmp_path / "qualification.json").read_text())
    assert (document["run"]["interrupted"], [row["name"] for row in document["faults"]]) == (False, [*names])
    assert len(tried) == 1
    assert not (tmp_path / resuming.FILE).exists()


def test_other_trials_are_not_resumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trial = expect_no_server_error()
    use(monkeypatch, [trial])
    kept = resuming.Journal(tmp_path, BRIEFLY).begin({})
    row = assessed(("GET-1",)) | {"name": trial.name}
    kept.keep(row)
    kept.keep(assessing.broke_down(trial, "its worker died"))
    assert kept.read() == {trial.name: row}
    with pytest.raises(
        resuming.NotResumableError, match="has trials with depth standard instead of quick; leave --resume out"
    ):
        resuming.Journal(tmp_path, replace(BRIEFLY, depth=Depth.QUICK)).read()


def test_a_trial_that_breaks_down_is_a_row_and_exit_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def explode(_server: object) -> None:
        raise RuntimeError("a fault of the fault")

    trial = expect_no_server_error()
    broken = replace(trial, change=replace(trial.change, apply=explode))
    use(monkeypatch, [broken])
    assert command.qualify(command.Options(report_dir=tmp_path)) == 1
    document = json.loads((tmp_path / "qualification.json").read_text())
    SCHEMA.validate(document)
    assert document["faults"][0]["reasons"] == {"trial": "RuntimeError: a fault of the fault"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("--faults no_such_fault", "matches 'no_such_fault'; `backups-conformance serve --list-faults` lists them"),
        (
            "--faults restore_with_vi* --faults restore_with_vie",
            "matches 'restore_with_vie'; did you mean 'restore_with_view'?",
        ),
    ],
)
def test_a_pattern_that_matches_nothing_is_wrong_usage(
    line: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["qualify", *line.split()]) == 2
    assert capsys.readouterr().err == f"backups-conformance: error: --faults: no fault or variant {problem}\n"


def test_options_that_leave_no_trial_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["qualify", "--faults", "restore_with_view", "--only", "GET-1"]) == 2
    assert capsys.readouterr().err == (
        "backups-conformance: error: --faults and --only have no fault or variant in common\n"
    )


def test_the_page_escapes_what_it_shows() -> None:
    row = assessed(("GET-1",), GET_2="failed") | {"sentence": "<script>alert(1)</script>"}
    document = results.document([row], results.Facts(jobs=1, seed=1))
    SCHEMA.validate(document)
    shown = page.render(document)
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_a_fault_that_only_a_probe_sees_is_missed_without_one_and_says_so() -> None:
    fault = Fault("made up", "Nothing is unpacked.", ("RST-8",), (), needs_probe=True, apply=lambda _: None)
    trial = trials.Trial(fault, frozenset({"RST-8"}))
    row = assessing.assess(trial, result(RST_8="not_tested"), catch_s=None, cut_short=False)
    document = results.document([row], results.Facts(jobs=1, seed=1))
    SCHEMA.validate(document)
    assert (row["outcome"], row["needs_probe"]) == ("missed", True)
    assert "only a probe can see it" in page.render(document)
