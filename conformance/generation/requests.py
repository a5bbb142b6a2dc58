"""Generated requests of the operations: kinds of cases for the engine, made with a check's own verbs."""

from __future__ import annotations

import json
import random
import string
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from conformance.contract import ids
from conformance.generation import request_bodies, text
from conformance.generation.batches import Kind
from conformance.http.exchange import Expected
from conformance.scenarios.request_builder import addressing, as_malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hypothesis.strategies import SearchStrategy

    from conformance.contract.operations import Operation
    from conformance.generation.request_bodies import SchemaBreak
    from conformance.http.exchange import Request
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions

PLACES: dict[Operation, tuple[str, ...]] = {
    "list": ("container",),
    "get": ("backup", "container"),
    "logs": ("backup", "container"),
    "restore": ("backup", "container"),
    "job": ("job",),
}
#: raw text in the place of an id: bytes that are not UTF-8, and incomplete percent-encodings
ODD_PATHS = ("%FF", "%C3%28", "%ED%A0%80", "%", "%zz", "%u0041", "%2", "%F8%88", "%C0%80", "%%30")
ODD_TYPES = ("", ";", "/", "*/*", "application/json; charset=nope", "application/json; charset=utf-7", "json", "a/b;;=")
OTHER_TYPES = (
    *("text/plain", "text/html", "text/json", "application/xml", "application/octet-stream", "multipart/form-data"),
    *("application/x-www-form-urlencoded", "application/jsonp", "application/javascript", "application/json5x"),
    *("image/png", "application/x-ndjson", "application/yaml", "application/msgpack", "text/plain; charset=utf-8"),
)
#: those that a server takes for JSON where it looks for that word
JSON_LIKE = [kind for kind in OTHER_TYPES if "json" in kind]
NAMES = ("Accept", "Accept-Language", "User-Agent", "Referer", "Cookie", "Origin", "X-Forwarded-For", "X-Request-Id")
#: printable in a header, and nothing that is cut off at its ends
VISIBLE = string.ascii_letters + string.digits + string.punctuation + "\xe9\xff\xb5"


def unknown_ids() -> SearchStrategy[str]:
    """Well-formed ids that name nothing."""
    return st.text(ids.HEX, min_size=24, max_size=24)


def unknown_like(good: str) -> SearchStrategy[str]:
    """Ids of the same form that name nothing."""
    if ids.form(good) == "oid":
        return unknown_ids()
    return st.integers(0, 2**32).map(lambda seed: ids.unknown(good, random.Random(seed)))  # noqa: S311 - reproducible


def real_ids(context: CheckContext) -> frozenset[str]:
    """The ids of everything that is known to exist."""
    fixtures = context.fixtures.target.fixtures
    named = (getattr(fixtures, name) for name in ("container_id", "other_container_id", "empty_container_id"))
    more = (fixtures.instance_id, fixtures.second_instance_id, fixtures.foreign_backup_id, fixtures.foreign_instance_id)
    known = {str(backup["id"]) for backup in context.fixtures.backups} | {context.fixtures.target.hub_id}
    others = (*named, *more, *fixtures.deletable_backup_ids)
    return frozenset(known | {str(resource_id) for resource_id in others if resource_id})


# ---------------------------------------------------------------- ids


def with_malformed_ids(context: CheckContext, operation: Operation) -> list[Kind]:
    """The operation with one id malformed, in each place in turn."""
    good = {
        "container": context.fixtures.container_id,
        "backup": context.fixtures.dedicated_backup("GET-6"),
        "job": context.build.unknown_id(),
    }
    places, real = PLACES[operation], real_ids(context)
    forms = {place: text.malformed_ids(good[place], real) for place in places}
    kinds = []
    for number, label in enumerate(forms[places[0]]):
        place = places[number % len(places)]
        form = forms[place].get(label)
        if form is not None:
            kinds.append(Kind(f"{label} ({place})", form.map(_placed(context, operation, good, place))))
    return kinds


def _placed(
    context: CheckContext, operation: Operation, good: Mapping[str, str], place: str
) -> Callable[[str], Request]:
    ids = {name: good[name] for name in PLACES[operation]}
    return lambda form: as_malformed(context.build.for_operation(operation, **addressing({**ids, place: form})))


