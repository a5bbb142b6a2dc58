"""docs/security.md names a test for each promise, and these tests exist; so do those of the mutation run."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
#: a test or a benchmark, as the page names it
NAMED = re.compile(r"`(?:python )?((?:tests|benchmarks)/[^`\s]+)[^`]*`")


def tables_with_tests() -> list[tuple[str, str]]:
    """The first and the last cell of each row of the tables whose last column is called "test"."""
    rows, is_of_tests = [], False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            is_of_tests = False
        elif cells[-1].strip(" |") == "test":
            is_of_tests = True
        elif is_of_tests and not line.startswith("|--"):
            rows.append((cells[0], cells[-1]))
    return rows


def test_the_tests_that_are_named_exist() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 20
    missing = [path for path in named if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize(("promise", "test"), tables_with_tests(), ids=lambda text: text[:40])
def test_each_promise_of_a_table_names_a_test(promise: str, test: str) -> None:
    assert NAMED.search(test) or "the same" in test, promise


@pytest.mark.parametrize("section", ["## Keys", "## Towards the machine"])
def test_sections_without_a_table_name_their_tests(section: str) -> None:
    text = PAGE.split(f"\n{section}\n")[1].split("\n## ")[0]
    assert NAMED.search(text.split("Tests:")[1])


def test_the_modules_that_are_mutated_and_their_tests_exist() -> None:
    judging = runpy.run_path(str(ROOT / "benchmarks" / "mutants.py"))["JUDGING"]
    files = [f"conformance/{module}.py" for module in judging]
    files += [f"tests/unit/{name}.py" for names in judging.values() for name in names]
    assert [file for file in files if not (ROOT / file).is_file()] == []
