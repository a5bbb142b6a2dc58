"""Legal differences in documents: times, numbers, optional and unknown members."""

from __future__ import annotations

import json
import re
from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING

from conformance.reference.data import timestamps
from conformance.reference.patching import edited
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Document, Integration


def _times(server: Behaviours, write: Callable[[datetime], str]) -> None:
    server.write_time = lambda moment: timestamps.ZERO if moment is None else write(moment)


@variant("unset times may be the zero time")
def zero_times(server: Behaviours) -> None:
    """Update and change times are zero, and so are all times of logs."""
    server.write_backup = edited(
        server.write_backup,
        lambda document: (
            document["events"].update(updated=timestamps.ZERO),
            document["state"].update(changed=timestamps.ZERO),
        ),
    )
    server.write_log = edited(
        server.write_log, lambda document: document["events"].update(created=timestamps.ZERO, updated=timestamps.ZERO)
    )


@variant("unset times may be the zero time")
def zero_job_times(server: Behaviours) -> None:
    """All times of a job are zero."""
    zeros = {"queued": timestamps.ZERO, "started": timestamps.ZERO, "completed": timestamps.ZERO}

    def change(document: Document) -> None:
        document["events"] = dict(zeros)
        document["state"]["changed"] = timestamps.ZERO
        for task in document["tasks"]:
            task["events"] = dict(zeros)

    server.write_job = edited(server.write_job, change)


@variant("times may have offsets and fractions")
def offsets_in_times(server: Behaviours) -> None:
    """Times have an offset of -09:30."""
    zone = timezone(timedelta(hours=-9, minutes=-30))
    _times(server, lambda moment: moment.astimezone(zone).isoformat())


@variant("times may have offsets and fractions")
def nanoseconds_in_times(server: Behaviours) -> None:
    """Times have nine fractional digits."""
    _times(server, lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}007Z")