def of_other_things(context: CheckContext, operation: Operation) -> list[Kind]:
    """The operation with ids that are well-formed and name something else, or nothing."""
    real = sorted(real_ids(context))
    place = PLACES[operation][0]
    wrong = {
        "container": [resource_id for resource_id in real if resource_id not in _containers(context)],
        "backup": [resource_id for resource_id in real if resource_id not in _backups(context)],
    }[place]
    good = context.fixtures.container_id if place == "container" else ids.ZERO
    wrong = [
        resource_id for resource_id in wrong if ids.form(resource_id) == ids.form(good)
    ]  # what has another form is malformed
    if foreign := context.fixtures.target.fixtures.foreign_backup_id:
        wrong = [resource_id for resource_id in wrong if resource_id != foreign]  # crossed, not missing

    def asked(resource_id: str) -> Request:
        missing: OperationOptions = {"ownership": "missing", "expected": Expected.REFUSAL}
        return context.build.for_operation(operation, addressing({place: resource_id}), missing)

    unknown = unknown_like(good).filter(lambda resource_id: resource_id not in real)
    others = [Kind("another thing's id", st.sampled_from(wrong).map(asked))] if wrong else []
    return [*others, Kind("an unknown id", unknown.map(asked))]


def _backups(context: CheckContext) -> set[str]:
    """Those of the list and, for a list may be unreadable, those of the target file."""
    return {str(backup["id"]) for backup in context.fixtures.backups} | context.fixtures.reserved_ids()


def _containers(context: CheckContext) -> set[str]:
    fixtures = context.fixtures.target.fixtures
    named = (fixtures.container_id, fixtures.other_container_id, fixtures.empty_container_id)
    return {container for container in named if container}


# ---------------------------------------------------------------- queries and headers


def with_queries(
    context: CheckContext, operation: Operation, *strategies: Mapping[str, SearchStrategy[str]]
) -> list[Kind]:
    """The operation with odd query strings."""
    named = {label: values for by_label in strategies for label, values in by_label.items()}
    return [
        Kind(label, values.map(lambda query: context.build.for_operation(operation, query=query)))
        for label, values in named.items()
    ]


@cache
def visible(alphabet: str = VISIBLE) -> SearchStrategy[str]:
    """A header's value: printable, without spaces at its ends."""
    return st.text(alphabet, min_size=1, max_size=60)


def with_headers(context: CheckContext, operation: Operation) -> list[Kind]:
    """The operation with unexpected headers, none of which asks for another response or method."""

    def given(*headers: tuple[str, str], expected: Expected = Expected.UNDOCUMENTED) -> Request:
        return context.build.for_operation(operation, headers=headers, expected=expected)

    def many(count: int) -> Request:
        return given(*((f"X-H{number}", "x") for number in range(count)))

    name, value, long = st.sampled_from(NAMES), visible(), text.long("x", 500, 3000)
    types = st.sampled_from([*ODD_TYPES, *OTHER_TYPES])
    spelled = st.sampled_from(["aCCEPT", "accept", "ACCEPT"])
    unheard = visible(VISIBLE[:62])
    return [
        Kind("an odd header", st.builds(lambda name, value: given((name, value)), name, value)),
        Kind("a long header", st.builds(lambda name, value: given((name, value)), name, long)),
        Kind(
            "a header twice",
            st.builds(lambda first, second: given(("Accept", first), ("Accept", second)), value, value),
        ),
        Kind(
            "an unknown header", unheard.map(lambda value: given(("X-Unheard-Of", value), expected=Expected.DOCUMENTED))
        ),
        Kind("a content type of no body", types.map(lambda kind: given(("Content-Type", kind)))),
        Kind("many headers", st.integers(20, 60).map(many)),
        Kind(
            "a header spelled oddly",
            spelled.map(lambda name: given((name, "application/json"), expected=Expected.DOCUMENTED)),
        ),
    ]


