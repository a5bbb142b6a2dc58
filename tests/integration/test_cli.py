"""The command line from outside: its exit codes, its errors in one line, and what it hands on."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from support import reporting

from conformance.cli import examples, main
from conformance.cli.commands.clauses import MIN_TABLE_WIDTH
from conformance.config.settings import Settings
from conformance.contract import catalogue
from conformance.judging.outcomes import Outcome
from conformance.reference.faults import all_faults
from conformance.results.files import write_json

GOOD = '[target]\nbase_url = "https://api.example.test"\nhub_id = "h"\n[fixtures]\ncontainer_id = "c"\n'


@pytest.fixture(autouse=True)
def _work_in_a_fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.toml").write_text(GOOD)
    Path("a-file").touch()


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert all(line.startswith("backups-conformance: error: ") for line in lines)
    return [line.removeprefix("backups-conformance: error: ") for line in lines]


def handed_to_run(monkeypatch: pytest.MonkeyPatch, outcome: int | BaseException = 0) -> list[Any]:
    """Replace the run; the list gets what it is called with."""
    given: list[Any] = []

    def run(*arguments: Any) -> int:
        given.extend(arguments)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    module = types.ModuleType("conformance.pytest_run.main")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "conformance.pytest_run.main", module)
    monkeypatch.setattr("conformance.pytest_run.main", module, raising=False)
    return given


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance", *arguments], capture_output=True, text=True, check=False
    )


def test_a_wrong_target_file_in_a_real_process() -> None:
    Path("bad.toml").write_text(GOOD.replace("https", "ftp") + "[keys]\nfull = {env = 'NO_SUCH_VARIABLE'}\n[restor]\n")
    done = command("run", "--target", "bad.toml", "--only", "CAPP")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert [line.split(" ")[2] for line in lines[:3]] == ["bad.toml:2", "bad.toml:7", "bad.toml:8"]
    assert lines[3] == "backups-conformance: error: --only: unknown clause 'CAPP'; did you mean CAP?"
    assert len(lines) == 4


def test_help_and_errors_load_nothing_slow() -> None:
    heavy = ("pytest", "starlette", "schemathesis", "hypothesis", "httpx", "uvicorn", "rich", "jsonschema")
    program = (
        "import sys; from conformance.cli.main import main\n"
        "assert main(['run', '--target', 'none.toml']) == 2\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


BAD: dict[str, tuple[list[str], list[str]]] = {
    "missing target": (["run", "--target", "none.toml"], ["none.toml: no such file"]),
    "unreadable target": (["run", "--target", "."], [".: cannot be read: Is a directory"]),
    "target and URL": (["run", "--target", "good.toml", "--hub", "h"], ["--target: cannot go with --base-url"]),
    "URL alone": (["run", "--base-url", "http://x"], ["--hub: is missing", "--container: is missing"]),
    "unknown clauses": (
        ["run", "--only", "CAP,LIST-99", "--skip", "x"],
        ["--only: unknown clause 'LIST-99'", "--skip: unk"],
    ),
    "empty selection": (["run", "--only="], ["--only: an ID is empty"]),
    "nothing left": (["run", "--only", "CAP-1", "--skip", "CAP"], ["--only and --skip leave no clause to test"]),
    "missing waivers": (["run", "--waivers", "none.toml"], ["none.toml: no such file"]),
    "report folder is a file": (
        ["run", "--report-dir", "a-file"],
        [
            "--report-dir: ",
        ],
    ),
    "report folder in a file": (["run", "--report-dir", "a-file/x/y"], ["--report-dir: "]),
    "bad seed": (["run", "--seed", "-1"], ["argument --seed: expected a whole number from 0"]),
    "no examples": (["run", "--examples", "0"], ["argument --examples: expected a whole number from 1"]),
    "bad profile": (["run", "--profile", "write"], ["argument --profile: invalid choice: 'write'"]),
    "unknown option": (["run", "--tagret", "x"], ["unknown option --tagret; did you mean --target?"]),
    "abbreviated option": (["run", "--exam", "3"], ["unknown option --exam; did you mean --examples?"]),
    "surplus word": (["run", "good.toml"], ["unexpected argument 'good.toml'"]),
    "unknown command": (["rnu"], ["unknown command 'rnu'; did you mean run?"]),
    "no command": ([], ["no command is given; the commands are run, check, "]),
    "an option that is like none": (["--nonsense"], ["unknown option --nonsense; see --help"]),
    "an option like that of the program": (["--versoin"], ["unknown option --versoin; did you mean --version?"]),
    "an option before its command": (["--target=x", "run"], ["--target=x comes after the command: "]),
    "an option that no option is like": (["run", "--nonsense"], ["unknown option --nonsense; see --help"]),
    "bad port": (["serve", "--port", "70000"], ["argument --port: expected a whole number from 0 to 65535"]),
    "bad seconds": (["serve", "--restore-seconds", "nan"], ["argument --restore-seconds: expected seconds"]),
    "serve with pytest": (["serve", "--", "-x"], ["serve takes no arguments after --"]),
    "unknown clause": (["clauses", "CAP-55"], ["clauses: unknown clause 'CAP-55'; did you mean CAP-5?"]),
    "one file to compare": (["compare", "a.json"], ["the following arguments are required: NEW"]),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_usage_is_2_and_a_line_for_each_problem(
    case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = handed_to_run(monkeypatch)
    arguments, wanted = BAD[case]
    assert main.main(arguments) == 2
    messages = errors(capsys)
    assert len(messages) == len(wanted), messages
    assert all(line.startswith(words) for line, words in zip(messages, wanted, strict=True)), messages
    assert given == []


def test_waivers_with_an_unknown_clause(capsys: pytest.CaptureFixture[str]) -> None:
    Path("w.toml").write_text("[[waiver]]\nclause = 'CAP-55'\nreason = 'x'\nexpires = 2030-01-01\n")
    assert main.main(["run", "--waivers", "w.toml"]) == 2
    assert errors(capsys) == ["w.toml:2 waiver[1].clause: unknown clause CAP-55; did you mean CAP-5?"]


def test_the_least_run_uses_the_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    given = handed_to_run(monkeypatch)
    assert main.main(["run"]) == 0
    assert given == [Settings(), []]
    assert given[0].examples == 25
    assert not Path("reports").exists()


def test_every_option_reaches_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    given = handed_to_run(monkeypatch, 1)
    Path("w.toml").write_text("[[waiver]]\nclause = 'CAP-5'\nreason = 'x'\nexpires = 2030-01-01\n")
    line = (
        "run --target good.toml --report-dir out --profile read --only cap,LIST-5 --only JOB --skip CAP-1"
        " --seed 7 --examples 3 --waivers w.toml --strict --require conformant -- -n 4 --target x"
    )
    assert main.main(line.split()) == 1
    settings, pytest_args = given
    assert pytest_args == ["-n", "4", "--target", "x"]
    assert settings.target.base_url == "https://api.example.test"
    assert (settings.target_file, settings.report_dir) == (Path("good.toml"), Path("out"))
    assert (settings.only, settings.skip) == (("CAP", "LIST-5", "JOB"), ("CAP-1",))
    assert (settings.profile, settings.seed, settings.examples) == ("read", 7, 3)
    assert (settings.strict, settings.require_conformant) == (True, True)
    assert [waiver.clause for waiver in settings.waivers] == ["CAP-5"]


def test_a_quick_run_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    given = handed_to_run(monkeypatch)
    monkeypatch.setenv("BACKUPS_KEY_FULL", "a-key-of-mine")
    assert main.main(["run", "--base-url", "http://localhost:1", "--hub", "h", "--container", "c"]) == 0
    assert given[0].target.keys.full.reveal() == "a-key-of-mine"


def test_an_interruption_is_3(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    handed_to_run(monkeypatch, KeyboardInterrupt())
    assert main.main(["run"]) == 3
    assert errors(capsys) == ["interrupted"]


def test_a_module_that_cannot_be_imported_is_3_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handed_to_run(monkeypatch, ModuleNotFoundError("No module named 'httpx'"))
    assert main.main(["run"]) == 3
    (line,) = errors(capsys)
    assert "No module named 'httpx'; look at PYTHONPATH" in line


def test_a_bug_of_ours_is_never_a_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    handed_to_run(monkeypatch, ZeroDivisionError("oops"))
    assert main.main(["run"]) == 3
    assert "ZeroDivisionError: oops" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["run", "serve", "clauses", "compare"])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main.main([name, "--help"])
    assert left.value.code == 0
    assert f"usage: backups-conformance {name}" in capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("name", ["run", "merge", "qualify"])
def test_help_fits_the_terminal_but_never_breaks_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    with pytest.raises(SystemExit):
        main.main([name, "--help"])
    lines = capsys.readouterr().out.splitlines()
    commands = [line for line in lines if line.startswith("  backups-conformance ")]
    assert [line.split("  #")[0].strip().partition(" ")[2] for line in commands] == [
        line for line, _ in examples.EXAMPLES[name]
    ]
    assert [line for line in lines if len(line) > width and line not in commands and " " in line.strip()] == []


@pytest.mark.parametrize("name", main.build_parser()[1])
def test_the_examples_of_a_command_are_calls_of_it_that_parse(name: str) -> None:
    for line, _ in examples.EXAMPLES[name]:
        words = shlex.split(line.partition(" > ")[0])
        assert main.parse(words).name == name


def test_the_first_steps_parse() -> None:
    assert [main.parse(shlex.split(line)).name for line, _ in examples.FIRST_STEPS] == ["run", "init", "check", "run"]


def test_clauses_in_a_pipe_are_lines_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["clauses", "cap", "list-5"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {row[0].partition("-")[0] for row in rows} == {"CAP", "LIST"}
    assert {len(row) for row in rows} == {9}


def test_one_clause_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["clauses", "CAP-4"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("CAP-4  MUST  restore\nRestore without containers-backups-manage is answered 403.\n")
    assert "source: the API's documentation page for Backups\n" in shown
    assert "  restore_for_everyone: " in shown


def test_clauses_on_a_terminal_are_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    assert main.main(["clauses", "CAP"]) == 0
    shown = capsys.readouterr().out
    assert "operations" in shown
    assert "CAP-11" in shown


@pytest.mark.parametrize("width", [40, 80, 119, 120, 200])
def test_clauses_on_a_terminal_are_never_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    assert main.main(["clauses"]) == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, shown.splitlines())) <= width
    texts = [text or "" for clause in catalogue.load() for text in (clause.text, clause.should, clause.errata)]
    assert shown.count("…") == "".join(texts).count("…"), "a cell was cut"
    if width < MIN_TABLE_WIDTH:
        words = "".join(shown.split())
        assert [clause.id for clause in catalogue.load() if "".join(clause.text.split()) not in words] == []
        assert [name for name in all_faults() if name not in words] == []


def test_a_reader_that_goes_away_is_no_error() -> None:
    line = f"set -o pipefail; {sys.executable} -m conformance clauses | head -n 1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("HTTP-1\t")


def test_serve_with_an_unknown_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["serve", "--fault", "restore_for_everyon"]) == 2
    assert errors(capsys) == ["there is no fault or variant 'restore_for_everyon'; did you mean restore_for_everyone?"]


def test_serve_hands_everything_over(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr("conformance.reference.__main__.serve", lambda options, _announce: served.append(options))
    line = "serve --port 8080 --fault a b --fault c --variant v --write-target t.toml --restore-seconds 0.5"
    assert main.main(line.split()) == 0
    assert (served[0].port, served[0].fault, served[0].variant) == (8080, ["a", "b", "c"], ["v"])
    assert (served[0].write_target, served[0].restore_seconds) == (Path("t.toml"), 0.5)


def test_serve_says_what_to_do_next(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs read standard output, people read standard error."""
    monkeypatch.setattr(
        "conformance.reference.__main__.serve",
        lambda options, announce: announce("http://127.0.0.1:4010", options.write_target.absolute()),
    )
    for name, shown in (("broken.toml", "broken.toml"), ("a b.toml", "'a b.toml'"), ("/x/t.toml", "/x/t.toml")):
        assert main.main(["serve", "--write-target", name]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["target_file"] == str(Path(name).absolute())
        assert captured.err.endswith(f"  backups-conformance run --target {shown}\n")


@pytest.mark.parametrize(("came", "code"), [(Outcome.PASSED, 0), (Outcome.FAILED, 1)])
def test_compare_is_1_where_something_broke(came: Outcome, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(Path("old.json"), reporting.results())
    write_json(Path("new.json"), reporting.results({"CAP-4": came}))
    assert main.main(["compare", "old.json", "new.json", "--markdown", "c.md", "--html", "c.html"]) == code
    words = "1 broken" if code else "Nothing broke"
    assert capsys.readouterr().out.endswith(f"{words}: CAP-4\n" if code else f"{words}\n")
    assert Path("c.md").read_text().startswith(f"# {words}\n")
    assert f"<h2>{words}</h2>" in Path("c.html").read_text()


def test_a_comparison_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    write_json(Path("old.json"), reporting.results())
    assert main.main(["compare", "old.json", "old.json", "--html", "none/c.html"]) == 2
    assert "cannot be written" in errors(capsys)[0]


def test_comparing_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["compare", "old.json", "new.json"]) == 2
    assert errors(capsys)[0].startswith("old.json: ")


def test_quiet_writes_the_verdict_alone() -> None:
    ended = command("run", "--quiet", "--only", "GET-3", "--seed", "1")
    musts = sum(clause.level == "MUST" for clause in catalogue.load())
    assert ended.returncode == 0
    assert ended.stdout == f"Partial: 1 of {musts} MUST clauses passed, {musts - 1} not tested\n"


def test_json_writes_every_check_and_every_clause_as_events() -> None:
    ended = command("run", "--json", "--only", "GET-3,LIST-8", "--seed", "1", "--report-dir", "r")
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    results = json.loads(Path("r/results.json").read_text())
    start, end = events[0], events[-1]
    assert (start["event"], start["seed"], start["profile"], start["report_dir"]) == (
        "start", 1, "full", str(Path("r").absolute()),
    )  # fmt: skip
    assert (end["event"], end["verdict"], end["headline"]) == ("end", "partial", results["headline"])
    checks = [event for event in events if event["event"] == "check"]
    assert {event["outcome"] for event in checks} == {"passed"}
    assert len(checks) == start["checks"] == sum(len(row["checks"]) for row in results["clauses"])
    clauses = {event["id"]: event["outcome"] for event in events if event["event"] == "clause"}
    assert clauses == {row["id"]: row["outcome"] for row in results["clauses"]}


def test_output_options_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["run", "--quiet", "--json"]) == 2
    assert errors(capsys) == ["--quiet, --json and --plan exclude each other"]
