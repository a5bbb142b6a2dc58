"""The documentation agrees with the code: every clause has a complete page, and everything shown exists."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from sitegen import clauses, examples, llms, reference

from conformance import plugin
from conformance.cli import main, options
from conformance.cli.errors import ExitCode
from conformance.config.target_file import load_target
from conformance.config.waivers_file import load_waivers
from conformance.contract import catalogue
from conformance.judging.outcomes import Verdict
from conformance.reference.registry import Fault, all_changes

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CLAUSES = list(catalogue.load())
PAGES = sorted(path for path in DOCS.rglob("*.md") if "sitegen" not in path.parts)
IDS = [path.relative_to(DOCS).as_posix() for path in PAGES]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, those within tabs and lists as well."""
    blocks = re.findall(rf"^( *)```{language}.*\n((?:.*\n)*?)\1```$", text, re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in blocks]


# ---------------------------------------------------------------- clauses


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.id)
def test_a_clause_has_its_reviewed_texts(clause: catalogue.Clause) -> None:
    prose = clauses.prose()[clause.id]
    assert prose.keys() == {"why", "legal", "fix", "stacks"}
    assert prose["why"].endswith(".")
    assert prose["fix"].endswith(".")
    assert prose["legal"]
    assert prose["stacks"]


def test_no_text_is_of_an_unknown_clause() -> None:
    assert clauses.prose().keys() == {clause.id for clause in CLAUSES}
    assert catalogue.sections().keys() == {clause.id for clause in CLAUSES if "H" in clause.source.split()}


def test_other_clauses_that_a_text_names_exist() -> None:
    texts = json.dumps(clauses.prose())
    named = set(re.findall(r"\b(?:HTTP|ERR|AUTH|CAP|LIST|INC|GET|BKP|LOG|JOB|RST|JBS|DEL)-\d+\b", texts))
    assert named <= {clause.id for clause in CLAUSES}


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.id)
def test_a_clause_has_a_real_failure_of_a_fault_that_exists(clause: catalogue.Clause) -> None:
    example = examples.load()[clause.id]
    fault = all_changes()[example["fault"]]
    assert isinstance(fault, Fault)
    assert clause.id in fault.breaks
    assert example["outcome"] == examples.FAILURES[clause.level]
    assert example["findings"]


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.id)
def test_the_page_of_a_clause_has_every_section(clause: catalogue.Clause) -> None:
    page = clauses.clause_page(clause)
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert headings == [
        "Source",
        "Why it matters",
        "Allowed all the same",
        "How it is tested",
        "Example of a failure",
        "How to fix it",
        "Faults that it catches",
    ]
    assert clause.text in page
    assert f"`{examples.load()[clause.id]['fault']}`" in page
    assert (clause.errata is not None) == ("!!! note" in page)


def test_links_to_other_clauses_leave_code_and_the_clause_itself_alone() -> None:
    text = "As CAP-9 and [CAP-4](CAP-4.md) say, not `CAP-1`, CAP-2 nor RFC-9110."
    assert clauses.linked(text, "CAP-2") == text.replace("CAP-9", "[CAP-9](CAP-9.md)", 1)


def test_a_recorded_body_is_cut_around_the_place_of_the_finding() -> None:
    body = json.dumps({"data": [{"id": number, "text": "x" * 200} for number in range(20)]}, separators=(",", ":"))
    shown = json.loads(examples.readable(body, "/data/7/id"))
    assert shown == {"data": ["… 7 before", {"id": 7, "text": "x" * 200}, "… 12 more"]}


def test_a_recorded_body_that_is_not_json_is_cut_and_cleaned() -> None:
    assert examples.readable("<html>\x00", None) == "<html>\N{REPLACEMENT CHARACTER}"
    assert examples.readable('{"a":1,"a":2}', None) == '{"a":1,"a":2}', "indenting it would hide the duplicate"
    assert len(examples.readable("y" * 9_000, None)) < 2_000


# ---------------------------------------------------------------- reference pages


def test_the_command_reference_has_every_command_and_option() -> None:
    page = reference.cli()
    _, commands = main.build_parser()
    for name, command in commands.items():
        assert f"## {name} {{ #{name} }}" in page
        for action in command._actions:
            assert all(option in page for option in action.option_strings if option not in ("-h", "--help"))


def test_the_results_reference_has_every_member_of_a_report() -> None:
    page = reference.schema_table("results.json")
    schema = json.loads((ROOT / "schemas" / "results.json").read_text("utf-8"))
    assert all(f"| `{name}` |" in page for name in schema["properties"])
    assert "| `clauses[].checks[].id` |" in page


