"""The private names of other libraries: each works with the versions that are installed, and does without."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from conformance import _compat

if TYPE_CHECKING:
    from pytest import Pytester  # noqa: PT013 - only this name

pytest_plugins = ["pytester"]


def test_an_incompatible_library_is_named_with_its_version_and_what_works() -> None:
    error = _compat.incompatible("pytest-xdist", "xdist.scheduler.LoadScopeScheduling")
    assert str(error).startswith("pytest-xdist ")
    assert " has no xdist.scheduler.LoadScopeScheduling; this version of the suite works with pytest-xdist" in str(
        error
    )
    assert "pip install 'pytest-xdist" in str(error)


def test_a_library_that_is_not_installed_is_named_as_well() -> None:
    assert str(_compat.incompatible("no-such-library", "x")).startswith("no-such-library of unknown version has no x;")


# ---------------------------------------------------------------- pytest


def test_the_options_of_pytest_and_of_a_conftest_are_known(pytester: Pytester) -> None:
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--seed', '--of-conftest')")
    config = pytester.parseconfigure()
    names = _compat.option_names(config._parser)
    assert {"--seed", "--of-conftest", "--maxfail", "-k"} <= names


def test_without_the_private_names_no_option_is_known() -> None:
    parser: Any = argparse.ArgumentParser()
    assert _compat.option_names(parser) == set()


@pytest.mark.parametrize("arguments", [("-k", "("), ("-m", "a b")])
def test_an_expression_that_pytest_would_refuse_is_refused_at_once(
    arguments: tuple[str, ...], pytester: Pytester
) -> None:
    config = pytester.parseconfigure(*arguments)
    with pytest.raises(pytest.UsageError, match="Wrong expression"):
        _compat.check_selection(config)


def test_expressions_that_pytest_takes_are_left_to_it(pytester: Pytester) -> None:
    _compat.check_selection(pytester.parseconfigure("-k", "a and not b", "-m", "slow"))


def test_without_the_plugin_of_expressions_nothing_is_checked() -> None:
    config: Any = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=lambda _: None))
    _compat.check_selection(config)


def test_the_terminal_reporter_is_silent(pytester: Pytester, capsys: pytest.CaptureFixture[str]) -> None:
    config = pytester.parseconfigure()
    _compat.silence_terminal(config)
    config.pluginmanager.getplugin("terminalreporter").write_line("not to be seen")
    captured = capsys.readouterr()
    assert "not to be seen" not in captured.out + captured.err


def test_a_reporter_without_the_private_name_is_left_alone() -> None:
    reporter = SimpleNamespace()
    config: Any = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=lambda _: reporter))
    _compat.silence_terminal(config)
    assert vars(reporter) == {}


# ---------------------------------------------------------------- pytest-xdist


def test_the_scheduling_of_scopes_is_there() -> None:
    assert _compat.scope_scheduling().__name__ == "LoadScopeScheduling"


def test_a_scheduling_without_our_hooks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduling = _compat.scope_scheduling()
    monkeypatch.delattr(scheduling, "_split_scope")
    with pytest.raises(_compat.IncompatibleError, match=r"LoadScopeScheduling\._split_scope"):
        _compat.scope_scheduling()


def test_paths_that_were_values_of_options_are_forgotten(pytester: Pytester) -> None:
    config = pytester.parseconfigure()
    config.known_args_namespace.file_or_dir = ["tests", "target.toml"]
    _compat.forget_paths(config, {"target.toml"})
    assert config.known_args_namespace.file_or_dir == ["tests"]


def test_without_the_known_arguments_nothing_is_forgotten() -> None:
    config: Any = SimpleNamespace()
    _compat.forget_paths(config, {"target.toml"})
    assert vars(config) == {}
