"""The order of the packages: each imports only itself and those below it, `TYPE_CHECKING` imports included."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import conformance

ROOT = Path(conformance.__file__).parent
#: from top to bottom; packages of one line do not import each other
ORDER: tuple[tuple[str, ...], ...] = (
    ("plugin", "__main__"),
    ("cli",),
    ("qualification",),
    ("fleet",),
    ("pytest_run",),
    ("report",),
    ("replay",),
    ("results",),
    ("execution",),
    ("suite",),
    ("generation",),
    ("scenarios",),
    ("judging",),
    ("evidence",),
    ("http",),
    ("config",),
    ("contract",),
    ("_compat",),
)
LEVEL = {package: level for level, line in enumerate(ORDER) for package in line}
#: who may start the embedded server, or list its faults; it imports nothing of ours but `_compat`
USERS_OF_THE_REFERENCE = {"cli", "qualification", "pytest_run"}
MAX_MODULES = 15
MAX_LINES = 400
FILES = sorted(ROOT.rglob("*.py"))


def module_of(file: Path) -> str:
    """The dotted name of a module below the package: `http.client`."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file) for file in FILES}


def imports_of(file: Path) -> set[str]:
    """The modules of ours that a file imports, anywhere in it; a name that is no module counts for its module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                longer = f"{node.module}.{alias.name}"
                found.add(longer if longer.removeprefix("conformance.") in MODULES else node.module)
    return {name.removeprefix("conformance.") for name in found if name.startswith("conformance.")}


def package_of(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def upward(file: Path) -> set[str]:
    """What a file imports of packages that are not below its own."""
    own = package_of(module_of(file))
    imported = set()
    for module in imports_of(file):
        package = package_of(module)
        if package == own:
            continue
        if "reference" in (own, package):
            allowed = package == "_compat" or (package == "reference" and own in USERS_OF_THE_REFERENCE)
        else:
            allowed = LEVEL[package] > LEVEL[own]
        if not allowed:
            imported.add(module)
    return imported


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_a_module_imports_only_packages_below_its_own(file: Path) -> None:
    assert upward(file) == set()


def test_every_package_has_its_place_in_the_order() -> None:
    assert {package_of(module) for module in MODULES} - {"", "reference"} <= set(LEVEL)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module_of(file): imports_of(file) - {""} for file in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_package_has_too_many_modules() -> None:
    counts = {folder: len([*folder.glob("*.py")]) for folder in {file.parent for file in FILES}}
    assert {folder.name: count for folder, count in counts.items() if count > MAX_MODULES + 1} == {}  # `__init__` apart


def test_no_module_is_too_long() -> None:
    catalogues = {ROOT / "reference" / name for name in ("faults", "variants")}
    lines = {
        module_of(file): len(file.read_text("utf-8").splitlines()) for file in FILES if file.parent not in catalogues
    }
    assert {module: count for module, count in lines.items() if count > MAX_LINES} == {}