def test_the_exit_code_table_has_the_commands_that_end_with_more_than_usage_errors() -> None:
    page = (DOCS / "reference/exit-codes.md").read_text("utf-8")
    _, commands = main.build_parser()
    assert {name for name in commands if f"`{name}`" not in page} <= {"run", "merge", "serve", "clauses"}


def test_the_exit_codes_of_run_are_those_of_verdicts_and_usage() -> None:
    page = (DOCS / "reference/exit-codes.md").read_text("utf-8")
    meanings = {int(code): words for code, words in re.findall(r"^\| (\d) \| (.*) \|$", page, re.MULTILINE)}
    assert meanings.keys() == {verdict.exit_code for verdict in Verdict} | {ExitCode.USAGE}
    for verdict in Verdict:
        assert verdict.value in meanings[verdict.exit_code]


def test_the_pytest_command_has_options_that_the_plugin_has() -> None:
    text = "\n".join(path.read_text("utf-8") for path in PAGES)
    (line,) = [line for block in blocks(text, "sh") for line in block.splitlines() if line.startswith("pytest ")]
    words = shlex.split(line)
    assert words[1:3] == ["--pyargs", plugin.SUITE]
    assert {word for word in words[3:] if word.startswith("--")} <= {option.pytest_name for option in options.IN_PYTEST}


def test_llms_txt_lists_pages_under_their_section(tmp_path: Path) -> None:
    pages = [
        llms.SitePage("index.md", "Overview", "What it is.", "https://docs.example/", "# Overview\n"),
        llms.SitePage("clauses/CAP-4.md", "CAP-4", "", "https://docs.example/clauses/CAP-4/", "# CAP-4\n"),
    ]
    llms.write(tmp_path, pages)
    text = (tmp_path / "llms.txt").read_text("utf-8")
    assert text.startswith("# backups-conformance\n\n> ")
    assert "- [Overview](https://docs.example/): What it is.\n" in text
    assert text.index("## Clauses") < text.index("- [CAP-4](https://docs.example/clauses/CAP-4/)")
    assert "# CAP-4" in (tmp_path / "llms-full.txt").read_text("utf-8")


# ---------------------------------------------------------------- what the pages show


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_a_page_has_a_title_and_a_description(path: Path) -> None:
    if path.parent == DOCS and path.name not in ("index.md", "start.md", "contract.md"):
        pytest.skip("made or written elsewhere: its first heading is its title")
    front = yaml.safe_load(path.read_text("utf-8").split("---\n")[1])
    assert front.keys() == {"title", "description"}
    assert front["description"].endswith(".")


def commands_of(path: Path) -> list[str]:
    """The calls of the program on a page, with continued lines joined."""
    shown = "\n".join(blocks(path.read_text("utf-8"), "sh")).replace("\\\n", " ")
    return [line for line in shown.splitlines() if line.startswith("backups-conformance ")]


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_every_command_on_a_page_parses(path: Path) -> None:
    for line in commands_of(path):
        assert callable(main.parse(shlex.split(line)[1:]).command), line


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_every_command_in_a_sentence_parses(path: Path) -> None:
    prose = re.sub(r"^( *)```.*?^\1```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for line in re.findall(r"`backups-conformance ([a-z][^`]*)`", prose):
        words = shlex.split(line.replace("…", "x"))
        assert callable(main.parse(words).command) if len(words) > 1 else words[0] in main.build_parser()[1], line


def test_the_example_of_a_target_file_loads_and_shows_every_member(tmp_path: Path) -> None:
    text = (DOCS / "examples/target.toml").read_text("utf-8")
    (tmp_path / "target.toml").write_text(text, "utf-8")
    probe = tmp_path / "digest-of"
    probe.write_text((DOCS / "examples/digest-of").read_text("utf-8"), "utf-8")
    probe.chmod(0o755)
    environ = {name: f"value-of-{name}" for name in re.findall(r'env = "(\w+)"', text)}
    target = load_target(tmp_path / "target.toml", environ)
    shown: dict[str, Any] = tomllib.loads(text)
    described = target.without_keys()
    assert set(shown["fixtures"]) == set(described["fixtures"])
    assert set(shown["keys"]) == {*described["keys"], "other_hub_id"}
    assert target.default_profile == "read"


def test_the_example_of_a_waivers_file_loads() -> None:
    (waiver,) = load_waivers(DOCS / "examples/waivers.toml", catalogue.load())
    assert all(waiver.to_json().values())
