"""RST-8: what the instance holds after restores, and whether these restores alone can have written it.

Which checks a run selects decides which restores it makes, and in which order. So a digest counts as the data of a
backup only where it was read after a restore of that backup, and no other restore can have come in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.judging.expectations import CannotTellError, inconclusive, violation
from conformance.scenarios.restore import InstanceData, last_look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore
    from conformance.scenarios.run_state import RunState

ANOTHER_RESTORE = "another restore was accepted, or may have been, before the probe read the instance"


def data_after(context: CheckContext, restores: Sequence[Restore]) -> InstanceData | None:
    """Run the probe after restores that were requested at once. Return None where the target file has no probe."""
    if context.fixtures.target.probe is None:
        return None
    try:
        digest = context.digest_of(context.fixtures.instance_id)
    except CannotTellError as reason:
        return InstanceData(None, str(reason))
    return InstanceData(digest, doubt_about(context.run.state, restores))


def doubt_about(state: RunState, restores: Sequence[Restore]) -> str:
    """Return why the instance may hold by now what other restores wrote; empty if only these can have written it."""
    if reason := state.wrong_acceptance or state.unended:
        return reason
    started = sum(restore.answer.is_success or restore.lost for restore in restores)
    if state.restores_started - min(restore.started_before for restore in restores) > started:
        return ANOTHER_RESTORE
    lost = next((restore for restore in (*state.restores, *restores) if restore.lost and not restore.own_logs), None)
    return f"the restore of {lost.backup} had no answer and may still run" if lost else ""


def other_data(restore: Restore, wanted: str, held: InstanceData, *compared: InstanceData) -> Finding:
    """Report that the instance holds other data after a restore, as inconclusive where there is a doubt about any."""
    doubt = next((data.doubt for data in (held, *compared) if data.doubt), "")
    exchange = last_look(restore)
    return inconclusive(doubt, exchange) if doubt else violation(f"the data {wanted}", f"{held.digest}", exchange)
