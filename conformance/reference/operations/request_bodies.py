"""Request bodies: the media type, the JSON document, and the members of a job request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn, TypeVar

from conformance.reference.operations.lookup import OID
from conformance.reference.refusals import RefusalError

if TYPE_CHECKING:
    from conformance.reference.core import Call
    from conformance.reference.data.store import Document

MAX_BODY = 1 << 20
T = TypeVar("T")


def is_json(_call: Call, content_type: str) -> bool:
    """Whether a body of that type is accepted. A missing type counts as JSON, and JSON must be UTF-8."""
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        return False
    name, _, value = parameters.strip().partition("=")
    return name.strip().lower() != "charset" or value.strip(' "').lower() in {"utf-8", "utf8"}


def _reject_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def decode(_call: Call, body: bytes) -> object:
    """Parse the body. Invalid UTF-8 inside a string becomes U+FFFD, as in Go; the last of duplicate members wins."""
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise RefusalError("400.invalid-syntax", "The body is not valid JSON") from error


def member(holder: Document, name: str, kind: type[T], pointer: str) -> T:
    """A required member of an object, which must have the given type."""
    if name not in holder:
        raise RefusalError("422.missing-argument", source=pointer)
    value = holder[name]
    if not isinstance(value, kind):
        raise RefusalError("422.invalid-argument", "The type is wrong", source=pointer)
    return value


def validate(call: Call, body: object) -> tuple[str, str]:
    """The action and the instance id of a job request."""
    if not isinstance(body, dict):
        raise RefusalError("422.invalid-input", "The body must be an object")
    action = member(body, "action", str, "/action")
    if action not in call.server.known_actions:
        raise RefusalError("422.invalid-argument", "Unknown action", source="/action")
    contents = member(body, "contents", dict, "/contents")
    instance_id = member(contents, "instance_id", str, "/contents/instance_id")
    return action, instance_id


def check_content_type(call: Call) -> None:
    """Step: the body is declared as JSON without a content encoding, or not declared at all."""
    if call.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusalError("415.invalid-content-type", "Content encodings are not supported")
    if not call.server.is_json(call, call.headers.get("content-type", "")):
        raise RefusalError("415.invalid-content-type", "The content type must be application/json")


def check_body(call: Call) -> None:
    """Step: the body is JSON."""
    if call.body_too_large:
        raise RefusalError("413.too-large")
    call.body = call.server.decode(call, call.raw_body)


def check_request(call: Call) -> None:
    """Step: the body is a job request for an instance of this container."""
    call.action, instance_id = call.server.validate(call, call.body)
    if not OID.fullmatch(instance_id):
        raise RefusalError("422.invalid-argument", "This is not an instance id", source="/contents/instance_id")
    instance = call.server.find_instance(call, instance_id)
    if instance is None:
        raise RefusalError("404.instance", source="/contents/instance_id")
    call.instance = instance
