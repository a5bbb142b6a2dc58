"""Faults of get, of ids, and of the backup itself."""

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
    """Write the backup differently in get."""
    server.write_backup = edited(server.write_backup, change, GET)


@fault(breaks=("GET-1",), also=("GET-3",))
def got_without_target(server: Behaviours) -> None:
    """In get a backup has no target."""
    _got(server, lambda one: one.pop("target"))


@fault(breaks=("GET-1",), also=("GET-3",))
def got_in_capitals(server: Behaviours) -> None:
    """In get the state is written in capitals."""
    _got(server, lambda one: one["state"].update(current=one["state"]["current"].upper()))


@fault(breaks=("GET-1",), also=("GET-3",))
def got_with_unix_times(server: Behaviours) -> None:
    """In get the state's time is a number of seconds."""
    _got(server, lambda one: one["state"].update(changed=1762142400))


@fault(breaks=("GET-1",))
def get_is_created(server: Behaviours) -> None:
    """Get is a 201."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "get" and answer.status == 200:
            answer.status = 201

    edit_answers(server, change)


@fault(breaks=("GET-2",), also=("GET-3",))
def get_shows_the_next(server: Behaviours) -> None:
    """Get shows the backup made after the one asked for."""
    get = server.handlers["get"]

    def next_one(call: Call) -> Reply:
        later = [one for one in call.container.backups.values() if one.created > call.backup.created]
        call.backup = min(later, key=lambda one: one.created, default=call.backup)
        return get(call)

    server.handlers["get"] = next_one


@fault(breaks=("GET-2",), also=("GET-3",))
def got_under_another_container(server: Behaviours) -> None:
    """In get the container is another one."""
    other = server.store.fixtures.other_container_id
    _got(server, lambda one: one.update(container_id=other))


@fault(breaks=("GET-3",))
def list_rounds_the_size(server: Behaviours) -> None:
    """The list rounds a size to thousands."""
    server.write_backup = edited(
        server.write_backup, lambda one: one["target"].update(size=one["target"]["size"] // 1000 * 1000), {"list"}
    )


@fault(breaks=("GET-3",))
def list_leaves_errors_out(server: Behaviours) -> None:
    """The list does not show a backup's error."""
    server.write_backup = edited(server.write_backup, lambda one: one["state"].pop("error", None), {"list"})


@fault(breaks=("GET-3",))
def get_cuts_fractions(server: Behaviours) -> None:
    """In get a time has no fraction."""
    _got(server, lambda one: one["events"].update(created=re.sub(r"\.\d+", "", one["events"]["created"])))


@fault(breaks=("GET-3",), also=("BKP-1",))
def get_shifts_offsets(server: Behaviours) -> None:
    """In get a time with an offset is written as if it were UTC."""
    _got(server, lambda one: one["events"].update(created=re.sub(r"\+\d\d:\d\d$", "Z", one["events"]["created"])))


@fault(breaks=("GET-4",), also=("DEL-3", "GET-5"))
def unknown_backup_is_gone(server: Behaviours) -> None:
    """Get of a backup that does not exist is a 403."""
    recode(server, "404.container.backup", "403.not-ready", GET)


@fault(breaks=("GET-4",), also=("HTTP-2", "GET-1", "GET-5", "DEL-3"))
def unknown_backup_is_null(server: Behaviours) -> None:
    """Get of a backup that does not exist is a 200 with null."""
    get = server.handlers["get"]

    def lenient(call: Call, refusal: RefusalError) -> None:
        if call.operation != "get":
            raise refusal

    on_refusal(server, "backup", lenient)
    server.handlers["get"] = lambda call: get(call) if hasattr(call, "backup") else Reply(200, None)


@fault(breaks=("GET-4",))
def unknown_backup_is_an_unknown_job(server: Behaviours) -> None:
    """Get of a backup that does not exist speaks of a job."""
    recode(server, "404.container.backup", "404.job", GET)


@fault(breaks=("GET-5",))
def backups_of_the_hub_anywhere(server: Behaviours) -> None:
    """Get finds a backup through any container of the hub."""
    find = server.find_backup

    def find_anywhere(call: Call, backup_id: str) -> Backup | None:
        return find(call, backup_id) or (_anywhere(call, backup_id) if call.operation == "get" else None)

    server.find_backup = find_anywhere


def _anywhere(call: Call, backup_id: str) -> Backup | None:
    containers = [one for one in call.store.containers.values() if one.hub_id == call.hub_id]
    return next((one.backups[backup_id] for one in containers if backup_id in one.backups), None)


@fault(breaks=("GET-5",))
def another_containers_backup_is_forbidden(server: Behaviours) -> None:
    """Get of a backup through another container is a 403."""
    find = server.find_backup

    def tell(call: Call, backup_id: str) -> Backup | None:
        found = find(call, backup_id)
        if found is None and call.operation == "get" and _anywhere(call, backup_id):
            raise RefusalError("403.mismatch")
        return found

    server.find_backup = tell


