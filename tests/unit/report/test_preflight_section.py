"""The section of the report that shows what preflight found: what does not fit first, and as plain text."""

from __future__ import annotations

from typing import Any

from support import reporting

from conformance.report import html, preflight

ROWS: list[dict[str, str]] = [
    {"name": "target.base_url", "state": "ok", "detail": "speaks the API (200 on list)"},
    {"name": "keys.view", "state": "missing", "detail": "not given; set keys.view"},
    {"name": "fixtures.instance_id", "state": "unknown", "detail": "reads cannot show an instance"},
    {"name": "fixtures.backup_id", "state": "wrong", "detail": "the target knows no such backup <b>\x1b[31m"},
]


def with_rows(rows: list[dict[str, str]]) -> Any:
    results = reporting.green()
    results["preflight"] = rows
    return results


def test_what_does_not_fit_comes_first() -> None:
    section = str(preflight.section(with_rows(ROWS)))
    places = [section.index(name) for name in ("fixtures.backup_id", "keys.view", "target.base_url")]
    assert places[0] == min(places)
    assert all(row["name"] in section for row in ROWS)
    assert "set keys.view" in section


def test_what_the_target_says_is_shown_as_text() -> None:
    section = str(preflight.section(with_rows(ROWS)))
    assert "&lt;b&gt;" in section
    assert "<b>\x1b" not in section
    assert "\x1b" not in section


def test_the_report_has_the_section_where_there_was_a_preflight() -> None:
    assert 'id="section-preflight"' in html.page(with_rows(ROWS))
    assert 'id="section-preflight"' not in html.page(with_rows([]))
