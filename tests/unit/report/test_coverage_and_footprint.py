"""What of the contract a run saw, and what it left behind, on the page and the terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
from rich.console import Console
from support import reporting

from conformance.report import html, terminal, views
from conformance.results import wording

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "results.json").read_text())
RESTORE = {
    "job_id": "j1",
    "backup_id": "b1",
    "instance_id": "i1",
    "since": "2026-03-01T10:00:02Z",
    "state": "completed",
}


def results() -> Any:
    """A run that saw a part of the contract, restored twice, deleted a backup and lost a response."""
    built = reporting.green()
    built["coverage"] = {
        "operations": {"list": {"200": 7, "404": 2}, "delete": {}},
        "values": [
            {"name": "log types", "seen": {"restore": 1, "backup": 2}, "unseen": []},
            {"name": "job states", "seen": {"completed": 4}, "unseen": ["expired", "scheduled<i>"]},
        ],
        "inputs": {"LIST-2": 12},
    }
    built["footprint"] = {
        "restores": [RESTORE, {**RESTORE, "job_id": "j2", "backup_id": "b2", "state": ""}],
        "deletions": [{"backup_id": "b3", "since": "2026-03-01T10:00:05Z"}],
        "lost": [{"operation": "restore", "resource_id": "b4", "since": "2026-03-01T10:00:06Z"}],
        "instances": {"i1": "b2"},
    }
    jsonschema.validate(built, SCHEMA)
    return built


def test_what_was_never_seen_comes_first() -> None:
    first, second = views.coverage(results()["coverage"])
    assert (first.words, second.words) == ("seen 1 of 3 job states", "seen 2 of 2 log types")
    text = html.render_summary(results())
    section = text[text.index('id="section-coverage"') : text.index('id="section-footprint"')]
    assert "Seen 1 of 3 job states" in section
    assert "<code>expired</code>" in section
    assert "scheduled&lt;i&gt;" in section
    assert "no request was sent" in section


def test_the_page_shows_what_the_run_left_behind() -> None:
    text = html.render_summary(results())
    section = text[text.index('id="section-footprint"') :]
    for words in (
        "Instance i1 holds",
        "<code>b2</code>",
        "<code>b3</code>",
        "<code>b4</code>",
        "its end was not observed",
    ):
        assert words in section


def test_the_terminal_says_in_a_line_what_the_run_left_behind() -> None:
    words = "2 restores accepted, 1 ended; 1 backup deleted; 1 lost response; instance i1 holds backup b2"
    assert wording.footprint_words(results()) == words
    stream = io.StringIO()
    terminal.show(results(), Console(file=stream, width=200), Path("reports/x"))
    assert f"Left behind: {words}" in stream.getvalue().splitlines()


def test_a_run_that_changed_nothing_says_so_by_silence() -> None:
    built = results()
    built["footprint"] = {"restores": [], "deletions": [], "lost": [], "instances": {}}
    assert wording.footprint_words(built) == ""
    del built["footprint"]
    assert wording.footprint_words(built) == ""
    assert "section-footprint" not in html.render_summary(built)
