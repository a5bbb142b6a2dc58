"""Several unusual inputs in one request: where it is served as usual, none of them does harm.

Parts of a request that have nothing to do with each other go together: parameters and headers of different names.
Where the request is refused, or fails, it shows nothing about each of them, and they must be sent one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.http.exchange import Request

#: Octets of all parameters or headers together; an intermediary may refuse more.
MAX_TOGETHER = 3000
#: Parameters whose bad values a server may rightly refuse.
DOCUMENTED = frozenset({"include", "page", "sort"})
#: Headers that a server may rightly answer in another way. They go together, since one such answer parts them all.
NEGOTIATING = frozenset({"accept", "range", "if-none-match", "if-modified-since", "expect", "prefer"})
_HALF_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Combination:
    """A request, and the requests that it replaces: itself alone, or several with one unusual input each."""

    request: Request
    parts: tuple[Request, ...]


def combined(requests: Iterable[Request]) -> list[Combination]:
    """Put each request into the first combination that it fits, in the order of the requests."""
    packs: list[list[Request]] = []
    for request in requests:
        fitting = (pack for pack in packs if _fits(pack, request))
        if (pack := next(fitting, None)) is not None:
            pack.append(request)
        else:
            packs.append([request])
    return [Combination(_joined(pack), tuple(pack)) for pack in packs]


def combined_words(requests: Sequence[Request], name: str, known: str) -> list[Combination]:
    """Put the single words of a parameter that lists words into one request, and a known one behind them.

    Where the known word is served, the server has read the whole list.
    """
    words = {request.query.removeprefix(f"{name}="): request for request in requests if _is_word(request.query, name)}
    alone = [Combination(request, (request,)) for request in requests if request not in words.values()]
    if len(words) < 2:
        return [*(Combination(request, (request,)) for request in words.values()), *alone]
    parts = tuple(words.values())
    together = replace(parts[0], query=f"{name}={','.join([*words, known])}")
    return [Combination(together, parts), *alone]


def combined_members(requests: Sequence[Request], beginning: bytes) -> list[Combination]:
    """Put the last members of bodies that begin alike into one body; the members have names of their own."""
    packs: list[Combination] = []
    parts: list[Request] = []
    members: list[bytes] = []
    for request in requests:
        body = request.body or b""
        member = body.removeprefix(beginning).removesuffix(b"}")
        is_alike = body.startswith(beginning) and request.headers == requests[0].headers and not request.without
        if is_alike and _fits_among(members, member, beginning):
            members.append(member)
            parts.append(request)
        else:
            packs.append(Combination(request, (request,)))
    if parts:
        together = replace(parts[0], body=b"%b%b}" % (beginning, b",".join(members)))
        packs.insert(0, Combination(together, tuple(parts)))
    return packs


def _fits_among(members: Sequence[bytes], member: bytes, beginning: bytes) -> bool:
    name = member.partition(b":")[0]
    taken = name in beginning or any(other.startswith(name + b":") for other in members)
    return not taken and sum(map(len, (*members, member))) <= MAX_TOGETHER


def _is_word(query: str, name: str) -> bool:
    value = query.removeprefix(f"{name}=")
    return value not in ("", query) and "," not in value and "&" not in value


def _fits(pack: Sequence[Request], request: Request) -> bool:
    first = pack[0]
    alike = _kind(first) == _kind(request) is not None and _address(first) == _address(request)
    if not alike or sum(map(_size, (*pack, request))) > MAX_TOGETHER:
        return False
    return _names(request).isdisjoint(name for other in pack for name in _names(other))


def _kind(request: Request) -> str | None:
    """What is unusual about a read; None where that cannot share a request."""
    names = {name.lower() for name, _ in request.headers} | set(request.without)
    if request.method != "GET" or request.body is not None or bool(request.query) == bool(names):
        return None
    if request.query:
        kind = "query" if is_well_formed(request.query) else "malformed query"
        return kind if _names(request).isdisjoint(DOCUMENTED) else None
    return "negotiation" if names & NEGOTIATING else "headers"


def is_well_formed(query: str) -> bool:
    """Whether a query is UTF-8 without controls, in pairs with names: an intermediary may refuse any other."""
    if _HALF_ENCODED.search(query) or not all(part.partition("=")[0] for part in query.split("&")):
        return False
    try:
        return unquote(query, errors="strict").isprintable()
    except UnicodeDecodeError:
        return False


def _address(request: Request) -> tuple[object, ...]:
    return (request.path, request.key, request.hub_id, request.ownership, request.expected)


def _names(request: Request) -> set[str]:
    """The names of the parameters, without what is in brackets: a server may read `x[a]` as a part of `x`."""
    parameters = {unquote(part.partition("=")[0]).partition("[")[0] for part in request.query.split("&")}
    return parameters if request.query else {name.lower() for name, _ in request.headers} | set(request.without)


def _size(request: Request) -> int:
    return len(request.query) + sum(len(name) + len(value) for name, value in request.headers)


def _joined(pack: Sequence[Request]) -> Request:
    if len(pack) == 1:
        return pack[0]
    return replace(
        pack[0],
        query="&".join(request.query for request in pack if request.query),
        headers=tuple(header for request in pack for header in request.headers),
        without=tuple(name for request in pack for name in request.without),
    )
