"""Preflight reads the rate that a target announces, says how long a run takes, and stays small beside many backups."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from support.toml import changed

from conformance.config.target_file import load_target
from conformance.execution.run import Run
from conformance.qualification.measure import judge
from conformance.reference import launch
from conformance.reference.registry import Variant

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.reference.core import Behaviours, Call
    from conformance.scenarios.preflight.model import Preflight


def announcing(server: Behaviours) -> None:
    """Announce a rate limit with every response."""
    headers = server.headers

    def own(call: Call, status: int) -> dict[str, str]:
        return headers(call, status) | {"ratelimit-policy": '"default";q=600;w=60'}

    server.headers = own


def preflight(server: launch.Running, folder: Path, changes: dict[str, object]) -> Preflight:
    file = folder / "target.toml"
    file.write_text(changed(server.target_toml, changes), "utf-8")
    target = load_target(file, os.environ)
    run = Run(target, seed=1, profile="full", selected=(), state=folder / "state")
    with closing(run):
        run.start()
    return run.preflight


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (0, 'the target announces 10 requests per second: set limits.requests_per_second to that, or to "auto"'),
        (50, 'the target announces 10 requests per second: set limits.requests_per_second to that, or to "auto"'),
        ("auto", "at 10 requests per second a run of the full profile takes 3 minutes"),
        (5, "at 5 requests per second a run of the full profile takes 7 minutes"),
    ],
)
def test_an_announced_rate_is_noted(own: object, words: str, tmp_path: Path) -> None:
    variant = Variant("announcing", "It announces a rate.", "a rate may be announced", announcing)
    with launch.serve_in_thread([], [variant], restore_seconds=0.02) as server:
        stage = preflight(server, tmp_path, {"limits.requests_per_second": own})
    assert words in stage.notes
    assert stage.is_ready


def test_every_request_says_which_check_sent_it_where_the_file_wants_that(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def remember(server: Behaviours) -> None:
        headers = server.headers

        def own(call: Call, status: int) -> dict[str, str]:
            seen.append((call.headers.get("traceparent", ""), call.headers.get("x-conformance-check", "")))
            return headers(call, status)

        server.headers = own

    variant = Variant("remembering", "It notes headers.", "no difference", remember)
    with launch.serve_in_thread([], [variant], restore_seconds=0.02) as server:
        file = tmp_path / "target.toml"
        file.write_text(changed(server.target_toml, {"request.correlation": True}), "utf-8")
        judge(load_target(file, os.environ), selected=("LIST-9",))
    assert all(trace for trace, _ in seen)
    assert {"preflight", "LIST-9/list"} <= {check for _, check in seen}
