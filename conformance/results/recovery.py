"""What a run writes when it starts, so that it can be reported even if it is killed.

`remember` writes the run's facts into its state folder before anything is sent; `recover` makes the results of what
the journals and the kept exchanges hold, after a crash as after an orderly end.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from conformance.config import untrusted
from conformance.config.settings import Depth, Settings
from conformance.config.target import FixtureIds, Target
from conformance.config.waivers_file import Waiver
from conformance.contract import catalogue
from conformance.evidence import archive
from conformance.evidence.text import one_line
from conformance.execution import journal
from conformance.http.latency import Latencies
from conformance.judging.coverage import Coverage
from conformance.judging.passive import PassiveJudges
from conformance.results import build, reading
from conformance.results.files import write_json
from conformance.suite.registry import judges_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from conformance.results.model import Results

STATE = ".state"
#: The errors that reading values of wrong types raises.
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)
FACTS, LOCK = "run.json", "run.lock"
FORMAT = "backups-conformance/run/1"
KILLED = "the run was killed, or crashed: these are the outcomes that it had written down"


class RecoveryError(Exception):
    """The folder holds no run that can be reported; the message is one line."""


@dataclass(frozen=True)
class Remembered:
    """A run as its state folder knows it; `shown_target` is the target without its keys."""

    settings: Settings
    target: Target
    shown_target: dict[str, object]
    selected: frozenset[str]
    facts: build.RunFacts


def remember(state: Path, run: Remembered) -> None:
    """Write what a report of the run will need."""
    target, settings, facts = run.target, run.settings, run.facts
    record = {
        "format": FORMAT,
        "target": {"name": target.name, "base_url": target.base_url, "hub_id": target.hub_id},
        "deletable_backup_ids": target.fixtures.deletable_backup_ids,
        "shown_target": run.shown_target,
        "selected": sorted(run.selected),
        "settings": {
            "only": settings.only,
            "skip": settings.skip,
            "examples": settings.examples,
            "depth": settings.depth.value,
            "strict": settings.strict,
            "edition": settings.edition,
            "waivers": [waiver.to_json() for waiver in settings.waivers],
        },
        "facts": {
            "id": facts.id,
            "started": facts.started.isoformat(),
            "seed": facts.seed,
            "profile": facts.profile,
            "command": facts.command,
            "subjects": facts.subjects,
            "waivers_sha256": facts.waivers_sha256,
            "versions": facts.versions,
            "ci": facts.ci,
        },
    }
    write_json(state / FACTS, record)


def recall(state: Path) -> Remembered:
    """Read the run of a state folder. Raises RecoveryError."""
    try:
        record = untrusted.read_object(state / FACTS)
        if record["format"] != FORMAT:
            raise RecoveryError(
                f"{state.parent}: holds a run of another version: {one_line(str(record['format']), 60)}"
            )
        chosen, facts = record["settings"], record["facts"]
        waived = [Waiver.from_json(row) for row in chosen["waivers"]]
        lists = {name: tuple(chosen[name]) for name in ("only", "skip")}
        decided = {"waivers": tuple(waived), "seed": facts["seed"], "depth": Depth(chosen["depth"])}
        settings = Settings(**{**chosen, **lists, **decided})
        fixtures = FixtureIds(container_id="", deletable_backup_ids=tuple(record["deletable_backup_ids"]))
        when = datetime.fromisoformat(facts["started"])
        if when.tzinfo is None:
            raise ValueError("a time without its time zone")
        return Remembered(
            settings,
            Target(**record["target"], fixtures=fixtures),
            dict(record["shown_target"]),
            frozenset(catalogue.load()[clause_id].id for clause_id in record["selected"]),
            build.RunFacts(**{**facts, "started": when, "subjects": tuple(facts["subjects"])}),
        )
    except untrusted.MissingFileError:
        raise RecoveryError(f"{state.parent}: holds no unfinished run") from None
    except untrusted.UntrustedFileError as problem:
        raise RecoveryError(str(problem)) from None
    except DAMAGE as problem:
        raise RecoveryError(f"{state / FACTS}: is damaged: {type(problem).__name__}") from None


def recover(folder: Path) -> tuple[Results, Remembered]:
    """The results of a run that did not come to its end. Raises RecoveryError, also where it still goes on."""
    state = folder / STATE
    if state.is_symlink():
        raise RecoveryError(f"{state}: is a link; the state of a run is a folder")
    known = recall(state)
    require_ended(state)
    try:
        _judge_archived_exchanges(state, known.selected)
        last = max(file.stat().st_mtime for file in state.iterdir() if file.suffix in (".ndjson", ".json"))
        finished = max(datetime.fromtimestamp(last, UTC), known.facts.started)
        facts = replace(known.facts, interruption=KILLED, finished=finished)
        results = build.build(known.settings, known.target, known.selected, journal.read(state), facts)
        # The recorded files have no schema, so their types are checked in the results that are built from them.
        reading.parse_results(json.loads(json.dumps(results, allow_nan=False)))
    except (untrusted.UntrustedFileError, archive.ArchiveError) as problem:
        raise RecoveryError(one_line(str(problem))) from None
    except reading.ResultsError as problem:
        raise RecoveryError(f"{state}: is damaged: the results built from it {problem}") from None
    except DAMAGE as problem:
        raise RecoveryError(f"{state}: is damaged: {type(problem).__name__}: {one_line(str(problem), 120)}") from None
    return results, known


def require_ended(state: Path) -> None:
    """Raise RecoveryError where a process still holds one of the run's locks."""
    for lock in (state / LOCK, *state.glob("journal-*.lock")):
        if lock.is_symlink() or (lock.exists() and not lock.is_file()):
            raise RecoveryError(f"{lock}: is not a regular file")
        try:
            with FileLock(lock).acquire(timeout=0):
                pass
        except Timeout:
            raise RecoveryError(f"{state.parent}: its run is still going on") from None


def _judge_archived_exchanges(state: Path, selected: Collection[str]) -> None:
    """Judge the passive clauses from the archived exchanges of each worker that died before it recorded them."""
    for file in sorted(state.glob("exchanges-*.ndjson")):
        worker = file.stem.removeprefix("exchanges-")
        if _has_observations(state / f"journal-{worker}.ndjson"):
            continue
        judges, latencies, replayed = (
            PassiveJudges(catalogue.load(), judges_of(selected)),
            Latencies(),
            archive.Replayed(),
        )
        requests, coverage = 0, Coverage()
        for exchange in replayed.exchanges(archive.read_state(file)):
            judges.observe(exchange)
            latencies.observe(exchange)
            coverage.observe(exchange)
            requests += 1
        # A separate file, because the last line of the worker's own may be cut off.
        (state / f"journal-{worker}-recovered.ndjson").unlink(missing_ok=True)
        with closing(journal.Journal(state, f"{worker}-recovered")) as recovered:
            for record in judges.records(replayed, lambda _: None):
                recovered.write(record)
            recovered.write(journal.WorkerFacts(requests=requests))
            seen = (latencies.counted(),), judges.matrix, (coverage.counted(),)
            recovered.write(journal.Observations(frozenset(judges.notes), *seen))


def _has_observations(file: Path) -> bool:
    """Whether a worker recorded its own observations; it does so last of all."""
    try:
        return any(isinstance(entry, journal.Observations) for entry in journal.entries(file))
    except untrusted.MissingFileError:
        return False
