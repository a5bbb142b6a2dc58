"""The last look at restores: which logs they left in the end, counted again when everything else is over."""

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
    """As many new logs as accepted restores, for every backup that was restored, and none of them gone again.

    What is too many is RST-2's; where restores at once were refused, they are what had an effect: RST-6's.
    """
    groups: dict[str, list[Restore]] = defaultdict(list)
    for restore in run.restores:
        groups[restore.backup].append(restore)
    tallies: dict[str, Tally] = {}
    for backup, restores in groups.items():
        ended = [one for one in restores if one.accepted and one.ended]
        if ended:
            clause = "RST-2" if all(one.accepted for one in restores) else "RST-6"
            tally = tallies.setdefault(clause, Tally())
            for found in _differences(run, backup, ended):
                tally.add(found)
    for clause, tally in tallies.items():
        record = CheckRecord(f"{clause}/restore/afterwards", clause, "restore", Outcome.PASSED)
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
