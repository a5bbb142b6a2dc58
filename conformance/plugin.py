"""The pytest plugin's front: options, and nothing else unless the suite itself is run.

It is installed as an entry point, so that `pytest --pyargs conformance.suite --target FILE` works; in every other
pytest run it costs the import of this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.config.settings import Settings

SUITE = "conformance.suite"
SESSION = "conformance-session"
#: option, and how argparse takes it; the destinations are prefixed so that they meet no other plugin's
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--target", {"metavar": "FILE", "help": "target file (TOML); without it the embedded reference server is tested"}),
    ("--base-url", {"metavar": "URL", "help": "the target's base URL, with --hub and --container, without a file"}),
    ("--hub", {"metavar": "ID", "help": "the target's hub id"}),
    ("--container", {"metavar": "ID", "help": "the container to test with"}),
    ("--report-dir", {"metavar": "DIR", "help": "where the reports go"}),
    ("--profile", {"choices": ("read", "full"), "help": "read sends nothing that changes the target"}),
    ("--only", {"metavar": "ID[,ID]", "action": "append", "help": "clauses by ID or prefix"}),
    ("--skip", {"metavar": "ID[,ID]", "action": "append", "help": "clauses to leave out"}),
    ("--seed", {"metavar": "N", "type": int, "help": "reproduce a run"}),
    ("--examples", {"metavar": "N", "type": int, "help": "generated cases per property"}),
    ("--waivers", {"metavar": "FILE", "help": "known deviations (TOML)"}),
    ("--subject", {"metavar": "NAME@sha256:HEX", "action": "append", "help": "what is being released, by its digest"}),
    ("--sign", {"metavar": "KEY", "help": "sign the record with this ed25519 key (PEM)"}),
    (
        "--conformance-strict",
        {"action": "store_true", "default": None, "help": "`run --strict`: a warning counts as a failure"},
    ),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `backups-conformance run`, for those who live in pytest."""
    group = parser.getgroup("conformance", "container-backups conformance suite")
    for name, how in OPTIONS:
        group.addoption(name, dest=_destination(name), **how)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Where the suite itself is run, the session takes over."""
    if config.pluginmanager.hasplugin(SESSION) or not runs_the_suite(config):
        return
    from conformance.pytest_run import session  # noqa: PLC0415 - heavy, and only the suite's own runs need it

    config.pluginmanager.register(session.from_pytest(config), SESSION)


def runs_the_suite(config: pytest.Config) -> bool:
    """Does this run name our suite, as a package or as a path?"""
    if hasattr(config, "workerinput"):
        return "conformance" in config.workerinput
    suite = Path(__file__).parent / "suite"
    named = [argument.partition("::")[0] for argument in config.args]
    return any(
        name.startswith(SUITE) or suite in (Path(name).resolve(), *Path(name).resolve().parents) for name in named
    )


def _destination(name: str) -> str:
    return f"conformance_{name.strip('-').replace('conformance-', '').replace('-', '_')}"


def settings_of(config: pytest.Config) -> Settings:
    """The options as the command line has them. Raises pytest.UsageError with each problem in a line."""
    from conformance.cli import main  # noqa: PLC0415 - only for the suite's own runs

    arguments = ["run"]
    for name, _ in OPTIONS:
        value = config.getoption(_destination(name))
        for one in value if isinstance(value, list) else [value]:
            if one is True:
                arguments.append(name.replace("conformance-", ""))
            elif one is not None:
                arguments += [name, str(one)]
    try:
        return main.read_settings(main.parse(arguments))
    except main.UsageError as error:
        raise pytest.UsageError(*error.lines) from None