def _reads_ids(server: Behaviours, change: Callable[[str], str]) -> None:
    """Change an id before it is looked at."""
    parse = server.parse_id

    def lenient(call: Call, kind: str) -> str:
        call.ids[kind] = change(call.ids[kind])
        return parse(call, kind)

    server.parse_id = lenient


@fault(breaks=("GET-6",))
def ids_are_trimmed(server: Behaviours) -> None:
    """Spaces round an id do not matter."""
    _reads_ids(server, str.strip)


@fault(breaks=("GET-6",))
def ids_end_with_nul(server: Behaviours) -> None:
    """What follows a NUL in an id is not looked at."""
    _reads_ids(server, lambda text: text.partition("\0")[0])


@fault(breaks=("GET-6",))
def ids_end_with_slash(server: Behaviours) -> None:
    """What follows an encoded slash in an id is not looked at."""
    _reads_ids(server, lambda text: text.partition("/")[0])


@fault(breaks=("GET-6",))
def long_ids_are_cut(server: Behaviours) -> None:
    """Of an id only the first 24 characters count."""
    _reads_ids(server, lambda text: text[:24])


@fault(breaks=("GET-6",))
def ids_are_folded(server: Behaviours) -> None:
    """Full-width digits in an id are digits."""
    _reads_ids(server, lambda text: unicodedata.normalize("NFKC", text))


@fault(breaks=("GET-6",))
def beginning_of_an_id_is_enough(server: Behaviours) -> None:
    """The first digits of a backup's id name it."""

    def complete(text: str) -> str:
        known = [one for container in server.store.containers.values() for one in container.backups]
        found = [one for one in known if text and one.startswith(text)]
        return found[0] if len(found) == 1 else text

    _reads_ids(server, complete)


@fault(breaks=("GET-6",), also=("HTTP-3",))
def not_hex_breaks_down(server: Behaviours) -> None:
    """An id of the right length that is not hex is a 500."""
    crash_when(
        server,
        "ids",
        lambda call: any(len(one) == 24 and not re.fullmatch("[0-9a-f]+", one) for one in call.ids.values()),
    )


@fault(breaks=("BKP-1",))
def created_is_not_set(server: Behaviours) -> None:
    """A backup that is being saved has no time of creation yet."""

    def change(one: Document) -> None:
        if one["state"]["current"] == "saving":
            one["events"]["created"] = timestamps.ZERO

    server.write_backup = edited(server.write_backup, change)


@fault(breaks=("BKP-1",))
def updated_before_created(server: Behaviours) -> None:
    """One backup was updated a second before it was created."""
    backup = next(one for one in server.store.main.backups.values() if one.updated and one.current == "live")
    backup.updated = backup.created - timedelta(seconds=1)


@fault(breaks=("BKP-2",))
def live_and_deleted(server: Behaviours) -> None:
    """A live backup has a time of deletion."""
    backup = server.store.backup(server.store.fixtures.backup_id)
    backup.deleted = backup.created + timedelta(days=1)


@fault(breaks=("BKP-3",))
def unknown_size_is_negative(server: Behaviours) -> None:
    """A size that is not known is written -1."""

    def change(one: Document) -> None:
        if not one["target"]["size"]:
            one["target"]["size"] = -1

    server.write_backup = edited(server.write_backup, change)


@fault(breaks=("BKP-4",))
def live_without_file(server: Behaviours) -> None:
    """A live backup has no file id."""
    next(iter(server.store.main.backups.values())).file_id = ""


@fault(breaks=("BKP-4",))
def paths_are_kept_back(server: Behaviours) -> None:
    """The path of a backup is not shown."""
    server.write_backup = edited(server.write_backup, lambda one: one["target"].update(path=""))


@fault(breaks=("GET-3",))
def listed_sizes_are_doubles(server: Behaviours) -> None:
    """In the list a size goes through a double."""

    def change(one: Document) -> None:
        one["target"]["size"] = int(float(one["target"]["size"]))

    server.write_backup = edited(server.write_backup, change, {"list"})


@fault(breaks=("GET-5",))
def container_is_not_looked_at(server: Behaviours) -> None:
    """Get looks at no container at all, not even whether it exists."""

    def lenient(call: Call, refusal: RefusalError) -> None:
        if call.operation != "get":
            raise refusal
        found = _anywhere(call, call.ids["backup"])
        if found is None:
            raise refusal
        call.container = call.store.containers[found.container_id]

    on_refusal(server, "container", lenient)


@fault(breaks=("GET-6",))
def ids_with_a_suffix(server: Behaviours) -> None:
    """An id may end with the name of a format."""
    _reads_ids(server, lambda text: text.removesuffix(".json"))


@fault(breaks=("GET-6",))
def ids_with_dashes(server: Behaviours) -> None:
    """Dashes in an id do not matter."""
    _reads_ids(server, lambda text: text.replace("-", ""))


@fault(breaks=("GET-6",))
def ids_with_leading_zeros(server: Behaviours) -> None:
    """Zeros before an id do not matter."""
    _reads_ids(server, lambda text: text[-24:] if text[:-24].strip("0") == "" else text)
