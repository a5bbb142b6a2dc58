"""Faults of authentication and of the hub scope."""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from conformance.reference.core import Reply
from conformance.reference.patching import (
    edit_answers,
    edit_refusals,
    execute_anyway,
    on_refusal,
    recode,
    wrap_check,
)
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Answer, Behaviours, Call, Check
    from conformance.reference.data.store import Key

FOUR = frozenset({"list", "get", "logs", "restore"})


def _full_key(call: Call) -> Key:
    return call.store.keys[call.store.token("full")]


def _no_key(call: Call) -> bool:
    return "authorization" not in call.headers


def _let_in(server: Behaviours, test: Callable[[Call], bool]) -> None:
    """Treat some requests as if they carried the full key."""
    authenticate = server.authenticate
    server.authenticate = lambda call: _full_key(call) if test(call) else authenticate(call)


@fault(breaks=("AUTH-1",))
def no_key_needed(server: Behaviours) -> None:
    """The four operations are served without a key."""
    _let_in(server, lambda call: _no_key(call) and call.operation in FOUR)


@fault(breaks=("AUTH-1",))
def no_key_needed_for_logs(server: Behaviours) -> None:
    """Logs are served without a key."""
    _let_in(server, lambda call: _no_key(call) and call.operation == "logs")


@fault(breaks=("AUTH-1",))
def no_key_needed_to_restore(server: Behaviours) -> None:
    """A restore is accepted without a key."""
    _let_in(server, lambda call: _no_key(call) and call.operation == "restore")


@fault(breaks=("AUTH-1",))
def no_key_needed_for_jobs(server: Behaviours) -> None:
    """A job is shown without a key."""
    _let_in(server, lambda call: _no_key(call) and call.operation == "job")


@fault(breaks=("AUTH-1",))
def no_key_is_forbidden(server: Behaviours) -> None:
    """A request without a key gets a 403."""
    edit_refusals(
        server,
        lambda call, refusal: (
            RefusalError("403.permissions")
            if refusal.status == 401 and call.operation in FOUR and _no_key(call)
            else None
        ),
    )


@fault(breaks=("AUTH-2",))
def any_key_opens(server: Behaviours) -> None:
    """An unknown key has every capability."""
    find = server.find_key
    server.find_key = lambda call, text: find(call, text) or _full_key(call)


@fault(breaks=("AUTH-2",))
def beginning_of_a_key_opens(server: Behaviours) -> None:
    """Only the first 32 characters of a key are compared."""
    server.find_key = lambda call, text: next(
        (key for token, key in call.store.keys.items() if token[:32] == text[:32]), None
    )


@fault(breaks=("AUTH-2",))
def keys_without_case(server: Behaviours) -> None:
    """Keys are compared case-insensitively."""
    server.find_key = lambda call, text: next(
        (key for token, key in call.store.keys.items() if token.lower() == text.lower()), None
    )


@fault(breaks=("AUTH-2",))
def keys_are_patterns(server: Behaviours) -> None:
    """Keys are looked up with SQL's LIKE, where `_` stands for any character."""
    server.find_key = lambda call, text: next(
        (key for token, key in call.store.keys.items() if _is_like(token, text)), None
    )


def _is_like(token: str, pattern: str) -> bool:
    return len(token) == len(pattern) and all(char in ("_", own) for char, own in zip(pattern, token, strict=True))


@fault(breaks=("AUTH-2",))
def bare_key_opens(server: Behaviours) -> None:
    """A key without a scheme is accepted."""
    token = server.read_token
    server.read_token = lambda call: (
        call.headers["authorization"] if call.headers.get("authorization") in call.store.keys else token(call)
    )


@fault(breaks=("AUTH-2",))
def unknown_key_is_forbidden(server: Behaviours) -> None:
    """An unknown key gets a 403."""
    edit_refusals(
        server,
        lambda _call, refusal: RefusalError("403.permissions") if refusal.detail == "The key is not known" else None,
    )


@fault(breaks=("AUTH-3",))
def keys_never_expire(server: Behaviours) -> None:
    """Expired keys still work."""
    server.is_expired = lambda _call, _key: False


@fault(breaks=("AUTH-3",))
def expired_keys_restore(server: Behaviours) -> None:
    """An expired key still starts restores."""
    expired = server.is_expired
    server.is_expired = lambda call, key: call.operation != "restore" and expired(call, key)


@fault(breaks=("AUTH-3",))
def expired_is_forbidden(server: Behaviours) -> None:
    """An expired key gets a 403."""
    recode(server, "401.auth-expired", "403.permissions")


