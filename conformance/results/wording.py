"""Sentences about a run that all reports share."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.results.environment import generators_of

if TYPE_CHECKING:
    from conformance.results.model import Results, RunRow, SelectionRow

LABELS = {
    Outcome.FAILED: "failed",
    Outcome.ERROR: "error",
    Outcome.WARNED: "warned",
    Outcome.WAIVED: "waived",
    Outcome.PASSED: "passed",
    Outcome.NOT_TESTED: "not tested",
}


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 clause` or `3 clauses`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def selection_words(selection: SelectionRow) -> str:
    """Return which clauses were selected."""
    only, skip = selection["only"], selection["skip"]
    words = f"only {', '.join(only)}" if only else "all clauses"
    return f"{words}, without {', '.join(skip)}" if skip else words


def waivers_words(results: Results) -> str:
    """Return how many waivers there are in each state."""
    waivers = results["waivers"]
    if not waivers:
        return "none"
    states = [waiver["state"] for waiver in waivers]
    counts = [f"{states.count(state)} {state}" for state in ("used", "stale", "expired", "untested") if state in states]
    return f"{len(waivers)}: {', '.join(counts)}"


def throttled_words(run: RunRow) -> str:
    """Return how often the target answered 429, and the time that this took."""
    throttled = run["throttled"]
    if not throttled["count"]:
        return "never"
    return f"{counted(throttled['count'], '429 response')}, {throttled['waited_s']:.1f} s waited"


def running_words(run: RunRow) -> list[str]:
    """Return a sentence for each instance on which restores may still be running."""
    instances: dict[str, list[str]] = {}
    for restore in run["restores_maybe_running"]:
        instances.setdefault(restore["instance_id"] or "unknown", []).append(restore["job_id"] or "")
    return [
        f"{'a restore' if len(jobs) == 1 else f'{len(jobs)} restores'} may still be running on instance {instance}: "
        f"{_jobs(jobs)}"
        for instance, jobs in instances.items()
    ]


def _jobs(jobs: list[str]) -> str:
    known = [job for job in jobs if job]
    unknown = len(jobs) - len(known)
    parts = [f"{'job' if len(known) == 1 else 'jobs'} {', '.join(known)}"] if known else []
    parts += [counted(unknown, "unknown job")] if unknown else []
    return ", ".join(parts)


def footprint_words(results: Results) -> str:
    """Return what the run left behind, in one line; empty where it changed nothing."""
    footprint = results.get("footprint")
    if footprint is None:
        return ""
    restores = len(footprint["restores"])
    ended = sum(bool(restore["state"]) for restore in footprint["restores"])
    parts = [f"{counted(restores, 'restore')} accepted, {ended} ended"] if restores else []
    parts += [f"{counted(len(footprint['deletions']), 'backup')} deleted"] if footprint["deletions"] else []
    parts += [f"{counted(len(footprint['lost']), 'lost response')}"] if footprint["lost"] else []
    parts += [f"instance {instance} holds backup {backup}" for instance, backup in footprint["instances"].items()]
    return "; ".join(parts)


def seed_comment(results: Results) -> str:
    """Return the comment of the command that repeats a run: a seed gives the same requests only with these versions."""
    versions = {"backups-conformance": results["suite"]["version"], **generators_of(results["run"]["versions"])}
    words = ", ".join(f"{name} {version}" for name, version in versions.items())
    return one_line(f"# the seed gives the same requests with {words}", 300)


def clause_command(results: Results, clause_id: str) -> str:
    """Return the command that tests one clause again, on the same target and with the same seed."""
    command = results["run"]["command"]
    try:
        words = shlex.split(command)
    except ValueError:  # not a command that this suite wrote
        return f"{command} --only {clause_id}"
    for option in ("--only", "--skip"):
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    return shlex.join([*words, "--only", clause_id])
