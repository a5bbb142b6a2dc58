"""Which tests of a pytest session are checks of the run, in which order they run, and why a check has no test.

A check without a record never looks like one that does not apply: either somebody left it out, and the reason names
them, or it is an error of the suite.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import conformance.suite
from conformance.contract import catalogue
from conformance.execution import depth, order
from conformance.execution.effects import is_traffic_for
from conformance.judging.checks import Check, Stage
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from conformance.pytest_run.setup import ProcessSetup

#: plugins that belong to pytest or to us; every other plugin, and every conftest.py, is foreign
OURS = (
    *("_pytest", "conformance", "xdist", "pytest_html", "pytest_metadata"),
    *("hypothesis", "_hypothesis_pytestplugin", "schemathesis", "anyio"),
)
#: the hooks by which a foreign plugin can leave a test out, in the order in which pytest calls them
COLLECTING = ("pytest_ignore_collect", "pytest_collect_file", "pytest_collect_directory", "pytest_pycollect_makeitem")
REMOVING = ("pytest_collection_modifyitems", "pytest_collection_finish", "pytest_itemcollected", "pytest_sessionstart")
RUNNING = ("pytest_runtestloop", "pytest_runtest_protocol", "pytest_runtest_setup", "pytest_runtest_call")
NAMED = 3
SUITE = conformance.suite.__name__


def check_of(item: pytest.Item) -> Check | None:
    """Return the check that a test executes; None for a test that is not part of the suite."""
    check = item.callspec.params.get("declared_check") if hasattr(item, "callspec") else None
    return check if isinstance(check, Check) else None


def stage_of(item: pytest.Item) -> Stage:
    """Return the stage of the check that a test executes."""
    check = check_of(item)
    return check.stage if check else Stage.READS


def place_of(item: pytest.Item) -> tuple[object, ...]:
    """Return where a test comes: by stages, and checks that only read in the order in which they are executed.

    So the first failure that pytest sees is an early one.
    """
    check, stage = check_of(item), stage_of(item)
    return (stage, *(order.place(check) if check and stage is Stage.READS else ()))


def checks_of(items: Iterable[pytest.Item]) -> list[Check]:
    """Return the checks that these tests execute, in their order."""
    return [check for item in items if (check := check_of(item))]


class Selection:
    """The checks of one process: those that the selected clauses need, and why some of them have no test."""

    def __init__(self, setup: ProcessSetup) -> None:
        self._setup = setup
        self._effect = setup.effect
        self._collected: set[str] = set()
        self._deselected: set[str] = set()
        self._skipped: dict[str, str] = {}

    def keeps(self, check: Check) -> bool:
        """Whether the run executes a check: for its clause, or for its exchanges alone."""
        is_wanted = check.clause in self._setup.selected and self._effect.fits(check)
        return depth.includes(self._setup.depth, check, self._setup.only) and (is_wanted or self._is_traffic(check))

    def _is_traffic(self, check: Check) -> bool:
        """Whether `--only` names a clause that is judged on the exchanges of this check of another clause."""
        if not self._setup.only or not self._effect.fits(check):
            return False
        if check.clause in catalogue.load().matching(self._setup.skip):
            return False
        return any(is_traffic_for(check, clause) for clause in self._setup.selected)

    def collected(self, items: Iterable[pytest.Item]) -> None:
        """Note the tests that pytest found."""
        self._collected |= {str(check.id) for check in checks_of(items)}

    def deselected(self, items: Iterable[pytest.Item]) -> None:
        """Record tests that a plugin or option deselected through pytest's own hook."""
        self._deselected |= {str(check.id) for check in checks_of(items)}

    def skipped(self, check_id: str, reason: str) -> None:
        """Note a test that was skipped or failed before it could ask for its record."""
        self._skipped[check_id] = reason

    def left_out(self, config: pytest.Config, items: Iterable[pytest.Item]) -> dict[str, str]:
        """Return the checks that an option, a plugin or a conftest file left out: check ID to a reason that names it.

        `items` are the tests that pytest ran. A check that is missing for no known reason is not in the result.
        """
        executed = {str(check.id) for check in checks_of(items)}
        reasons = {}
        for check_id, check in all_checks().items():
            if check.clause not in self._setup.selected or not self._effect.fits(check):
                continue
            if not depth.includes(self._setup.depth, check, self._setup.only):
                reason = depth.LEFT_OUT
            elif check_id in executed:
                reason = self._skipped.get(check_id) or _by_others(config, RUNNING, "not run")
            else:
                reason = self._why_missing(config, check_id)
            if reason:
                reasons[check_id] = reason
        return reasons

    def _why_missing(self, config: pytest.Config, check_id: str) -> str:
        if check_id in self._deselected and (options := _deselecting_options(config)):
            return f"deselected by pytest's {options}"
        if check_id in self._collected:
            return _by_others(config, REMOVING, "removed from the run")
        if options := _restricting_options(config):
            return f"left out by pytest's {options}"
        return _by_others(config, COLLECTING, "not collected")


def _deselecting_options(config: pytest.Config) -> str:
    """Return the options that deselect tests, as the command line has them."""
    given = [("-k", config.option.keyword), ("-m", config.option.markexpr)]
    given += [("--deselect", prefix) for prefix in config.option.deselect or ()]
    return ", ".join(f"{name} {value!r}" for name, value in given if value)


def _restricting_options(config: pytest.Config) -> str:
    """Return the options and arguments that keep pytest from collecting the whole suite."""
    whole = {SUITE, str(Path(conformance.suite.__path__[0]))}
    named = [] if whole & {argument.rstrip("/") for argument in config.args} else config.args
    ignored = [*(config.option.ignore or ()), *(config.option.ignore_glob or ())]
    given = [("arguments", " ".join(named)), ("--ignore", " ".join(map(str, ignored)))]
    return ", ".join(f"{name} {value!r}" for name, value in given if value)


def _by_others(config: pytest.Config, hooks: Iterable[str], what: str) -> str:
    """Describe the foreign plugins that implement these hooks; empty if there are none."""
    names: dict[str, None] = {}
    for hook in hooks:
        caller = getattr(config.hook, hook, None)
        for implementation in caller.get_hookimpls() if caller else ():
            plugin = implementation.plugin
            module = getattr(plugin, "__module__", None) or getattr(plugin, "__name__", "")
            if str(module).partition(".")[0] not in OURS:
                names[f"{implementation.plugin_name} ({hook})"] = None
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{what} by {'one of ' if len(names) > 1 else ''}{', '.join(list(names)[:NAMED])}{more}" if names else ""
