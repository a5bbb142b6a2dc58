"""Whether a response repeats the key of its request, in any encoding (ERR-7)."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

from conformance.contract import pointers
from conformance.evidence.encodings import encode, forms_of
from conformance.evidence.search import SHORTEST, Search, layers
from conformance.http.credentials import token

if TYPE_CHECKING:
    from conformance.http.exchange import Response

#: A shorter key may occur in a response by chance.
MIN_TOKEN = 8
#: Whether a longer text shows a key is not remembered.
MAX_REMEMBERED = 32 * 1024
#: In data of at most this many bytes, each form of a key is looked for by itself: most keys that checks make up are
#: sent a few times and get short refusals, so that an index of their forms would take longer to make than it saves.
SHORT = 1024
#: where `echoed_in` sees a key that is not in a header
BODY = "the body"


def is_telling(authorization: str | None) -> bool:
    """Whether the key in an Authorization value is too long to occur in a response by chance."""
    return len(token(authorization) or "") >= MIN_TOKEN


def echoed_in(authorization: str | None, response: Response) -> str | None:
    """Where a response shows the key of its request ("the body", "the header …"); None where it does not."""
    sent = token(authorization)
    if sent is None or not is_telling(authorization):
        return None
    if _shows(response.content(), sent):
        return BODY
    headers = response.headers
    if not _shows("\n".join(value for _, value in headers).encode(), sent):
        return None
    return next((f"the header {name}" for name, value in headers if _shows(value.encode(), sent)), None)


def echo_pointer(authorization: str | None, value: object) -> str | None:
    """Return the JSON pointer to the first text of a body's value that shows the key of its request.

    A name of a member that shows the key is no step of a pointer: the pointer leads to the object. None if no single
    text shows the key.
    """
    sent = token(authorization)
    if sent is None:
        return None
    rest: deque[tuple[str, object]] = deque([("", value)])
    while rest:
        pointer, held = rest.popleft()
        if isinstance(held, str) and _shows(encode(held), sent):
            return pointer
        if isinstance(held, list):
            rest.extend((f"{pointer}/{index}", item) for index, item in enumerate(held))
        elif isinstance(held, dict):
            if any(_shows(encode(name), sent) for name in held):
                return pointer
            rest.extend((f"{pointer}{pointers.shown([name])}", item) for name, item in held.items())
    return None


def _shows(data: bytes, sent: str) -> bool:
    """Whether data show a key. Most responses of a run repeat an earlier one, so that the answer is remembered."""
    return _remembered(data, sent) if len(data) <= MAX_REMEMBERED else _searched(data, sent)


def _searched(data: bytes, sent: str) -> bool:
    if len(data) <= SHORT:
        return any(form in layer for layer in layers(data) for form in _forms(sent))
    return any(True for _ in _finder(sent).spans(data))


_remembered = lru_cache(maxsize=512)(_searched)


@lru_cache(maxsize=64)
def _forms(sent: str) -> tuple[bytes, ...]:
    return tuple({form.text for form in forms_of(sent, SHORTEST)})


@lru_cache(maxsize=64)
def _finder(sent: str) -> Search:
    return Search((("key", form) for form in forms_of(sent, SHORTEST)), exact=True)
