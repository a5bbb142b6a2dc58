"""The members of results.json, format 2.

`schemas/results.json` describes the same members for other programs; a test keeps the two alike. Readers of older
formats (`results.reading`) return this model as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from conformance.http.latency import LatencyRow
    from conformance.judging.outcomes import CheckRow

FORMAT = "backups-conformance/results/2"


class SuiteRow(TypedDict):
    """The version of the suite, and digests of its schemas and its catalogue."""

    version: str
    schemas_sha256: str
    catalogue_sha256: str
    rendering_sha256: NotRequired[str]


class TargetRow(TypedDict):
    """The target of the run."""

    name: str
    base_url: str
    hub_id: str


class SelectionRow(TypedDict):
    """The selectors of `--only` and `--skip`."""

    only: list[str]
    skip: list[str]


class ThrottledRow(TypedDict):
    """How many responses were 429, and the seconds waited because of them."""

    count: int
    waited_s: float


class UnfinishedRestoreRow(TypedDict):
    """An accepted restore whose end was not seen; `job_id` is empty where the response was lost."""

    job_id: str | None
    backup_id: str
    instance_id: str
    since: str


class SubjectRow(TypedDict):
    """A build that was tested, as `--subject` names it: by the digest of a file or image, or by a commit."""

    name: str
    sha256: NotRequired[str]
    gitCommit: NotRequired[str]


class CiRow(TypedDict):
    """The CI job that ran the suite, where the environment names it."""

    url: NotRequired[str]
    commit: NotRequired[str]


class PartRow(TypedDict):
    """A run that was merged; the digests are those of its results.json and of its sign-off record."""

    run: str
    seed: int
    started: str
    verdict: str
    headline: str
    folder: str
    results_sha256: str
    signoff_sha256: str


class RunRow(TypedDict):
    """How the target was judged. Times are UTC, durations in seconds."""

    id: str
    started: str
    finished: str
    duration_s: float
    seed: int
    examples: int
    profile: str
    requests: int
    restores_accepted: int
    python: str
    platform: str
    versions: dict[str, str]
    ci: NotRequired[CiRow]
    selection: SelectionRow
    strict: bool
    interrupted: bool
    interruption: str
    problem: str
    throttled: ThrottledRow
    command: str
    restores_maybe_running: list[UnfinishedRestoreRow]
    subjects: list[SubjectRow]
    waivers_sha256: str | None
    depth: NotRequired[str]
    parts: NotRequired[list[PartRow]]


class SummaryRow(TypedDict):
    """Numbers of clauses by outcome; the members that begin with `must_` count MUST clauses alone.

    `must_applicable` of `must_total` apply to the target. Each of these is counted once more, as passed (a warning
    about a SHOULD half included), failed, in error, waived or not tested.
    """

    passed: int
    failed: int
    warned: int
    waived: int
    not_tested: int
    error: int
    must_total: int
    must_applicable: int
    must_passed: int
    must_failed: int
    must_error: int
    must_waived: int
    must_not_tested: int


class WaiverRow(TypedDict):
    """A waiver of the run; `state` is used, stale, untested or expired."""

    clause: str
    reason: str
    expires: str
    operation: NotRequired[str | None]
    check: NotRequired[str | None]
    ticket: NotRequired[str | None]
    state: str


class PermissionRow(TypedDict):
    """What a key may do to a kind of resource; `statuses` maps a status to how often it was seen."""

    key: str
    operation: str
    resource: str
    wanted: str
    statuses: dict[str, int]


class ErratumRow(TypedDict):
    """How the clause reads sources that disagree."""

    id: str
    errata: str


class ClauseRow(TypedDict):
    """A clause of the catalogue and its outcome.

    `applies` is false where the contract exempts this target; `decides`, where the clause is newer than the edition
    that the run decides by.
    """

    id: str
    level: str
    chapter: str
    operation: str
    title: str
    source: str
    errata: str | None
    should: str | None
    applies: bool
    decides: NotRequired[bool]
    outcome: str
    reason: str
    checks: list[CheckRow]


class PreflightRow(TypedDict):
    """What preflight found about one member of the target file, such as `keys.view`.

    `state` is ok, missing, wrong or unknown; `detail` says in one line what was seen and how to correct it.
    """

    name: str
    state: str
    detail: str


class ValuesRow(TypedDict):
    """Which values of an enumeration of the contract were seen, with counts, and which never."""

    name: str
    seen: dict[str, int]
    unseen: list[str]


class CoverageRow(TypedDict):
    """Which parts of the contract the run saw. Nothing is judged by it.

    `operations` maps an operation to its statuses and their counts. `values`: backup and job states, log types,
    published error codes, and the members of each response. `inputs` maps a clause to the number of different requests
    by which its checks judged it.
    """

    operations: dict[str, dict[str, int]]
    values: list[ValuesRow]
    inputs: dict[str, int]


class RestoreRow(TypedDict):
    """An accepted restore; `state` is the last one that was seen, empty where none was."""

    job_id: str
    backup_id: str
    instance_id: str
    since: str
    state: str


class DeletionRow(TypedDict):
    """An accepted deletion."""

    backup_id: str
    since: str


class LostRow(TypedDict):
    """A request that may have changed the target and whose response was lost."""

    operation: str
    resource_id: str
    since: str


class FootprintRow(TypedDict):
    """What the run left behind.

    `instances` maps an instance to the backup of the last restore to it that was accepted and did not end in error.
    """

    restores: list[RestoreRow]
    deletions: list[DeletionRow]
    lost: list[LostRow]
    instances: dict[str, str]


class Results(TypedDict):
    """results.json as a whole."""

    format: str
    suite: SuiteRow
    target: TargetRow
    run: RunRow
    edition: NotRequired[str]
    verdict: str
    headline: str
    summary: SummaryRow
    waivers: list[WaiverRow]
    notes: list[str]
    keys: dict[str, str]
    preflight: NotRequired[list[PreflightRow]]
    matrix: list[PermissionRow]
    latency: list[LatencyRow]
    coverage: NotRequired[CoverageRow]
    footprint: NotRequired[FootprintRow]
    errata: list[ErratumRow]
    clauses: list[ClauseRow]
