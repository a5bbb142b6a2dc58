"""The last look at restores: how many logs they left in the end, counted again when everything else is over."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from conformance.expectations import CannotTellError, Found, broken, listed
from conformance.judging import Tally, attach
from conformance.outcomes import CheckRecord, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.following import Restore
    from conformance.run import Run


def recount(run: Run) -> Iterator[CheckRecord]:
    """RST-2 once more: as many new logs as accepted restores, for every backup that was restored."""
    groups: dict[str, list[Restore]] = defaultdict(list)
    for restore in run.restores:
        if restore.accepted and restore.ended:
            groups[restore.backup].append(restore)
    if not groups:
        return
    tally = Tally()
    for backup, restores in groups.items():
        for found in _differences(run, backup, restores):
            tally.add(found)
    record = CheckRecord("RST-2/restore/afterwards", "RST-2", "restore", Outcome.PASSED)
    attach(record, run.catalogue, tally.defects.values(), run.recorder, run.look_again)
    yield record


def _differences(run: Run, backup: str, restores: list[Restore]) -> Iterator[Found]:
    exchange = run.client.send(run.ask.logs(backup))
    try:
        logs = listed(exchange)
    except CannotTellError:
        return
    new = [log for log in logs if log.get("id") not in restores[0].logs_before]
    accepted = max(len(restores), run.accepted[backup])
    if len(new) > accepted:
        yield broken(
            f"{accepted} new logs for {accepted} accepted restores", f"{len(new)} in the end", exchange, "/data"
        )
    left = {log.get("id") for restore in restores for log in restore.logs} - {log.get("id") for log in logs}
    if left:
        yield broken("the logs of the restores still there", f"{len(left)} of them gone", exchange, "/data")