@variant("times may have offsets and fractions")
def whole_seconds(server: Behaviours) -> None:
    """Times have no fraction."""
    _times(server, lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")


@variant("times are compared as instants (GET-3, HTTP-4)")
def zones_change(server: Behaviours) -> None:
    """The list writes UTC as +00:00, get as Z."""
    write = server.write_backup

    def shift(text: str) -> str:
        return re.sub(r"Z$", "+00:00", text)

    def change(document: Document) -> None:
        document["events"] = {name: shift(text) for name, text in reversed(document["events"].items())}

    server.write_backup = edited(write, change, {"list"})


@variant("the zero time may be written in any RFC 3339 form")
def zero_time_with_offset(server: Behaviours) -> None:
    """The zero time is written with an offset and a fraction."""
    write = server.write_time
    server.write_time = lambda moment: "0001-01-01T00:00:00.000+00:00" if moment is None else write(moment)


@variant("unknown members are allowed")
def extra_members(server: Behaviours) -> None:
    """Every object has unknown members."""

    def change(document: Document) -> None:
        document |= {"x_generation": 7, "x_labels": {"tier": ["cold"], "note": None}}

    for name in ("write_backup", "write_log", "write_integration", "write_descriptor", "write_job"):
        setattr(server, name, edited(getattr(server, name), lambda document: _deep(document, change)))
    envelope = server.envelope
    server.envelope = lambda call, reply: envelope(call, reply) | {"meta": {"took_ms": 3}}


#: members that are maps with arbitrary keys
FREE = {"input", "output", "extra", "fields"}


def _deep(document: Document, change: Callable[[Document], object]) -> None:
    for name, value in document.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and name not in FREE:
                _deep(each, change)
    change(document)


@variant("members may be absent where `?` is given")
def optional_members_absent(server: Behaviours) -> None:
    """Optional members are absent."""
    server.write_backup = edited(server.write_backup, lambda document: document["state"].pop("error", None))
    server.write_descriptor = edited(
        server.write_descriptor, lambda document: document["job"]["parallel"].pop("sub_queue")
    )

    def bare(document: Document) -> None:
        for name in ("auth", "extra", "meta"):
            document.pop(name, None)

    server.write_integration = edited(server.write_integration, bare)

    def short(document: Document) -> None:
        if document.get("error"):
            document["error"] = {"message": document["error"]["message"]}

    server.write_log = edited(server.write_log, short)
    server.write_job = edited(
        server.write_job,
        lambda document: [has_state["state"].pop("changed") for has_state in (document, *document["tasks"])],
    )


@variant("members may be null where `|null` is given")
def optional_members_null(server: Behaviours) -> None:
    """Nullable members are null."""

    def change(document: Document) -> None:
        document.update(auth=None, extra=None, meta=None)

    server.write_integration = edited(server.write_integration, change)
    server.write_log = edited(server.write_log, lambda document: document.setdefault("error", None))
    server.write_descriptor = edited(
        server.write_descriptor, lambda document: document["job"]["parallel"].update(sub_queue=None)
    )


@variant("members may be null where `|null` is given")
def auth_members_null(server: Behaviours) -> None:
    """All members of an integration's auth are null."""
    names = ("region", "namespace", "api_key", "key_id", "secret", "subscription_id", "client_id", "base64_config")
    write = server.write_integration

    def empty(call: Call, integration: Integration) -> Document:
        return write(call, integration) | {"auth": dict.fromkeys(names)}

    server.write_integration = empty


@variant("`includes` and `error` may be null on success")
def error_and_includes_null(server: Behaviours) -> None:
    """A success has `error: null`, and `includes: null` where none were requested."""
    envelope = server.envelope
    server.envelope = lambda call, reply: {"error": None, "includes": None} | envelope(call, reply)


@variant("the tasks of a descriptor may be null")
def described_tasks_null(server: Behaviours) -> None:
    """The tasks of a descriptor are null."""
    server.write_descriptor = edited(server.write_descriptor, lambda document: document["job"].update(tasks=None))


@variant("`steps` may be null")
def steps_null(server: Behaviours) -> None:
    """The steps of every task are null."""
    server.write_descriptor = edited(
        server.write_descriptor, lambda document: [task.update(steps=None) for task in document["job"]["tasks"]]
    )
    server.write_job = edited(
        server.write_job, lambda document: [task.update(steps=None) for task in document["tasks"]]
    )


@variant("the tasks of a Job are an array, which may be empty")
def job_without_tasks(server: Behaviours) -> None:
    """The tasks of a job are an empty array."""
    server.write_job = edited(server.write_job, lambda document: document.update(tasks=[]))


def _numbers(server: Behaviours, pattern: bytes, write: Callable[[int], str]) -> None:
    encode = server.encode

    def replace(found: re.Match[bytes]) -> bytes:
        return found[1] + write(int(found[2])).encode()

    server.encode = lambda call, status, whole: re.sub(
        rb'("(?:' + pattern + rb')":)(\d+)(?=[,}])', replace, encode(call, status, whole)
    )


@variant("integers may be written as 1.0 or 1e6")
def integers_with_point(server: Behaviours) -> None:
    """Integers are written with a decimal point."""
    _numbers(server, b"size|line|status", lambda number: f"{number}.0")


@variant("integers may be written as 3.221225472e9")
def integers_with_exponent(server: Behaviours) -> None:
    """Sizes are written with an exponent where that is exact."""

    def write(number: int) -> str:
        digits = str(number)
        return f"{digits[0]}.{digits[1:] or '0'}e{len(digits) - 1}" if number < 2**53 else digits

    _numbers(server, b"size", write)


@variant("integers may exceed 2^53")
def huge_sizes(server: Behaviours) -> None:
    """Sizes exceed the precision of a double."""
    for container in server.store.containers.values():
        for number, backup in enumerate(container.backups.values()):
            backup.size = 2**60 + 1 + number


@variant("the order of members is irrelevant")
def members_in_another_order(server: Behaviours) -> None:
    """Get orders members differently from the list."""
    encode = server.encode

    def reverse(value: object) -> object:
        if isinstance(value, dict):
            return {name: reverse(value[name]) for name in reversed(value)}
        return [reverse(item) for item in value] if isinstance(value, list) else value

    server.encode = lambda call, status, whole: encode(
        call, status, reverse(whole) if call.operation == "get" else whole
    )


@variant("JSON may be formatted and escaped in any way (RFC 8259)")
def escaped_text(server: Behaviours) -> None:
    """Bodies are indented and escape every non-ASCII character and slash."""
    encode = server.encode

    def escaped(call: Call, status: int, whole: object) -> bytes:
        text = json.dumps(json.loads(encode(call, status, whole)), indent=2)
        return ("\r\n\t " + text.replace("/", "\\/") + "\n").encode()

    server.encode = escaped


@variant("the schedule is any RFC 3339 time, the zero time included")
def schedule_is_zero(server: Behaviours) -> None:
    """The schedule of a job is the zero time."""
    server.write_job = edited(server.write_job, lambda document: document.update(schedule=timestamps.ZERO))
    server.write_descriptor = edited(
        server.write_descriptor, lambda document: document["job"].update(schedule=timestamps.ZERO)
    )


@variant("T and Z may be lower-case letters (RFC 3339)")
def times_in_small_letters(server: Behaviours) -> None:
    """Times use lower-case t and z."""
    write = server.write_time
    server.write_time = lambda moment: write(moment).lower()


@variant("a leap second is a valid time (RFC 3339)")
def leap_seconds(server: Behaviours) -> None:
    """Every state changed in a leap second."""
    server.write_backup = edited(
        server.write_backup, lambda document: document["state"].update(changed="2016-12-31T23:59:60Z")
    )


@variant("integers may exceed 2^53")
def sizes_beyond_64_bits(server: Behaviours) -> None:
    """Every size exceeds 2^63."""
    for container in server.store.containers.values():
        for number, backup in enumerate(container.backups.values()):
            backup.size = 2**64 + 1 + number


@variant("the zero time may be written in any RFC 3339 form")
def zero_time_in_small_letters(server: Behaviours) -> None:
    """The zero time is `0001-01-01t00:00:00z`."""
    write = server.write_time
    server.write_time = lambda moment: write(moment).lower() if moment is None else write(moment)


@variant("an error with an empty message is none (JBS-5)")
def job_errors_are_empty(server: Behaviours) -> None:
    """A completed job and its tasks have an error with an empty message."""

    def change(document: Document) -> None:
        for part in (document["state"], *document["tasks"], *(task["state"] for task in document["tasks"])):
            part["error"] = part["error"] or {"message": ""}

    server.write_job = edited(server.write_job, change)
