"""Scripts that send again what broke a clause: they run, say whether it still fails, and quote what is foreign."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from conformance.reference import launch
from conformance.report import repro

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "x'; touch pwned; echo '$(touch pwned)`touch pwned`\nrm -rf \"\u202e"


def results(base: str, path: str, status: int, *, pointer: str | None = None, words: str = "500") -> Any:
    """A results.json with one broken clause."""
    evidence = {
        "curl": f"curl -sS -i --globoff --path-as-is -H \"Authorization: Bearer $THE_KEY\" '{base}{path}'",
        "operation": "list",
        "request": {"headers": {"Authorization": "Bearer $THE_KEY"}},
        "response": {"status": status},
    }
    finding = {"outcome": "failed", "wanted": "4xx", "got": words, "pointer": pointer, "exchange": 0, "places": 1}
    check = {"id": "LIST-10/list", "findings": [finding], "exchanges": [evidence]}
    clause = {"id": "LIST-10", "title": f"a title {words}", "checks": [check]}
    return {"target": {"base_url": base}, "run": {"id": "abc"}, "clauses": [clause]}


def rerun(script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=script.parent,
    )


def written(found: Any, folder: Path) -> Path:
    repro.write(found, folder)
    return folder / "repro" / "LIST-10.sh"


@pytest.mark.process
def test_a_script_says_that_it_still_fails_and_that_it_no_longer_does(tmp_path: Path) -> None:
    with (
        launch.serve_in_thread(["page_size_zero_breaks_down"]) as wrong,
        launch.serve_in_thread() as right,
    ):
        path = f"/v1/containers/{wrong.store.fixtures.container_id}/backups?page%5Bsize%5D=0"
        found = results(wrong.base_url, path, 500)
        # the hub is told in the address's place of the header, which the evidence of a run has as it was sent
        evidence = found["clauses"][0]["checks"][0]["exchanges"][0]
        evidence["curl"] = evidence["curl"].replace(" -H", f" -H 'X-Hub-Id: {wrong.store.fixtures.hub_id}' -H", 1)
        script = written(found, tmp_path)
        still = rerun(script, THE_KEY=wrong.store.token("full"))
        mended = rerun(script, THE_KEY=right.store.token("full"), BASE_URL=right.base_url)
    assert (still.returncode, mended.returncode) == (1, 0)
    assert "still 500" in still.stdout
    assert "no longer: 400, then it was 500" in mended.stdout


@pytest.mark.process
def test_a_defect_of_the_body_is_left_to_the_reader(tmp_path: Path) -> None:
    with launch.serve_in_thread() as server:
        script = written(results(server.base_url, "/v1/x", 404, pointer="/error/code"), tmp_path)
        done = rerun(script, THE_KEY="none")
    assert "whether /error/code is mended" in done.stdout


@pytest.mark.process
def test_what_is_foreign_is_quoted(tmp_path: Path) -> None:
    script = written(results("http://127.0.0.1:9", "/v1/x", 500, pointer=HOSTILE, words=HOSTILE), tmp_path)
    done = rerun(script, THE_KEY="none")
    assert done.returncode == 0
    assert not list(tmp_path.rglob("pwned"))
    assert "no longer: 000, then it was 500" in done.stdout


@pytest.mark.process
def test_an_accepted_restore_is_sent_only_when_asked_for(tmp_path: Path) -> None:
    found = results("http://127.0.0.1:9", "/v1/x", 202)
    found["clauses"][0]["checks"][0]["exchanges"][0]["operation"] = "restore"
    script = written(found, tmp_path)
    assert "not sent" in rerun(script, THE_KEY="none").stdout
    assert "no longer" in rerun(script, THE_KEY="none", RESTORES="yes").stdout


def test_nothing_is_written_where_nothing_broke(tmp_path: Path) -> None:
    found = results("http://127.0.0.1:9", "/v1/x", 500)
    found["clauses"][0]["checks"][0]["findings"] = []
    repro.write(found, tmp_path)
    assert list(tmp_path.iterdir()) == []
