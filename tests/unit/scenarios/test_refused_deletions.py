"""What changed about other backups while deletions were refused, and did not change again."""

from __future__ import annotations

from typing import Any, cast

import pytest

from conformance.judging.expectations import violation
from conformance.scenarios.proofs import refused_deletions
from conformance.scenarios.run_state import Changes


@pytest.mark.parametrize("changed", [(), ("one",), ("one", "another")])
def test_backups_that_changed_once_and_not_again_with_the_same_requests_are_inconclusive(
    changed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_deletions, "_change_again", lambda *_: Changes())
    shown = {backup: violation("unchanged", "changed", None) for backup in changed}
    findings = refused_deletions._shown_again(cast("Any", None), "deleted", [], shown)
    assert [finding.got for finding in findings] == [refused_deletions.ANOTHER_CLIENT] * bool(changed)
