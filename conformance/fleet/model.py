"""The members of fleet.json, format 1; `schemas/fleet.json` describes the same members for other programs."""

from __future__ import annotations

from typing import NotRequired, TypedDict

FORMAT = "backups-conformance/fleet/1"
FILE = "fleet.json"
PAGE = "index.html"


class FleetRunRow(TypedDict):
    """What brought the reports together; `kind` is run, merge or index. Times are UTC."""

    kind: str
    started: str
    finished: str
    on: str
    strict: bool


class CountsRow(TypedDict):
    """Numbers of targets by verdict; `without_report` are among the inconclusive ones."""

    targets: int
    conformant: int
    partial: int
    non_conformant: int
    inconclusive: int
    without_report: int


class PastRow(TypedDict):
    """An earlier run of a target."""

    started: str
    verdict: str
    headline: str
    folder: str


class FleetTargetRow(TypedDict):
    """A target and its newest run.

    `folder`: the report folder, relative to fleet.json; empty where there is no whole report, and `problem` says why.
    `signoff_sha256`: the digest of the folder's sign-off record. `outcomes` maps a clause to its outcome, `reasons`
    those that failed, warned or ended in error to the reason.
    """

    name: str
    file: str
    base_url: str
    folder: str
    signoff_sha256: str
    problem: str
    verdict: str
    headline: str
    started: str
    suite: str
    edition: NotRequired[str]
    depth: NotRequired[str]
    profile: str
    seed: int | None
    requests: int
    outcomes: dict[str, str]
    reasons: dict[str, str]
    past: list[PastRow]


class FleetClauseRow(TypedDict):
    """A clause over all targets: how many have each outcome, and whether those that tested it disagree."""

    id: str
    level: str
    chapter: str
    title: str
    counts: dict[str, int]
    disagree: bool


class Fleet(TypedDict):
    """fleet.json as a whole."""

    format: str
    suites: list[str]
    run: FleetRunRow
    verdict: str
    headline: str
    summary: CountsRow
    targets: list[FleetTargetRow]
    clauses: list[FleetClauseRow]