def with_odd_paths(context: CheckContext, operation: Operation) -> list[Kind]:
    """The operation with a raw address that no encoder makes."""
    plain = context.build.for_operation(operation)  # of a job: an unknown one
    last = plain.resources[PLACES[operation][0]]

    def raw(part: str) -> Request:
        return replace(as_malformed(plain), path=plain.path.replace(last, part), expected=Expected.UNDOCUMENTED)

    parts = st.sampled_from(ODD_PATHS)
    mixed = st.builds(lambda part, before: f"{last[:12]}{part}" if before else f"{part}{last}", parts, st.booleans())
    return [Kind("an address of half encodings", parts.map(raw)), Kind("an id with half an encoding", mixed.map(raw))]


def with_other_hubs(context: CheckContext, operation: Operation) -> list[Kind]:
    """The operation with a hub id that is malformed or unknown."""
    own = context.fixtures.target.hub_id
    refused: OperationOptions = {"ownership": "other hub", "expected": Expected.REFUSAL}
    if operation == "restore":
        refused["backup"] = context.fixtures.dedicated_backup("AUTH-9")
    known = {hub_id.casefold() for hub_id in (own, context.fixtures.target.keys.other_hub_id) if hub_id}

    def asked(hub: str) -> Request:
        return context.build.for_operation(operation, refused, hub=hub)

    more = st.text(string.ascii_letters + string.digits + ",;/*", min_size=1, max_size=8)
    forms = {
        "an unknown hub": unknown_like(own),
        "a part of the hub's id": st.integers(1, max(len(own) - 1, 1)).map(lambda length: own[:length]),
        "the hub's id and more": text.around(own, more),
        "a hub with another letter": st.integers(0, len(own) - 1).map(lambda at: own[:at] + "z" + own[at + 1 :]),
        "a hub that is a word": st.sampled_from(text.WORDS),
        "a hub of odd characters": visible(),
        "a long hub": text.long(own, 256, 3000),
    }
    return [
        Kind(label, form.filter(lambda hub: hub.strip().casefold() not in known and hub.strip() != "").map(asked))
        for label, form in forms.items()
    ]


# ---------------------------------------------------------------- bodies


def valid_body(instance: str) -> dict[str, object]:
    """The plainest job request."""
    return {"action": "restore", "contents": {"instance_id": instance}}


def written(body: object) -> bytes:
    """JSON without escapes of non-ASCII characters: escapes are cases of their own."""
    return json.dumps(body, ensure_ascii=False).encode()


def with_raw_bodies(context: CheckContext, backup: str, bodies: Mapping[str, SearchStrategy[bytes]]) -> list[Kind]:
    """Restores with these bodies, all to be refused."""

    def asked(raw: bytes) -> Request:
        return context.build.restore(backup, raw=raw, expected=Expected.REFUSAL)

    return [Kind(label, values.map(asked)) for label, values in bodies.items()]


def with_broken_bodies(context: CheckContext, backup: str, wanted: Callable[[SchemaBreak], bool]) -> list[Kind]:
    """Restores with one keyword of the schema broken, and two at a time."""
    valid = valid_body(context.fixtures.instance_id)
    chosen = [schema_break for schema_break in request_bodies.breaks(valid) if wanted(schema_break)]

    def asked(body: object) -> Request:
        return context.build.restore(backup, raw=written(body), expected=Expected.REFUSAL)

    kinds = [Kind(schema_break.label, request_bodies.broken(valid, schema_break).map(asked)) for schema_break in chosen]
    two = st.lists(st.sampled_from(chosen), min_size=2, max_size=2, unique_by=lambda schema_break: schema_break.label)
    both = two.flatmap(lambda pair: request_bodies.broken(valid, *pair)).filter(lambda body: body != valid)
    return [*kinds, Kind("a body that breaks the schema twice", both.map(asked))]


def with_strange_members(context: CheckContext, backup: str) -> list[Kind]:
    """Restores to an instance that does not exist, with members that break a careless parser."""
    valid = valid_body(context.build.unknown_id())

    def asked(extra: bytes) -> Request:
        return context.build.restore(backup, raw=request_bodies.with_extra(valid, extra), expected=Expected.REFUSAL)

    return [
        Kind(f"a body with {label}", values.map(asked)) for label, values in request_bodies.strange_members().items()
    ]


