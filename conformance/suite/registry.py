"""All checks of the suite: importing its modules declares them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import conformance.suite
from conformance.judging import checks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from conformance.contract.check_id import CheckId
    from conformance.judging.checks import Check, CheckFunction, Judge, JudgeFunction

#: Where final reviews are declared.
REVIEWS = "conformance.scenarios.final_review"
#: the packages whose code decides about clauses
JUDGING = ("suite", "generation", "scenarios", "judging", "execution")
ROOT = Path(conformance.__file__).parent


@cache
def load() -> None:
    """Declare all checks, reviews and judges. It costs nothing the second time."""
    for module in pkgutil.walk_packages(conformance.suite.__path__, "conformance.suite."):
        if module.name.rpartition(".")[2].startswith("test_"):
            importlib.import_module(module.name)
    importlib.import_module(REVIEWS)


def all_checks() -> dict[str, Check]:
    """Every active check, by ID; without the final reviews."""
    load()
    return checks.declared_checks()


def all_reviews() -> dict[str, Check]:
    """Every final review, by ID."""
    load()
    return checks.declared_reviews()


def all_judges() -> list[Judge]:
    """Every passive judge."""
    load()
    return checks.declared_judges()


def judges_of(clauses: Collection[str]) -> list[Judge]:
    """The passive judges of these clauses."""
    return [judge for judge in all_judges() if judge.clause in clauses]


@cache
def check_ids() -> Mapping[str, list[CheckId]]:
    """Clause ID to the IDs of its checks; a passive judge is `ERR-2/observed`."""
    load()
    return checks.check_ids()


def places_of_checks(clause: str) -> dict[str, str]:
    """The IDs of a clause's checks to the function that judges, such as `conformance/suite/test_get.py:60 name`."""
    places: dict[str, str] = {}
    for check in (*all_checks().values(), *all_reviews().values()):
        if check.clause == clause:
            places[str(check.id)] = _place(check.function)
    for judge in judges_of([clause]):
        name = str(judge.id())
        places[name] = ", ".join(filter(None, [places.get(name), _place(judge.function)]))
    return places


def _place(function: CheckFunction | JudgeFunction) -> str:
    code = function.__code__
    return f"{_relative(Path(code.co_filename))}:{code.co_firstlineno} {function.__name__}"


def places_that_name(clause: str) -> list[str]:
    """The lines of the judging code that name the clause, such as `conformance/scenarios/final_review.py:105`."""
    places = set()
    for package in JUDGING:
        for file in (ROOT / package).rglob("*.py"):
            text = file.read_text("utf-8")
            for node in ast.walk(ast.parse(text)) if clause in text else ():
                if isinstance(node, ast.Constant) and node.value == clause:
                    places.add((_relative(file), node.lineno))
    return [f"{file}:{line}" for file, line in sorted(places)]


def _relative(file: Path) -> str:
    return file.relative_to(ROOT.parent).as_posix()
