"""The text of a target file: what was discovered, and a comment for each member that is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.config.target import KEY_NAMES
from conformance.contract.documentation import schema_comment
from conformance.contract.pointers import value_at
from conformance.scenarios.preflight.model import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.config.target import Target
    from conformance.execution.inspection import Inspection

#: The form of an ID in a target file; discovered values of another form are left out.
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._~-]{0,127}")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
NOT_LIVE = ("saving", "deleting", "deleted")
#: Fixtures that are written as comments: a person must decide whose data may be overwritten.
SUGGESTED = ("instance_id", "second_instance_id")
KEY_COMMENTS = {
    "full": "may view and manage, and view jobs where jobs are followed",
    "view": "holds containers-backups-view alone",
    "manage": "holds containers-backups-manage alone",
    "unrelated": "holds other capabilities, none of these two",
    "expired": "has expired",
    "other_hub": "has full rights in another hub",
}
FIXTURE_COMMENTS = {
    "container_id": "the container that is tested",
    "backup_id": "a live backup of it",
    "instance_id": "an instance of it; restores overwrite its data: uncomment one that may be overwritten",
    "second_instance_id": "another instance of it, which must stay as it is",
    "empty_container_id": "a container without backups",
    "other_container_id": "another container of the same hub",
    "foreign_backup_id": "a backup of other_container_id",
    "foreign_instance_id": "an instance of other_container_id",
    "failing_backup_id": "a backup whose restore is known to fail",
    "not_live_backup_id": "a backup that is saving, deleting or deleted",
}

#: The end of the file: members that no request discovers, with their defaults.
POLICIES = """
# deletable_backup_ids = ["…"]  # backups that may be deleted, four at most

[restore]
allow = false  # true: the suite may restore to instance_id, which overwrites its data
max_restores = 10  # in one run, however many workers
timeout_s = 120  # for one restore

[limits]
requests_per_second = 0  # 0: no limit
concurrency = 8
timeout_s = 10  # for one request

# [probe]  # prints a digest of an instance's data; RST-8 and RST-9 need it
# command = ["./digest-of", "{instance_id}"]
# expected = "sha256:…"  # once backup_id is restored
"""


@dataclass(frozen=True)
class Answers:
    """What goes into the file: IDs that were given or discovered, and which keys the environment has."""

    name: str
    base_url: str
    hub_id: str
    keys: tuple[str, ...]
    other_hub_id: str | None
    fixtures: dict[str, str]

    @classmethod
    def of(cls, target: Target, inspection: Inspection, keys: Sequence[str], other_hub_id: str | None) -> Answers:
        """Combine the values that were given with those that preflight discovered in the container."""
        given = {"container_id": target.fixtures.container_id, **_discovered(inspection)}
        for name in ("empty_container_id", "other_container_id"):
            container = getattr(target.fixtures, name)
            entry = inspection.preflight.entry(f"fixtures.{name}")
            if container and (entry is None or entry.state is not State.WRONG):
                given[name] = container
        return cls(target.name, target.base_url, target.hub_id, tuple(keys), other_hub_id, given)


def _discovered(inspection: Inspection) -> dict[str, str]:
    """Return fixtures from the container's list: a live backup, one that is not live, and two instances."""
    ids: dict[str, str] = {}
    instances: dict[str, None] = {}
    for backup in inspection.backups:
        backup_id, instance, state = backup.get("id"), backup.get("instance_id"), value_at(backup, "/state/current")
        if isinstance(instance, str) and _ID.fullmatch(instance):
            instances[instance] = None
        if isinstance(backup_id, str) and _ID.fullmatch(backup_id):
            if state == "live":
                ids.setdefault("backup_id", backup_id)
            elif state in NOT_LIVE:
                ids.setdefault("not_live_backup_id", backup_id)
    failing = [backup for backup in inspection.failing if _ID.fullmatch(backup) and backup != ids.get("backup_id")]
    if failing:
        ids["failing_backup_id"] = failing[0]
    return {**ids, **dict(zip(SUGGESTED, instances, strict=False))}


def render(answers: Answers) -> str:
    """Return the text of the file: valid TOML, with every member that may be set."""
    lines = [
        schema_comment("target.json"),
        "# A target of backups-conformance. Check it with: backups-conformance check --target <this file>",
        "# Keys are not in this file: it names the environment variables that hold them.",
        "",
        "[target]",
        f"name = {_quoted(answers.name)}  # in reports and their paths",
        f"base_url = {_quoted(answers.base_url)}",
        f"hub_id = {_quoted(answers.hub_id)}",
        '# verify_tls = true  # or the path of a CA bundle, such as "ca.pem"',
        "",
        "[keys]  # a key that is left out leaves its clauses untested",
        *_keys(answers),
        "",
        "[fixtures]  # what is left out is discovered, or leaves its clauses untested",
        *_fixtures(answers),
    ]
    return "\n".join(lines) + POLICIES


def _keys(answers: Answers) -> Iterator[str]:
    for key in KEY_NAMES:
        start = "" if key in answers.keys else "# "
        yield f'{start}{key} = {{env = "BACKUPS_KEY_{key.upper()}"}}  # {KEY_COMMENTS[key]}'
    start = "" if answers.other_hub_id else "# "
    yield f"{start}other_hub_id = {_quoted(answers.other_hub_id or '…')}  # the hub of other_hub"


def _fixtures(answers: Answers) -> Iterator[str]:
    for name, comment in FIXTURE_COMMENTS.items():
        value = answers.fixtures.get(name)
        is_set = value and name not in SUGGESTED
        yield f"{'' if is_set else '# '}{name} = {_quoted(value or '…')}  # {comment}"


def _quoted(text: str) -> str:
    """Return a TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'
