"""Requests that an intermediary may answer in the target's place, because something about them is unusual.

A firewall, a proxy or the HTTP server below an application refuses what is malformed, excessive or suspicious with a
page of its own. Such a refusal is not the application's, so its body breaks no more than HTTP-1's warning; its status
is judged as ever. What is unusual is read from the request itself, so that it holds for every request of a run and of
an archive alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from conformance.http.exchange import Request, Response

#: Lengths, in octets, from which an intermediary may call a part of a request too long.
MAX_ADDRESS = 1024
MAX_HEADER = 512
MAX_HEADERS = 4096
MAX_BODY = 8192

_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DOCUMENTED_PATH = re.compile(r"/v1/(?:containers/([^/]+)/backups(?:/([^/]+)(?:/(?:logs|tasks))?)?|jobs/([^/]+))")
_VALUES = {
    "include": re.compile(r"integrations"),
    "sort": re.compile(r"-?[a-z_]+(\.[a-z_]+)*"),
    "page[number]": re.compile(r"[1-9][0-9]{0,8}"),
    "page[size]": re.compile(r"[1-9][0-9]{0,3}"),
}
#: Headers that requests to an API carry every day.
_PLAIN_HEADERS = {
    "content-type": re.compile(r"[a-z]+/[a-z0-9.+-]+(; ?[a-z]+=[\w-]+)?", re.IGNORECASE),
    "accept": re.compile(r"\*/\*|application/json"),
    "origin": re.compile(r"https?://[\w.:-]+"),
    "traceparent": re.compile(r"[0-9a-f-]{55}"),
    "x-correlation-id": re.compile(r"[\w./-]+"),
}
#: What a firewall may reject in a body: control characters, surrogates, deep nesting, huge numbers, and injections.
_SUSPICIOUS = re.compile(
    rb"\\u00[01][0-9a-f]|\\ud[89a-f][0-9a-f]{2}|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xed[\xa0-\xbf]|\xff"
    rb"|[\[{]{20}|(?:\[\s*){20}|(?:{\"\w+\":){20}|[:\[,]\s*-?[0-9]{19}|[:\[,]\s*-?[0-9.]+e[+-]?[0-9]{3}"
    rb"|__\w+__|constructor|tostring|hasownproperty|\$\w+|\${|%[0-9snx]"
    rb"|' ?or |--|;|drop table|union select|<\w|\.\./|[|`*]",
    re.IGNORECASE,
)


def unusual_part(request: Request) -> str | None:
    """Name the part of a request that is malformed, excessive or unusual; None where it is an everyday request."""
    if not request.is_documented or request.method not in ("GET", "POST", "DELETE"):
        return "method or headers"
    if _has_unusual_address(request):
        return "address"
    if _has_unusual_query(request.query):
        return "query"
    if _has_unusual_headers(request):
        return "headers"
    body = request.body or b""
    if len(body) > MAX_BODY or (body and request.method == "GET"):
        return "size"
    return "body" if _SUSPICIOUS.search(body) else None


def _has_unusual_address(request: Request) -> bool:
    matched = _DOCUMENTED_PATH.fullmatch(request.path)
    if request.ownership == "malformed" or matched is None or len(request.path) > MAX_ADDRESS:
        return True
    return not all(_PLAIN_SEGMENT.fullmatch(segment) for segment in matched.groups() if segment is not None)


def _has_unusual_query(query: str) -> bool:
    if len(query) > MAX_ADDRESS:
        return True
    names = []
    for pair in filter(None, query.split("&")):
        name, _, value = (unquote(part.replace("+", " ")) for part in pair.partition("="))
        names.append(name)
        if name not in _VALUES or not _VALUES[name].fullmatch(value):
            return True
    return len(names) != len(set(names)) or bool(query and not names)


def _has_unusual_headers(request: Request) -> bool:
    hub, authorization = request.hub_id or "", request.authorization or ""
    if (hub and not _PLAIN_SEGMENT.fullmatch(hub)) or len(hub) > MAX_HEADER or len(authorization) > MAX_HEADERS:
        return True
    names = [name.lower() for name, _ in request.headers]
    unusual = any(
        name.lower() not in _PLAIN_HEADERS or not _PLAIN_HEADERS[name.lower()].fullmatch(value)
        for name, value in request.headers
    )
    return unusual or len(names) != len(set(names)) or bool(request.without)


_TITLE = re.compile(rb"<title>\s*([^<]{1,80}?)\s*</title>", re.IGNORECASE)


def sender_of(response: Response) -> str:
    """Name what sent a response, as far as its page or its Server header says so; empty where neither does."""
    title = _TITLE.search(response.head(4096))
    names = [title[1].decode("ascii", "replace") if title else "", response.header("server") or ""]
    return ", ".join(name[:80] for name in names if name.isprintable() and name)


#: the headers that ask for a refusal, by its status
_ASKING = {
    406: {"accept", "accept-charset", "accept-encoding", "accept-language"},
    411: {"content-length", "transfer-encoding"},
    416: {"range"},
    417: {"expect"},
}


def asks_for_its_refusal(request: Request, status: int | None) -> bool:
    """Whether the request's own header asks for this status: 406 to an Accept, 416 to a Range, 411 or 417 likewise."""
    if status not in _ASKING:
        return False
    headers = {*request.without, *(name.lower() for name, _ in request.headers)}
    return bool(headers & _ASKING[status])