def with_other_instances(context: CheckContext, backup: str) -> list[Kind]:
    """Restores to instances that do not exist, and to things that are no instances."""
    own, real = context.fixtures.instance_id, real_ids(context)
    fixtures = context.fixtures.target.fixtures
    ours = {instance_id.casefold() for instance_id in (own, fixtures.second_instance_id) if instance_id}
    # instances that exist beside the two are not known to us: what could be instance_id is not made of them
    others = sorted(instance_id for instance_id in real if instance_id not in (own, fixtures.second_instance_id))
    forms = text.malformed_ids(own, real) | {
        "another thing's id": st.sampled_from(others),
        "an unknown instance": unknown_ids(),
        "an empty instance": st.just(""),
    }

    def asked(instance: str) -> Request:
        return context.build.restore(backup, instance, raw=written(valid_body(instance)), expected=Expected.REFUSAL)

    return [
        Kind(f"{label} (instance)", form.filter(lambda instance_id: instance_id.casefold() not in ours).map(asked))
        for label, form in forms.items()
    ]


def with_other_actions(context: CheckContext, backup: str) -> list[Kind]:
    """Restores that ask for another action."""
    valid = valid_body(context.fixtures.instance_id)

    def asked(action: str) -> Request:
        return context.build.restore(backup, raw=written({**valid, "action": action}), expected=Expected.REFUSAL)

    by_kind = request_bodies.other_words_by_kind("restore")
    return [Kind(f"{label} (action)", words.map(asked)) for label, words in by_kind.items()]


def with_other_types(context: CheckContext, backup: str) -> list[Kind]:
    """Restores whose body says that it is something other than JSON."""
    good = json.dumps(valid_body(context.fixtures.instance_id)).encode()

    def asked(kind: str) -> Request:
        return context.build.restore(backup, raw=good, content_type=kind, expected=Expected.REFUSAL)

    plain = st.sampled_from(OTHER_TYPES)
    cased = st.sampled_from([kind.title() for kind in OTHER_TYPES[:6]])
    parameters = st.sampled_from(["; charset=utf-8", "; boundary=x", ";q=1", "; a=application/json"])
    more = st.builds(lambda kind, more: asked(kind + more), plain, parameters)
    return [
        Kind("another content type", plain.map(asked)),
        Kind("another content type with JSON in its name", st.sampled_from(JSON_LIKE).map(asked)),
        Kind("another content type in capitals", cased.map(asked)),
        Kind("another content type with a parameter", more),
    ]


def without_effect(context: CheckContext, backup: str) -> list[Kind]:
    """Refused restores of every sort."""
    valid = valid_body(context.fixtures.instance_id)
    raw = with_raw_bodies(context, backup, request_bodies.not_json_objects(valid))
    return [
        *raw,
        *with_broken_bodies(context, backup, lambda schema_break: bool(schema_break.pointer)),
        *with_other_types(context, backup),
    ]


# ---------------------------------------------------------------- methods


def with_other_methods(context: CheckContext, operation: Operation, methods: tuple[str, ...]) -> list[Kind]:
    """Undocumented methods on ids that do not exist, with and without queries and bodies."""
    queries_of = st.sampled_from(["", "force=true", "x=%00", "include=integrations"])
    bodies_of = st.sampled_from(
        [None, b"", b"{}", b"[]", b"null", b"{", b'{"state":{"current":"deleted"}}', b"\xff\x00"]
    )
    places = ("container", "backup") if operation != "list" else ("container",)

    def asked(method: str) -> Callable[[tuple[str, str], str, bytes | None], Request]:
        def make(named: tuple[str, str], query: str, body: bytes | None) -> Request:
            options = addressing(dict(zip(places, named, strict=False)))
            options |= {"method": method, "expected": Expected.UNDOCUMENTED, "ownership": "missing"}
            if operation == "restore":
                options |= {"raw": body or b"", "instance": named[1]}
            made = context.build.for_operation(operation, **options)
            return replace(made, body=body if operation != "restore" else made.body, query=query)

        return make

    two = st.tuples(unknown_like(context.fixtures.container_id), unknown_ids())
    return [Kind(method, st.builds(asked(method), two, queries_of, bodies_of)) for method in methods]