def _basic(call: Call) -> list[str]:
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ["", ""]
    try:
        name, _, word = base64.b64decode(rest).decode("utf-8", "replace").partition(":")
    except binascii.Error:
        return ["", ""]
    return [name, word]


@fault(breaks=("AUTH-4",))
def key_as_user_name(server: Behaviours) -> None:
    """Basic authentication with the key as user name is accepted."""
    token = server.read_token
    server.read_token = lambda call: _basic(call)[0] or token(call)


@fault(breaks=("AUTH-4",))
def key_as_password(server: Behaviours) -> None:
    """Basic authentication with the key as password is accepted."""
    token = server.read_token
    server.read_token = lambda call: _basic(call)[1] or token(call)


@fault(breaks=("AUTH-5",), also=("DEL-4",))
def hub_is_guessed(server: Behaviours) -> None:
    """A request without a hub id is served for the key's own hub."""
    _guess_hub(server, lambda call: not call.headers.get("x-hub-id"))


@fault(breaks=("AUTH-5",), also=("DEL-4",))
def empty_hub_is_guessed(server: Behaviours) -> None:
    """A request with an empty hub id is served for the key's own hub."""
    _guess_hub(server, lambda call: call.headers.get("x-hub-id") == "")


@fault(breaks=("AUTH-5",))
def hub_is_guessed_to_restore(server: Behaviours) -> None:
    """A restore without a hub id runs in the key's own hub."""
    _guess_hub(server, lambda call: call.operation == "restore" and not call.headers.get("x-hub-id"))


def _guess_hub(server: Behaviours, test: Callable[[Call], bool]) -> None:
    hub = server.read_hub_id
    server.read_hub_id = lambda call: call.caller.hub_id if call.caller and test(call) else hub(call)


@fault(breaks=("AUTH-5",), also=("RST-2",))
def restore_without_hub_happens(server: Behaviours) -> None:
    """A restore without a hub id is refused but runs anyway."""
    _refused_and_done(server, "hub")


@fault(breaks=("AUTH-6",), also=("DEL-4",))
def keys_of_any_hub(server: Behaviours) -> None:
    """A key of another hub has its capabilities in this hub too."""
    server.in_scope = lambda _call, _key, _hub_id: True


@fault(breaks=("AUTH-6",), also=("DEL-4",))
def containers_of_any_hub(server: Behaviours) -> None:
    """A container is found whatever the hub id."""
    server.find_container = lambda call, container_id: call.store.containers.get(container_id)


@fault(breaks=("AUTH-6",))
def jobs_of_any_hub(server: Behaviours) -> None:
    """A job is found whatever the hub id."""
    server.find_job = lambda call, job_id: call.store.jobs.get(job_id)


@fault(breaks=("AUTH-6",))
def foreign_hub_sees_an_empty_list(server: Behaviours) -> None:
    """A key of another hub gets an empty list."""
    listed = server.handlers["list"]

    def foreign(call: Call) -> bool:
        return call.caller is not None and call.caller.hub_id == call.store.fixtures.other_hub_id

    def lenient(call: Call, check: Check) -> None:
        try:
            check(call)
        except RefusalError:
            if not (foreign(call) and call.operation == "list"):
                raise
            call.action = "nothing to see"

    for step in ("scope", "container"):
        wrap_check(server, step, lenient)
    server.handlers["list"] = lambda call: Reply(200, []) if call.action else listed(call)


@fault(breaks=("AUTH-6",), also=("AUTH-9", "JOB-10"))  # other checks' restores with a foreign hub id are JOB-10's
def foreign_restore_happens(server: Behaviours) -> None:
    """A restore with a key that does not belong to the hub is refused but runs anyway."""
    _refused_and_done(server, "scope")


def _refused_and_done(server: Behaviours, step: str) -> None:
    def change(call: Call, refusal: RefusalError) -> None:
        if call.operation == "restore":
            execute_anyway(call)
        raise refusal

    on_refusal(server, step, change)


@fault(breaks=("AUTH-9",), also=("DEL-4",))
def hub_of_the_key(server: Behaviours) -> None:
    """Every request is served for the key's own hub, whatever hub id it sends."""
    hub = server.read_hub_id
    server.read_hub_id = lambda call: call.caller.hub_id if hub(call) and call.caller else ""


