"""Legal differences in what is written: times, numbers, optional and unknown members."""

from __future__ import annotations

import json
import re
from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING, Any

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


@variant("Zero times")
def zero_times(server: Behaviours) -> None:
    """No time is set but that of creation and those of a job."""
    server.write_backup = edited(
        server.write_backup,
        lambda one: (one["events"].update(updated=timestamps.ZERO), one["state"].update(changed=timestamps.ZERO)),
    )
    server.write_log = edited(
        server.write_log, lambda one: one["events"].update(created=timestamps.ZERO, updated=timestamps.ZERO)
    )


@variant("Zero times")
def zero_job_times(server: Behaviours) -> None:
    """A job never says when anything happened."""
    zeros = {"queued": timestamps.ZERO, "started": timestamps.ZERO, "completed": timestamps.ZERO}

    def change(one: Document) -> None:
        one["events"] = dict(zeros)
        one["state"]["changed"] = timestamps.ZERO
        for task in one["tasks"]:
            task["events"] = dict(zeros)

    server.write_job = edited(server.write_job, change)


@variant("offsets and fractions in times")
def offsets_in_times(server: Behaviours) -> None:
    """Every time is written in a zone far from UTC."""
    zone = timezone(timedelta(hours=-9, minutes=-30))
    _times(server, lambda moment: moment.astimezone(zone).isoformat())


@variant("offsets and fractions in times")
def nanoseconds_in_times(server: Behaviours) -> None:
    """Every time has nine digits of a second."""
    _times(server, lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}007Z")


