"""Facts of the contract about its operations: statuses, capabilities, states, and members that may change."""

from __future__ import annotations

from typing import Literal

Operation = Literal["list", "get", "restore", "logs", "job", "delete"]
OPERATIONS: tuple[Operation, ...] = ("list", "get", "restore", "logs", "job", "delete")

#: The status of each operation's success.
SUCCESS: dict[Operation, int] = {"list": 200, "get": 200, "restore": 202, "logs": 200, "job": 200, "delete": 202}
#: The clause that owns the success status and the shape of each operation's answer.
SHAPE_CLAUSE: dict[Operation, str] = {
    "list": "LIST-1",
    "get": "GET-1",
    "logs": "LOG-1",
    "restore": "JOB-1",
    "job": "JBS-1",
    "delete": "DEL-1",
}
#: Statuses by which a gateway or the target says that it cannot serve anybody now.
UNAVAILABLE = frozenset({502, 503, 504, *range(520, 531)})
#: Methods that change nothing.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# ---------------------------------------------------------------- capabilities

#: The capability that each operation requires.
CAPABILITY: dict[Operation, str] = {
    "list": "containers-backups-view",
    "get": "containers-backups-view",
    "logs": "containers-backups-view",
    "restore": "containers-backups-manage",
    "delete": "containers-backups-manage",
    "job": "apionly-jobs-view",
}
#: What each key of the target file holds by its definition. `full` may lack the jobs capability.
GRANTS: dict[str, frozenset[str]] = {
    "full": frozenset(CAPABILITY.values()),
    "view": frozenset({"containers-backups-view"}),
    "manage": frozenset({"containers-backups-manage"}),
    "unrelated": frozenset(),
}
#: `unrelated` may hold any capability outside backups, the jobs capability included: its jobs are not judged.
UNKNOWN_GRANTS = frozenset({("unrelated", "job")})


def lacks(key: str, operation: Operation) -> bool:
    """Whether this key of the target file certainly lacks the operation's capability."""
    known = key in GRANTS and (key, operation) not in UNKNOWN_GRANTS
    return known and CAPABILITY[operation] not in GRANTS[key]


# ---------------------------------------------------------------- states

#: Backup states in which list and get must show the backup.
PRESENT_STATES = ("saving", "live")
#: Backup states of a deleted backup, which list and get may show or omit.
GONE_STATES = ("deleting", "deleted")
#: Backup states that change without a request.
TRANSIENT_STATES = ("saving", "deleting")
#: Backup states in which a restore must be refused.
NOT_LIVE_STATES = ("saving", "deleting", "deleted")

#: Job states in which a job stays.
TERMINAL_STATES = frozenset({"completed", "error", "expired"})
#: The order of job states. `queued` and `scheduled` come in either order, and steps may be skipped.
JOB_PROGRESS: dict[str, int] = {
    "new": 0,
    "queued": 1,
    "scheduled": 1,
    "running": 2,
    **dict.fromkeys(sorted(TERMINAL_STATES), 3),
}

# ---------------------------------------------------------------- members that may change

#: JSON pointers of the backup members that a restore may change (RST-3, "Settled questions").
RESTORE_MAY_CHANGE = ("/events/updated", "/state/changed", "/state/error")
#: The same where the backup may also have been deleted since.
RESTORE_OR_DELETE_MAY_CHANGE = (*RESTORE_MAY_CHANGE, "/events/deleted")