@fault(breaks=("AUTH-9",), also=("DEL-4",))
def unknown_hub_is_the_keys(server: Behaviours) -> None:
    """An unknown hub id is taken for the key's own hub."""
    hub = server.read_hub_id

    def guess(call: Call) -> str:
        resolved, fixtures = hub(call), call.store.fixtures
        return (
            call.caller.hub_id if call.caller and resolved not in {fixtures.hub_id, fixtures.other_hub_id} else resolved
        )

    server.read_hub_id = guess


@fault(breaks=("AUTH-9",))
def hub_of_the_key_for_logs(server: Behaviours) -> None:
    """Logs are served for the key's own hub, whatever the hub id."""
    hub = server.read_hub_id
    server.read_hub_id = lambda call: (
        call.caller.hub_id if hub(call) and call.caller and call.operation == "logs" else hub(call)
    )


@fault(breaks=("AUTH-7",))
def no_challenge(server: Behaviours) -> None:
    """A 401 has no WWW-Authenticate."""

    def change(_call: Call, answer: Answer) -> None:
        answer.headers.pop("WWW-Authenticate", None)

    edit_answers(server, change)


@fault(breaks=("AUTH-7",))
def no_challenge_when_expired(server: Behaviours) -> None:
    """The 401 for an expired key has no WWW-Authenticate."""
    edit_refusals(
        server, lambda _call, refusal: RefusalError(refusal.code) if refusal.code == "401.auth-expired" else None
    )


@fault(breaks=("AUTH-8",))
def scheme_with_case(server: Behaviours) -> None:
    """The authentication scheme is case-sensitive: only Bearer is accepted."""
    token = server.read_token

    def exact(call: Call) -> str:
        if not call.headers.get("authorization", "").startswith("Bearer "):
            raise RefusalError("401.auth-invalid", headers={"WWW-Authenticate": "Bearer"})
        return token(call)

    server.read_token = exact


@fault(breaks=("AUTH-4",), also=("AUTH-2",))
def scheme_is_not_looked_at(server: Behaviours) -> None:
    """Any authentication scheme before the key is accepted."""
    token = server.read_token

    def last_word(call: Call) -> str:
        word = call.headers.get("authorization", "").rpartition(" ")[2]
        return word if " " in call.headers.get("authorization", "") else token(call)

    server.read_token = last_word


@fault(breaks=("AUTH-2",))
def scheme_alone_opens(server: Behaviours) -> None:
    """The scheme Bearer without a key is accepted."""
    _let_in(server, lambda call: call.headers.get("authorization", "").strip() == "Bearer")


@fault(breaks=("AUTH-9",))
def beginning_of_a_hub_is_enough(server: Behaviours) -> None:
    """A prefix of the hub id is accepted."""
    hub = server.read_hub_id

    def complete(call: Call) -> str:
        hub_id = hub(call)
        own = call.caller.hub_id if call.caller else ""
        return own if len(hub_id) > 20 and own.startswith(hub_id) else hub_id

    server.read_hub_id = complete


@fault(breaks=("AUTH-9",), also=("DEL-4",))
def hub_counts_for_lists_only(server: Behaviours) -> None:
    """Only the list checks the hub id."""
    in_scope, hub = server.in_scope, server.read_hub_id
    server.in_scope = lambda call, key, hub_id: call.operation != "list" or in_scope(call, key, hub_id)
    server.read_hub_id = lambda call: (
        call.caller.hub_id if hub(call) and call.caller and call.operation != "list" else hub(call)
    )


@fault(breaks=("AUTH-5", "AUTH-9"))
def hub_is_looked_at_once(server: Behaviours) -> None:
    """Once a key has read an address, it can read it again with any hub id or none."""
    known: set[tuple[str, str]] = set()

    def hub(call: Call, check: Check) -> None:
        if call.caller and call.method == "GET" and (call.caller.id, call.path) in known:
            call.hub_id = call.caller.hub_id
        else:
            check(call)

    def scope(call: Call, check: Check) -> None:
        check(call)
        known.add((call.caller.id if call.caller else "", call.path))

    wrap_check(server, "hub", hub)
    wrap_check(server, "scope", scope)


@fault(breaks=("AUTH-7",))
def challenge_is_empty(server: Behaviours) -> None:
    """A 401 has an empty WWW-Authenticate."""
    edit_answers(
        server,
        lambda _call, answer: (
            answer.headers.update({"WWW-Authenticate": ""}) if "WWW-Authenticate" in answer.headers else None
        ),
    )