@variant("offsets and fractions in times")
def whole_seconds(server: Behaviours) -> None:
    """No time has a fraction: what happens within a second seems to happen at once."""
    _times(server, lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")


@variant("in GET-3 and HTTP-4 times are compared as instants")
def zones_change(server: Behaviours) -> None:
    """The list writes times in another zone than get."""
    write = server.write_backup

    def shift(text: str) -> str:
        return re.sub(r"Z$", "+00:00", text)

    def change(one: Document) -> None:
        one["events"] = {name: shift(text) for name, text in reversed(one["events"].items())}

    server.write_backup = edited(write, change, {"list"})


@variant("the zero time in any RFC 3339 spelling of the same instant, with or without fraction")
def zero_time_with_offset(server: Behaviours) -> None:
    """The zero time is written with an offset and a fraction."""
    write = server.write_time
    server.write_time = lambda moment: "0001-01-01T00:00:00.000+00:00" if moment is None else write(moment)


@variant("unknown extra members")
def extra_members(server: Behaviours) -> None:
    """Every object has members that nobody has heard of."""

    def change(one: Document) -> None:
        one |= {"x_generation": 7, "x_labels": {"tier": ["cold"], "note": None}}

    for name in ("write_backup", "write_log", "write_integration", "write_descriptor", "write_job"):
        setattr(server, name, edited(getattr(server, name), lambda one: _deep(one, change)))
    envelope = server.envelope
    server.envelope = lambda call, reply: envelope(call, reply) | {"meta": {"took_ms": 3}}


FREE = {"input", "output", "extra", "fields"}
"""Members whose own members have no fixed names."""


def _deep(one: Any, change: Callable[[Document], object]) -> None:
    for name, value in one.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and name not in FREE:
                _deep(each, change)
    change(one)


@variant("error, includes, meta, extra, auth, sub_queue absent where `?` allows")
def optional_members_absent(server: Behaviours) -> None:
    """What may be absent is absent."""
    server.write_backup = edited(server.write_backup, lambda one: one["state"].pop("error", None))
    server.write_descriptor = edited(server.write_descriptor, lambda one: one["job"]["parallel"].pop("sub_queue"))

    def bare(one: Document) -> None:
        for name in ("auth", "extra", "meta"):
            one.pop(name, None)

    server.write_integration = edited(server.write_integration, bare)

    def short(one: Document) -> None:
        if one.get("error"):
            one["error"] = {"message": one["error"]["message"]}

    server.write_log = edited(server.write_log, short)
    server.write_job = edited(
        server.write_job, lambda one: [has_state["state"].pop("changed") for has_state in (one, *one["tasks"])]
    )


@variant("or null where `|null` allows")
def optional_members_null(server: Behaviours) -> None:
    """What may be null is null."""

    def change(one: Document) -> None:
        one.update(auth=None, extra=None, meta=None)

    server.write_integration = edited(server.write_integration, change)
    server.write_log = edited(server.write_log, lambda one: one.setdefault("error", None))
    server.write_descriptor = edited(server.write_descriptor, lambda one: one["job"]["parallel"].update(sub_queue=None))


@variant("or null where `|null` allows")
def auth_members_null(server: Behaviours) -> None:
    """The auth of every integration is there, and empty."""
    names = ("region", "namespace", "api_key", "key_id", "secret", "subscription_id", "client_id", "base64_config")
    write = server.write_integration

    def empty(call: Call, one: Integration) -> Document:
        return write(call, one) | {"auth": dict.fromkeys(names)}

    server.write_integration = empty


@variant("HTTP-10 does not speak of `includes` and of `error` on success, where null is plain legal")
def error_and_includes_null(server: Behaviours) -> None:
    """A success says that its error is null, and its includes as well where nothing was asked for."""
    envelope = server.envelope
    server.envelope = lambda call, reply: {"error": None, "includes": None} | envelope(call, reply)


@variant("a descriptor's `tasks` null")
def described_tasks_null(server: Behaviours) -> None:
    """The answer to a restore does not say what is to be done."""
    server.write_descriptor = edited(server.write_descriptor, lambda one: one["job"].update(tasks=None))


@variant("`steps` null")
def steps_null(server: Behaviours) -> None:
    """No task says its steps."""
    server.write_descriptor = edited(
        server.write_descriptor, lambda one: [task.update(steps=None) for task in one["job"]["tasks"]]
    )
    server.write_job = edited(server.write_job, lambda one: [task.update(steps=None) for task in one["tasks"]])


@variant("a Job's `tasks` is an array")
def job_without_tasks(server: Behaviours) -> None:
    """The tasks of a job are an empty array."""
    server.write_job = edited(server.write_job, lambda one: one.update(tasks=[]))


def _numbers(server: Behaviours, pattern: bytes, write: Callable[[int], str]) -> None:
    encode = server.encode

    def replace(found: re.Match[bytes]) -> bytes:
        return found[1] + write(int(found[2])).encode()

    server.encode = lambda call, status, whole: re.sub(
        rb'("(?:' + pattern + rb')":)(\d+)(?=[,}])', replace, encode(call, status, whole)
    )


@variant("`1.0` and `1e6` for integers")
def integers_with_point(server: Behaviours) -> None:
    """Integers are written with a point."""
    _numbers(server, b"size|line|status", lambda number: f"{number}.0")


@variant("an integer written `3.221225472e9`")
def integers_with_exponent(server: Behaviours) -> None:
    """Sizes are written with an exponent, as far as it is exact."""

    def write(number: int) -> str:
        digits = str(number)
        return f"{digits[0]}.{digits[1:] or '0'}e{len(digits) - 1}" if number < 2**53 else digits

    _numbers(server, b"size", write)


@variant("integers above 2^53")
def huge_sizes(server: Behaviours) -> None:
    """Every size is beyond what a double can hold."""
    for container in server.store.containers.values():
        for number, backup in enumerate(container.backups.values()):
            backup.size = 2**60 + 1 + number


@variant("members without regard to order")
def members_in_another_order(server: Behaviours) -> None:
    """Members come in another order in get than in the list."""
    encode = server.encode

    def turned(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: turned(one[name]) for name in reversed(one)}
        return [turned(each) for each in one] if isinstance(one, list) else one

    server.encode = lambda call, status, whole: encode(
        call, status, turned(whole) if call.operation == "get" else whole
    )


@variant("JSON in any spelling (RFC 8259)")
def escaped_text(server: Behaviours) -> None:
    """Text is escaped wherever JSON allows it, and documents are indented."""
    encode = server.encode

    def escaped(call: Call, status: int, whole: Any) -> bytes:
        text = json.dumps(json.loads(encode(call, status, whole)), indent=2)
        return ("\r\n\t " + text.replace("/", "\\/") + "\n").encode()

    server.encode = escaped


@variant("`schedule`: an empty string is a warning, so the zero time is none")
def schedule_is_zero(server: Behaviours) -> None:
    """A job that is not planned for a time has the zero time as its schedule."""
    server.write_job = edited(server.write_job, lambda one: one.update(schedule=timestamps.ZERO))
    server.write_descriptor = edited(server.write_descriptor, lambda one: one["job"].update(schedule=timestamps.ZERO))


@variant("RFC 3339: T and Z may be small letters")
def times_in_small_letters(server: Behaviours) -> None:
    """Times are written in small letters."""
    write = server.write_time
    server.write_time = lambda moment: write(moment).lower()
