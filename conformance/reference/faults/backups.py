"""Faults of get, of ids in paths, and of the backup's data."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING

from conformance.reference.core import Answer, Reply
from conformance.reference.data import timestamps
from conformance.reference.patching import crash_when, edit_answers, edited, on_refusal, recode
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Document

GET = frozenset({"get"})


def _got(server: Behaviours, change: Callable[[Document], object]) -> None:
    """Change the backup document of get."""
    server.write_backup = edited(server.write_backup, change, GET)


@fault(breaks=("GET-1",), also=("GET-3",))
def got_without_target(server: Behaviours) -> None:
    """Get returns a backup without its target."""
    _got(server, lambda document: document.pop("target"))


@fault(breaks=("GET-1",), also=("GET-3",))
def got_in_capitals(server: Behaviours) -> None:
    """Get returns the state in upper case."""
    _got(server, lambda document: document["state"].update(current=document["state"]["current"].upper()))


@fault(breaks=("GET-1",), also=("GET-3",))
def got_with_unix_times(server: Behaviours) -> None:
    """Get returns the time of the state as a Unix timestamp."""
    _got(server, lambda document: document["state"].update(changed=1762142400))


@fault(breaks=("GET-1",))
def get_is_created(server: Behaviours) -> None:
    """Get answers 201."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "get" and answer.status == 200:
            answer.status = 201

    edit_answers(server, change)


@fault(breaks=("GET-2",), also=("GET-3",))
def get_shows_the_next(server: Behaviours) -> None:
    """Get returns the next newer backup instead of the requested one."""
    get = server.handlers["get"]

    def next_one(call: Call) -> Reply:
        later = [backup for backup in call.container.backups.values() if backup.created > call.backup.created]
        call.backup = min(later, key=lambda document: document.created, default=call.backup)
        return get(call)

    server.handlers["get"] = next_one


@fault(breaks=("GET-2",), also=("GET-3",))
def got_under_another_container(server: Behaviours) -> None:
    """Get returns the id of another container."""
    other = server.store.fixtures.other_container_id
    _got(server, lambda document: document.update(container_id=other))