@fault(
    breaks=("AUTH-1",),
    also=(
        "AUTH-2",
        "AUTH-3",
        "AUTH-4",
        "AUTH-5",
        "AUTH-6",
        "AUTH-9",
        "CAP-1",
        "CAP-2",
        "CAP-3",
        "CAP-9",
        "CAP-10",
        "HTTP-6",
    ),
)
def reads_are_cached_for_everyone(server: Behaviours) -> None:
    """A cache serves a read that succeeded within the last second to every request for the same address."""
    respond = server.respond
    cache: dict[tuple[str, str], tuple[float, Answer]] = {}

    def cached(call: Call, allowed: str) -> Answer:
        place = (call.path, urlencode(call.query_items))
        since, answer = cache.get(place, (-1.0, None))
        if call.method == "GET" and answer and time.monotonic() - since < 1:
            return answer
        fresh = respond(call, allowed)
        if call.method == "GET" and fresh.status == 200 and call.operation != "job":
            cache[place] = (time.monotonic(), fresh)
        return fresh

    server.respond = cached


@fault(breaks=("AUTH-6",), also=("DEL-4",))
def other_hub_finds_every_container(server: Behaviours) -> None:
    """A key of another hub that sends its own hub id finds the containers of every hub."""
    find = server.find_container
    server.find_container = lambda call, container_id: (
        call.store.containers.get(container_id)
        if call.hub_id == call.store.fixtures.other_hub_id
        else find(call, container_id)
    )


@fault(breaks=("AUTH-9",))
def unknown_hub_of_a_job_is_the_keys(server: Behaviours) -> None:
    """A job is served for the key's own hub where the hub id is unknown."""
    hub = server.read_hub_id

    def guess(call: Call) -> str:
        hub_id, fixtures = hub(call), call.store.fixtures
        unknown = hub_id not in {fixtures.hub_id, fixtures.other_hub_id}
        return call.caller.hub_id if call.caller and call.operation == "job" and unknown else hub_id

    server.read_hub_id = guess


def _change_token(server: Behaviours, change: Callable[[str], str]) -> None:
    """Read the token of a request in a sloppy way."""
    read = server.read_token
    server.read_token = lambda call: change(read(call))


@fault(breaks=("AUTH-2",))
def words_behind_the_key_are_ignored(server: Behaviours) -> None:
    """The header is split at its spaces, and its second word is the key, whatever follows."""
    _change_token(server, lambda token: token.split(" ")[0])


@fault(breaks=("AUTH-2",))
def words_before_the_key_are_ignored(server: Behaviours) -> None:
    """The header is split at its spaces, and its last word is the key."""
    _change_token(server, lambda token: token.split(" ")[-1])


def _own_hub(server: Behaviours, test: Callable[[Call, str], object]) -> None:
    """Take some hub ids for the key's own hub."""
    read = server.read_hub_id

    def lenient(call: Call) -> str:
        hub_id = read(call)
        return call.caller.hub_id if call.caller and test(call, hub_id) else hub_id

    server.read_hub_id = lenient


@fault(breaks=("AUTH-9",))
def hub_star_is_any_hub(server: Behaviours) -> None:
    """The hub id `*` stands for the key's own hub."""
    _own_hub(server, lambda _call, hub_id: hub_id == "*")


@fault(breaks=("AUTH-9",))
def hub_null_is_guessed(server: Behaviours) -> None:
    """A hub id of `null`, `undefined` or `0` counts as none, and then the key's own hub is meant."""
    _own_hub(server, lambda _call, hub_id: hub_id.lower() in {"null", "undefined", "0"})


@fault(breaks=("AUTH-9",))
def hub_ids_are_patterns(server: Behaviours) -> None:
    """Hub ids are compared with SQL's LIKE, where `%` stands for anything."""
    _own_hub(
        server,
        lambda call, hub_id: (
            "%" in hub_id
            and re.fullmatch(".*".join(map(re.escape, hub_id.split("%"))), call.caller.hub_id if call.caller else "")
        ),
    )


@fault(breaks=("AUTH-6",))
def last_hub_id_is_served(server: Behaviours) -> None:
    """Of two hub ids the first one is compared with the key's, and the last one is served."""
    read = server.read_hub_id
    server.read_hub_id = lambda call: call.headers.getlist("x-hub-id")[0] if _hubs(call) > 1 else read(call)

    def compare(call: Call, check: Check) -> None:
        check(call)
        if _hubs(call) > 1:
            call.hub_id = call.headers.getlist("x-hub-id")[-1]

    wrap_check(server, "scope", compare)


def _hubs(call: Call) -> int:
    return len(call.headers.getlist("x-hub-id"))
