"""Addresses written in other ways: other spellings of one address, encoded slashes, and addresses that do not exist."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from conformance.http.exchange import Expected, encoded
from conformance.scenarios.request_builder import as_malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Request

#: The documented addresses, and the methods that the contract describes on them.
_DOCUMENTED = {
    re.compile(r"/v1/containers/[^/]+/backups"): ("GET",),
    re.compile(r"/v1/containers/[^/]+/backups/[^/]+"): ("GET", "DELETE"),
    re.compile(r"/v1/containers/[^/]+/backups/[^/]+/logs"): ("GET",),
    re.compile(r"/v1/containers/[^/]+/backups/[^/]+/tasks"): ("POST",),
    re.compile(r"/v1/jobs/[^/]+"): ("GET",),
}


def other_spellings(request: Request) -> Iterator[tuple[str, Request]]:
    """Yield other spellings of the address of a request, each with a description of the difference (AUTH-10).

    Some servers route every spelling to the same resource, and guard only the plain one.
    """
    *parents, last = request.path.split("/")
    names = [part for part in request.path.split("/") if part and part not in _ids_of(request)]
    identifier = _ids_of(request)[-1]
    spelled = {
        "a percent-encoded character of an id": _encode_character(request.path, identifier),
        "a percent-encoded character of a name": _encode_character(request.path, names[-1]),
        "a trailing slash": f"{request.path}/",
        "a doubled slash": request.path.replace("/v1/", "/v1//", 1),
        "a doubled slash before the last part": f"{'/'.join(parents)}//{last}",
        "an encoded slash": f"{'/'.join(parents)}%2F{last}",
    }
    for label, path in spelled.items():
        yield label, as_malformed(replace(request, path=path))
    if request.method == "GET":
        yield "HEAD", replace(request, method="HEAD", expected=Expected.UNDOCUMENTED, denied=None)


def _ids_of(request: Request) -> list[str]:
    """The ids of the address as they are written in it, in their order."""
    ids = {encoded(value) for value in request.resources.values()}
    return [part for part in request.path.split("/") if part in ids]


def _encode_character(path: str, part: str) -> str:
    """The path with the first character of its last such part percent-encoded."""
    before, _, after = path.rpartition(part)
    return f"{before}%{ord(part[0]):02X}{part[1:]}{after}"


def with_encoded_slashes(request: Request) -> Iterator[Request]:
    """Yield the request with each of its ids made to hold, by encoded slashes, a part of its address (GET-6)."""
    parts = request.path.split("/")
    paths = []
    for identifier in _ids_of(request):
        at = parts.index(identifier)
        before, after = parts[:at], parts[at + 1 :]
        held = [
            [f"{identifier}%2F", *after],
            ["%2F".join((identifier, *after))],
            ["%2F".join(("..", before[-1], identifier)), *after],
            ["%2F".join(("..", identifier)), *after],
        ]
        paths += ["/".join((*before, *rest)) for rest in held]
    for path in dict.fromkeys(paths):
        if path != request.path:
            yield as_malformed(replace(request, path=path))


def decoded_address(path: str) -> str | None:
    """Return the documented address that a path becomes when it is decoded before it is routed; None where none."""
    decoded = re.sub(r"/{2,}", "/", unquote(path, errors="replace"))
    normal = posixpath.normpath(decoded)
    if not re.search(r"%2f", path, re.IGNORECASE) or documented_methods(normal) is None:
        return None
    return quote(normal)


def documented_methods(path: str) -> tuple[str, ...] | None:
    """Return the methods that the contract describes on an address; None for an address that it does not describe."""
    return next((methods for pattern, methods in _DOCUMENTED.items() if pattern.fullmatch(path)), None)


def has_undocumented_method(request: Request) -> bool:
    """Whether the contract does not describe the method on the address of a request, as it is written or decoded.

    Such is a POST to `…/backups/{id}%2Ftasks`: where an encoded slash is part of the id, it names a backup.
    """
    addresses = (request.path, decoded_address(request.path) or request.path)
    described = [methods for path in addresses if (methods := documented_methods(path)) is not None]
    return any(request.method not in methods for methods in described)


def unknown_addresses(request: Request) -> Iterator[Request]:
    """Yield requests for addresses beneath the one of a request that do not exist (ERR-5)."""
    for name in ("unknown", "unknown/unknown"):
        yield replace(request, path=f"{request.path}/{name}")
