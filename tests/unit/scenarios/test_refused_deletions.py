"""What changed about other backups while deletions were refused, and did not change again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.judging.expectations import violation
from conformance.scenarios.proofs import refused_deletions
from conformance.scenarios.run_state import Changes

CONTEXT = cast(
    "Any", SimpleNamespace(run=SimpleNamespace(state=SimpleNamespace(requested=lambda backup: backup == "watched")))
)


@pytest.mark.parametrize(
    ("changed", "is_reported"), [(("other",), True), (("watched",), False), (("watched", "other"), True)]
)
def test_a_backup_of_refused_restores_that_changed_once_is_left_to_their_checks(
    changed: tuple[str, ...], is_reported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_deletions, "_change_again", lambda *_: Changes())
    shown = {backup: violation("unchanged", "changed", None) for backup in changed}
    findings = refused_deletions._shown_again(CONTEXT, "deleted", [], shown)
    assert [finding.got for finding in findings] == [refused_deletions.ANOTHER_CLIENT] * is_reported
