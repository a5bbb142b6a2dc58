"""The versions that pyproject.toml allows, and those that constraints.txt names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"]]
CONSTRAINTS = {
    canonicalize_name(requirement.name): requirement
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
    for requirement in [Requirement(line)]
}
#: the libraries whose private names we use: `_compat` says which
PRIVATE = {"hypothesis", "pytest", "pytest-html", "pytest-xdist", "schemathesis", "uvicorn", "httpcore"}


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_a_dependency_has_a_lower_bound(requirement: Requirement) -> None:
    assert [specifier.operator for specifier in requirement.specifier if specifier.operator == ">="] == [">="]


@pytest.mark.parametrize("name", sorted(PRIVATE))
def test_a_library_whose_private_names_we_use_has_an_upper_bound(name: str) -> None:
    (requirement,) = [requirement for requirement in DIRECT if requirement.name == name]
    assert any(specifier.operator == "<" for specifier in requirement.specifier)


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_the_constraints_name_a_version_that_is_allowed(requirement: Requirement) -> None:
    (specifier,) = CONSTRAINTS[canonicalize_name(requirement.name)].specifier
    assert specifier.operator == "=="
    assert requirement.specifier.contains(Version(specifier.version))


def test_the_constraints_name_exact_versions_once() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(lines) == len(CONSTRAINTS)
    assert [line for line in lines if not re.match(r"[a-z0-9-]+==\S+", line)] == []


def test_each_python_that_is_declared_has_a_job() -> None:
    declared = {name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)}
    workflow = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    (tested,) = re.findall(r'python: \[((?:"3\.\d+"(?:, )?){3,})\]', workflow)
    assert set(re.findall(r"3\.\d+", tested)) == declared
