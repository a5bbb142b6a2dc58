"""Runs the probe of the target file in preflight, and concludes whether its digests can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.judging.expectations import CannotTellError
from conformance.scenarios import probe
from conformance.scenarios.preflight.model import Entry, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.config.target import Target

COMMAND, EXPECTED = "probe.command", "probe.expected"
#: How much of a digest is shown, in characters.
MAX_SHOWN = 80


def probe_entries(target: Target) -> Iterator[Entry]:
    """Yield the entries of `probe.command` and `probe.expected`; without a probe that of the command alone."""
    instance = target.fixtures.instance_id
    if target.probe is None:
        yield Entry(COMMAND, State.MISSING, "not given", f"set {COMMAND} and {EXPECTED}")
        return
    if instance is None or not target.restore.allow:
        yield Entry(COMMAND, State.UNKNOWN, "not run: only restores need it")
    else:
        yield _execute(target, instance)
    if target.probe.expected is None:
        yield Entry(EXPECTED, State.MISSING, "not given", f"set {EXPECTED}")
    else:
        yield Entry(EXPECTED, State.OK)


def _execute(target: Target, instance: str) -> Entry:
    """Run the probe twice, and a third time where the digests differ: another client may have changed the instance."""
    try:
        digests = [probe.digest_of(target, instance), probe.digest_of(target, instance)]
        if digests[0] != digests[1]:
            digests.append(probe.digest_of(target, instance))
    except CannotTellError as reason:
        return Entry(COMMAND, State.WRONG, str(reason), "run it by hand with this instance")
    if digests[-1] != digests[-2]:
        fix = "print a digest of the instance's data alone, and let nobody else change the instance"
        return Entry(COMMAND, State.WRONG, "prints another digest each time", fix)
    return Entry(COMMAND, State.OK, f"prints {digests[-1][:MAX_SHOWN]}")
