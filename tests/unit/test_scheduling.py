"""Tests that share something costly stay on one worker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.scheduling import is_kept_together

TESTS = Path(__file__).parents[1]
MODULES = sorted((TESTS / "integration").glob("test_*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_with_fixtures_for_all_of_its_tests_has_one_worker(path: Path) -> None:
    shares = re.search(r'fixture\(.*scope="module"', path.read_text("utf-8")) is not None
    assert is_kept_together(f"tests/integration/{path.name}") or not shares


def test_quick_tests_are_assigned_by_module_and_slow_ones_by_themselves() -> None:
    assert is_kept_together("tests/unit/test_scheduling.py")
    assert not is_kept_together("tests/integration/test_gateways.py")
