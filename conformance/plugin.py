"""The entry point for pytest: `pytest --pyargs conformance.suite --target FILE`.

A pytest run that does not name the suite costs the import of this module and gets neither options nor hooks from it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

SUITE = "conformance.suite"
RUN = "conformance-run"
_ARGUMENTS = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Take our options out of the arguments, if the suite is named, and register them for `--help`.

    Options of the same name that plugins and conftest files have stay theirs.
    """
    if early_config.pluginmanager.hasplugin(RUN) or not names_suite(args, early_config.invocation_params.dir):
        return (yield)
    from conformance import _compat  # noqa: PLC0415 - only the suite's own runs need these
    from conformance.cli.errors import UsageError  # noqa: PLC0415
    from conformance.cli.options import IN_PYTEST, values_in, without_ours  # noqa: PLC0415

    early_config.stash[_ARGUMENTS] = list(args)
    _compat.forget_paths(early_config, values_in(args))
    try:
        args[:] = without_ours(args)
    except UsageError as error:
        raise pytest.UsageError(*error.lines) from None
    result = yield
    taken, group = _compat.option_names(parser), parser.getgroup("conformance", "container-backups conformance suite")
    for option in IN_PYTEST:
        if (name := option.pytest_name) and name not in taken:
            group.addoption(name, **option.for_pytest())
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let the controller of a run, or a worker of one, take part where the suite is run."""
    if config.pluginmanager.hasplugin(RUN):
        return
    given = getattr(config, "workerinput", {})
    if "conformance" in given:
        from conformance.pytest_run.worker import Worker  # noqa: PLC0415 - loads the suite

        config.pluginmanager.register(Worker(given["conformance"], given["workerid"]), RUN)
    elif _ARGUMENTS in config.stash and names_suite(list(config.args), config.invocation_params.dir):
        _start_run(config)


def _start_run(config: pytest.Config) -> None:
    from conformance.cli.errors import UsageError  # noqa: PLC0415 - only the suite's own runs need these
    from conformance.cli.options import settings_of_pytest  # noqa: PLC0415
    from conformance.config import hermetic  # noqa: PLC0415
    from conformance.pytest_run import controller, embedded, executing, setup  # noqa: PLC0415

    hermetic.drop_unusable_sizes(os.environ)
    try:
        arguments = config.stash[_ARGUMENTS]
        settings = settings_of_pytest(list(map(str, config.invocation_params.args)), arguments)
    except UsageError as error:
        raise pytest.UsageError(*error.lines) from None
    if not controller.runs_tests(config):
        executing.register(config, None)
        return
    with ExitStack() as stack:
        target, file = stack.enter_context(embedded.target_of(settings))
        config.add_cleanup(stack.pop_all().close)
    config.pluginmanager.register(controller.Controller(setup.prepare(settings, target, file)), RUN)


def names_suite(arguments: Iterable[str], folder: Path) -> bool:
    """Whether arguments name the suite, as a package or as a path; without any path the folder counts."""
    suite = Path(__file__).parent / "suite"
    names = [argument.partition("::")[0] for argument in arguments if not argument.startswith("-")]
    paths = [Path(folder, name).resolve() for name in names or [""]]
    return any(name.startswith(SUITE) for name in names) or any(suite in (path, *path.parents) for path in paths)
