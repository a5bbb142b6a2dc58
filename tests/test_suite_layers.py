"""Who imports whom: what the suite concludes must not hang on the server that it is tried on, nor on its reports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import conformance

ROOT = Path(conformance.__file__).parent
#: packages, and what modules of ours they may import beside their own
ALLOWED: dict[str, set[str]] = {
    "suite": {
        "answers", "api", "checks", "credentials", "exchange", "expectations", "following", "generation", "probing",
        "ids", "lifecycle", "redact", "refusals", "shapes", "stories", "strictjson", "times", "walks",
    },
    "generation": {
        "answers", "api", "budget", "exchange", "expectations", "following", "ids", "judging", "outcomes", "refusals",
        "shapetree", "stories", "walks",
    },
    "reference": set(),
    "report": {"catalogue", "outcomes"},
}  # fmt: skip
#: the one file of the suite that belongs to pytest
PLUMBING = "conftest.py"
#: what everything else is built on: it must not know who builds on it
FOUNDATIONS = (
    "catalogue",
    "exchange",
    "expectations",
    "answers",
    "outcomes",
    "shapes",
    "strictjson",
    "times",
    "compare",
)
BUILT_ON_THEM = {"suite", "reference", "report", "session", "table", "run", "cli", "qualify", "plugin", "checks"}


def imported(file: Path) -> set[str]:
    """The modules of ours that a file imports, by their first name below the package; `__init__`'s as ""."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "conformance":
            found |= {f"conformance.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name.split(".")[1] for name in found if name.startswith("conformance.")}


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    files = [file for file in (ROOT / package).rglob("*.py") if file.name != PLUMBING]
    assert files
    strays = {file.name: imported(file) - ALLOWED[package] - {package} for file in files}
    assert {name: found for name, found in strays.items() if found} == {}


@pytest.mark.parametrize("module", FOUNDATIONS)
def test_foundations_do_not_know_what_is_built_on_them(module: str) -> None:
    assert imported(ROOT / f"{module}.py") & BUILT_ON_THEM == set()


def test_only_what_starts_or_lists_the_reference_servers_faults_knows_it() -> None:
    known = {file.stem for file in ROOT.glob("*.py") if "reference" in imported(file)}
    assert known == {"cli", "clauselist", "qualify", "session"}
