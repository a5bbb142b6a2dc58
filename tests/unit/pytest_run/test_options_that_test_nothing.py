"""Options behind `--` by which pytest tests nothing: exit code 0 of the command is a verdict."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from conformance.config.settings import Settings
from conformance.pytest_run import controller, main

if TYPE_CHECKING:
    from conformance.pytest_run.setup import RunSetup

LISTING = [
    *("--collect-only", "--co", "--setup-only", "--setup-plan", "--fixtures", "--funcargs", "--fixtures-per-test"),
    *("--markers", "--help", "--cache-show"),
]


def configured(*arguments: str) -> pytest.Config:
    """The configuration that pytest makes of arguments."""
    config = pytest.Config.fromdictargs({}, ["-c/dev/null", "--noconftest", *arguments])
    assert isinstance(config, pytest.Config)
    return config


@pytest.mark.parametrize("option", LISTING)
def test_an_option_that_tests_nothing_is_named(option: str) -> None:
    named = controller.showing_option(configured("-q", option))
    assert named is not None
    assert named == {"--co": "--collect-only", "--funcargs": "--fixtures"}.get(option, option)


@pytest.mark.parametrize("option", ["-x", "--setup-show", "--durations=3", "-k=list", "--trace-config"])
def test_an_option_of_a_run_that_tests_is_accepted(option: str) -> None:
    assert controller.showing_option(configured(option)) is None


@pytest.mark.parametrize("option", ["--collect-only", "--setup-plan"])
def test_the_command_refuses_it_and_names_the_plan(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "for_this_process", lambda _: None)
    monkeypatch.setattr(controller, "CheckExecution", lambda _: None)
    refused = f"pytest's {option} tests nothing; to see what a run would test, use --plan"
    with pytest.raises(pytest.UsageError, match=refused):
        controller.Controller(cast("RunSetup", None), quiet=True).pytest_configure(configured(option))


def test_pytest_that_ends_without_starting_a_run_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with `--version`, which pytest answers before any plugin is configured."""
    idle = SimpleNamespace(results=None, lost="", ran=False)
    monkeypatch.setattr(main, "Controller", lambda *_, **__: idle)
    monkeypatch.setattr(main, "prepare", lambda *_: None)
    monkeypatch.setattr(main, "target_of", lambda _: nullcontext((None, None)))
    monkeypatch.setattr(pytest, "main", lambda *_, **__: pytest.ExitCode.OK)
    assert main.run(Settings(), ["--version"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("the arguments after -- have pytest test nothing; see --plan")
