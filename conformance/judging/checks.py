"""How a check is declared and found by its ID.

An active check asks for exchanges and yields what is wrong; one per clause and operation. A passive judge looks at
every exchange of the run, whoever asked for it. Both live in `conformance.suite`, in the module of their chapter.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from conformance.contract.check_id import CheckId, CheckKind

if TYPE_CHECKING:
    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

CheckFunction = Callable[..., "Iterator[Finding]"]
JudgeFunction = Callable[["Exchange"], "Iterator[Finding]"]


class Stage(IntEnum):
    """When a check runs. What changes the target runs in one place, in this order."""

    READS = 0
    CHANGES = 1
    #: generated requests that could change something: behind the scenarios, whose budget they must not use up
    GENERATED = 2
    AFTERWARDS = 3
    DELETES = 4
    BAD_KEYS = 5

    @property
    def changes(self) -> bool:
        """What changes the target goes on beside the reads."""
        return self in (Stage.CHANGES, Stage.GENERATED, Stage.DELETES)


@dataclass(frozen=True)
class Check:
    """An active check of one clause on one operation."""

    clause: str
    operation: Operation
    function: CheckFunction
    stage: Stage
    takes_operation: bool
    kind: CheckKind = CheckKind.EXAMPLE

    @property
    def id(self) -> CheckId:
        """What reports and waivers call it."""
        return CheckId(self.clause, self.operation, self.kind)

    def run(self, context: CheckContext) -> Iterator[Finding]:
        """What is wrong, found by asking the target."""
        return self.function(context, self.operation) if self.takes_operation else self.function(context)


@dataclass(frozen=True)
class Judge:
    """A passive judge of one clause: `when` tells which exchanges it speaks of."""

    clause: str
    when: Callable[[Exchange], bool]
    function: JudgeFunction

    def id(self, operation: str | None = None) -> CheckId:
        """The ID of the check that holds its findings on an operation; without one, of all of these checks."""
        return CheckId(self.clause, operation, CheckKind.OBSERVED)


_CHECKS: dict[str, Check] = {}
_JUDGES: list[Judge] = []


def check(
    clause: str, *operations: Operation, stage: Stage | None = None, kind: CheckKind = CheckKind.EXAMPLE
) -> Callable[[CheckFunction], Any]:
    """Declares the check of a clause, for one or several operations, and makes it a pytest test.

    Checks of restore and delete change the target (or must be refused to), so they run in the stage of changes.
    `kind`: of a check beside the one that is written by hand, how its requests are generated.
    """

    def declare(function: CheckFunction) -> Any:
        takes_operation = function.__code__.co_argcount > 1
        declared = []
        for operation in operations:
            given = _default_stage(operation, kind) if stage is None else stage
            one = Check(clause, operation, function, given, takes_operation, kind)
            if str(one.id) in _CHECKS:
                raise ValueError(f"two checks are called {one.id}")
            _CHECKS[str(one.id)] = one
            declared.append(one)

        @pytest.mark.parametrize("declared_check", declared, ids=lambda one: str(one.id))
        def test(declared_check: Check, conformance_run: Any) -> None:
            conformance_run.report(declared_check)

        test.__name__ = test.__qualname__ = function.__name__
        test.__doc__ = function.__doc__
        test.__module__ = function.__module__
        return test

    return declare


def _default_stage(operation: Operation, kind: CheckKind) -> Stage:
    if operation not in ("restore", "job", "delete"):
        return Stage.READS
    return Stage.GENERATED if kind.is_generated else Stage.CHANGES


def passive(clause: str, when: Callable[[Exchange], bool]) -> Callable[[JudgeFunction], JudgeFunction]:
    """Declares a judge of every exchange for which `when` holds."""

    def declare(function: JudgeFunction) -> JudgeFunction:
        _JUDGES.append(Judge(clause, when, function))
        return function

    return declare


@cache
def _load() -> None:
    import conformance.suite  # noqa: PLC0415 - the suite imports this module

    for module in pkgutil.walk_packages(conformance.suite.__path__, "conformance.suite."):
        if module.name.rpartition(".")[2].startswith("test_"):
            importlib.import_module(module.name)


def all_checks() -> dict[str, Check]:
    """Every active check of the suite, by ID."""
    _load()
    return dict(_CHECKS)


def all_judges() -> list[Judge]:
    """Every passive judge of the suite."""
    _load()
    return list(_JUDGES)


def registry() -> dict[str, list[CheckId]]:
    """Clause ID to the IDs of its checks; a passive judge stands as `ERR-2/observed`."""
    found: dict[str, list[CheckId]] = defaultdict(list)
    for one in all_checks().values():
        found[one.clause].append(one.id)
    for judge in all_judges():
        if judge.id() not in found[judge.clause]:
            found[judge.clause].append(judge.id())
    return dict(found)
