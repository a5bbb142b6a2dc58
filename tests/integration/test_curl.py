"""The curl lines in the report of a run draw the same answers when a reader pastes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import curl, running

from conformance.config.target_file import load_target
from conformance.reference import launch

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.process


def test_lines_of_a_real_run_draw_the_same_answers(tmp_path: Path) -> None:
    faults = ("bare_key_opens", "hub_is_guessed", "ids_are_trimmed", "put_is_welcome", "action_may_be_missing")
    with launch.serve_in_thread(faults, restore_seconds=0.02) as server:
        file = tmp_path / "target.toml"
        file.write_text(server.target_toml)
        chosen = ("--only", "AUTH-1,AUTH-2,AUTH-5,GET-6,HTTP-5,JOB-4,JOB-5,LIST-10,INC-6", "--examples", "2")
        ran = running.run(tmp_path / "out", "--target", file, *chosen)
        lines = _lines(ran)
        env = curl.environment_of(load_target(file, {}))
        again = [(line, status, curl.status_of(curl.pasted(line, env))) for line, status in sorted(lines.items())]
    assert len(lines) >= 30
    assert [one for one in again if one[1] != one[2]] == []


def _lines(ran: running.Ran) -> dict[str, int]:
    rows = [check for row in ran.results["clauses"] for check in row["checks"]]
    exchanges = [exchange for check in rows for exchange in check["exchanges"] if exchange["response"]]
    return {exchange["curl"]: exchange["response"]["status"] for exchange in exchanges}