@fault(breaks=("GET-3",))
def list_rounds_the_size(server: Behaviours) -> None:
    """The list rounds sizes to thousands."""
    server.write_backup = edited(
        server.write_backup,
        lambda document: document["target"].update(size=document["target"]["size"] // 1000 * 1000),
        {"list"},
    )


@fault(breaks=("GET-3",))
def list_leaves_errors_out(server: Behaviours) -> None:
    """The list leaves out the error of a backup."""
    server.write_backup = edited(server.write_backup, lambda document: document["state"].pop("error", None), {"list"})


@fault(breaks=("GET-3",))
def get_cuts_fractions(server: Behaviours) -> None:
    """Get truncates creation times to whole seconds."""
    _got(
        server, lambda document: document["events"].update(created=re.sub(r"\.\d+", "", document["events"]["created"]))
    )


@fault(breaks=("GET-3",), also=("BKP-1",))
def get_shifts_offsets(server: Behaviours) -> None:
    """Get writes a time with an offset as if it were UTC."""
    _got(
        server,
        lambda document: document["events"].update(created=re.sub(r"\+\d\d:\d\d$", "Z", document["events"]["created"])),
    )


@fault(breaks=("GET-4",), also=("DEL-3", "GET-5"))
def unknown_backup_is_gone(server: Behaviours) -> None:
    """Get of an unknown backup is a 403."""
    recode(server, "404.container.backup", "403.not-ready", GET)


@fault(breaks=("GET-4",), also=("HTTP-2", "GET-1", "GET-5", "DEL-3"))
def unknown_backup_is_null(server: Behaviours) -> None:
    """Get of an unknown backup is a 200 with null."""
    get = server.handlers["get"]

    def lenient(call: Call, refusal: RefusalError) -> None:
        if call.operation != "get":
            raise refusal

    on_refusal(server, "backup", lenient)
    server.handlers["get"] = lambda call: get(call) if hasattr(call, "backup") else Reply(200, None)


@fault(breaks=("GET-4",))
def unknown_backup_is_an_unknown_job(server: Behaviours) -> None:
    """Get of an unknown backup is a 404 with the code of an unknown job."""
    recode(server, "404.container.backup", "404.job", GET)


@fault(breaks=("GET-5",))
def backups_of_the_hub_anywhere(server: Behaviours) -> None:
    """Get finds a backup through any container of the hub."""
    find = server.find_backup

    def find_anywhere(call: Call, backup_id: str) -> Backup | None:
        return find(call, backup_id) or (_anywhere(call, backup_id) if call.operation == "get" else None)

    server.find_backup = find_anywhere


def _anywhere(call: Call, backup_id: str) -> Backup | None:
    containers = [container for container in call.store.containers.values() if container.hub_id == call.hub_id]
    return next((container.backups[backup_id] for container in containers if backup_id in container.backups), None)


@fault(breaks=("GET-5",))
def another_containers_backup_is_forbidden(server: Behaviours) -> None:
    """Get of a backup through another container is a 403."""
    find = server.find_backup

    def tell(call: Call, backup_id: str) -> Backup | None:
        backup = find(call, backup_id)
        if backup is None and call.operation == "get" and _anywhere(call, backup_id):
            raise RefusalError("403.mismatch")
        return backup

    server.find_backup = tell


def _reads_ids(server: Behaviours, change: Callable[[str], str]) -> None:
    """Normalize an id before it is parsed."""
    parse = server.parse_id

    def lenient(call: Call, kind: str) -> str:
        call.ids[kind] = change(call.ids[kind])
        return parse(call, kind)

    server.parse_id = lenient


@fault(breaks=("GET-6",))
def ids_are_trimmed(server: Behaviours) -> None:
    """Spaces around an id are ignored."""
    _reads_ids(server, str.strip)


@fault(breaks=("GET-6",))
def ids_end_with_nul(server: Behaviours) -> None:
    """An id is cut at the first NUL."""
    _reads_ids(server, lambda text: text.partition("\0")[0])


@fault(breaks=("GET-6",))
def ids_end_with_slash(server: Behaviours) -> None:
    """An id is cut at the first encoded slash."""
    _reads_ids(server, lambda text: text.partition("/")[0])


@fault(breaks=("GET-6",))
def long_ids_are_cut(server: Behaviours) -> None:
    """Only the first 24 characters of an id are compared."""
    _reads_ids(server, lambda text: text[:24])


@fault(breaks=("GET-6",))
def ids_are_folded(server: Behaviours) -> None:
    """Full-width digits in an id are accepted."""
    _reads_ids(server, lambda text: unicodedata.normalize("NFKC", text))


@fault(breaks=("GET-6",))
def beginning_of_an_id_is_enough(server: Behaviours) -> None:
    """A unique prefix of a backup id is accepted."""

    def complete(text: str) -> str:
        known = [backup for container in server.store.containers.values() for backup in container.backups]
        matches = [known_id for known_id in known if text and known_id.startswith(text)]
        return matches[0] if len(matches) == 1 else text

    _reads_ids(server, complete)


@fault(breaks=("GET-6",), also=("HTTP-3",))
def not_hex_breaks_down(server: Behaviours) -> None:
    """An id of 24 characters that are not hex is a 500."""
    crash_when(
        server,
        "ids",
        lambda call: any(len(text) == 24 and not re.fullmatch("[0-9a-f]+", text) for text in call.ids.values()),
    )


@fault(breaks=("BKP-1",))
def created_is_not_set(server: Behaviours) -> None:
    """A backup in state saving has no creation time."""

    def change(document: Document) -> None:
        if document["state"]["current"] == "saving":
            document["events"]["created"] = timestamps.ZERO

    server.write_backup = edited(server.write_backup, change)


@fault(breaks=("BKP-1",))
def updated_before_created(server: Behaviours) -> None:
    """One backup was updated a second before it was created."""
    backup = next(
        backup for backup in server.store.main.backups.values() if backup.updated and backup.current == "live"
    )
    backup.updated = backup.created - timedelta(seconds=1)


@fault(breaks=("BKP-2",))
def live_and_deleted(server: Behaviours) -> None:
    """A live backup has a deletion time."""
    backup = server.store.backup(server.store.fixtures.backup_id)
    backup.deleted = backup.created + timedelta(days=1)


@fault(breaks=("BKP-3",))
def unknown_size_is_negative(server: Behaviours) -> None:
    """An unknown size is written as -1."""

    def change(document: Document) -> None:
        if not document["target"]["size"]:
            document["target"]["size"] = -1

    server.write_backup = edited(server.write_backup, change)


@fault(breaks=("BKP-4",))
def live_without_file(server: Behaviours) -> None:
    """A live backup has an empty file id."""
    next(iter(server.store.main.backups.values())).file_id = ""


@fault(breaks=("BKP-4",))
def paths_are_kept_back(server: Behaviours) -> None:
    """The path of every backup is empty."""
    server.write_backup = edited(server.write_backup, lambda document: document["target"].update(path=""))


@fault(breaks=("GET-3",))
def listed_sizes_are_doubles(server: Behaviours) -> None:
    """The list writes sizes with the precision of a double."""

    def change(document: Document) -> None:
        document["target"]["size"] = int(float(document["target"]["size"]))

    server.write_backup = edited(server.write_backup, change, {"list"})


@fault(breaks=("GET-5",))
def container_is_not_looked_at(server: Behaviours) -> None:
    """Get ignores the container id, even an unknown one."""

    def lenient(call: Call, refusal: RefusalError) -> None:
        if call.operation != "get":
            raise refusal
        backup = _anywhere(call, call.ids["backup"])
        if backup is None:
            raise refusal
        call.container = call.store.containers[backup.container_id]

    on_refusal(server, "container", lenient)


@fault(breaks=("GET-6",))
def ids_with_a_suffix(server: Behaviours) -> None:
    """An id with the suffix .json is accepted."""
    _reads_ids(server, lambda text: text.removesuffix(".json"))


@fault(breaks=("GET-6",))
def ids_with_dashes(server: Behaviours) -> None:
    """Dashes in an id are ignored."""
    _reads_ids(server, lambda text: text.replace("-", ""))


@fault(breaks=("GET-6",))
def ids_with_leading_zeros(server: Behaviours) -> None:
    """Leading zeros of an id are ignored."""
    _reads_ids(server, lambda text: text[-24:] if text[:-24].strip("0") == "" else text)
