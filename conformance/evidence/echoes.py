"""Whether a response repeats the key of its request, in any encoding (ERR-7)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from conformance.evidence.encodings import forms_of
from conformance.evidence.search import SHORTEST, Search
from conformance.http.credentials import token

if TYPE_CHECKING:
    from conformance.http.exchange import Response

#: A shorter key may occur in a response by chance.
MIN_TOKEN = 8


def is_telling(authorization: str | None) -> bool:
    """Whether the key in an Authorization value is too long to occur in a response by chance."""
    return len(token(authorization) or "") >= MIN_TOKEN


def echoed_in(authorization: str | None, response: Response) -> str | None:
    """Where a response shows the key of its request ("the body", "the header …"); None where it does not."""
    sent = token(authorization)
    if sent is None or not is_telling(authorization):
        return None
    finder = _finder(sent)
    if _is_in(response.content(), finder):
        return "the body"
    headers = response.headers
    if not _is_in("\n".join(value for _, value in headers).encode(), finder):
        return None
    return next((f"the header {name}" for name, value in headers if _is_in(value.encode(), finder)), None)


def _is_in(data: bytes, finder: Search) -> bool:
    return any(True for _ in finder.spans(data))


@lru_cache(maxsize=256)
def _finder(sent: str) -> Search:
    return Search((("key", form) for form in forms_of(sent, SHORTEST)), exact=True)
