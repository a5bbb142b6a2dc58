"""Refusals: what a request can be refused for, and how a refusal is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.reference.call import Call

TITLES = {
    "400.invalid-syntax": "The request could not be understood",
    "401.auth-invalid": "The request is not authenticated",
    "401.auth-expired": "The key has expired",
    "403.permissions": "The key lacks a capability",
    "403.wrong-hub": "The key does not belong to this hub",
    "403.invalid-state": "The resource is not in a state that allows this",
    "404.uri": "Nothing is served at this address",
    "404.container": "The container was not found",
    "404.container.backup": "The backup was not found",
    "404.instance": "The instance was not found",
    "404.job": "The job was not found",
    "405.method-not-allowed": "The method is not allowed here",
    "409.duplicate-found": "The same is already under way",
    "413.too-large": "The body is too large",
    "415.invalid-content-type": "The body's type is not supported",
    "422.missing-argument": "A required argument is missing",
    "422.invalid-argument": "An argument is not valid",
    "422.invalid-input": "The input is not valid",
    "429.rate-limiting": "Too many requests",
    "500.unknown": "Something went wrong",
}


class RefusalError(Exception):
    """A request that is not carried out. It never quotes the request: what a client sent may be a secret."""

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        source: str | None = None,
        capability: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = int(code[:3])
        self.title = TITLES.get(code, "The request was refused")
        self.detail = detail
        self.source = source
        self.capability = capability
        self.headers = headers or {}


def write(_call: Call, refusal: RefusalError) -> dict[str, Any]:
    """The error envelope of a refusal; what has no value is left out."""
    error: dict[str, Any] = {"status": refusal.status, "code": refusal.code, "title": refusal.title}
    if refusal.detail is not None:
        error["detail"] = refusal.detail
    if refusal.source is not None:
        error["source"] = refusal.source
    if refusal.capability is not None:
        error["extra"] = {"capability": refusal.capability}
    return {"error": error, "data": None}


def refuse(_call: Call, refusal: RefusalError) -> RefusalError:
    """The last word on a refusal: by default it stands as it is."""
    return refusal


def unserved(_call: Call, allowed: str) -> RefusalError:
    """The refusal of a method that an address does not serve, or of an address that nobody serves."""
    if not allowed:
        return RefusalError("404.uri")
    return RefusalError("405.method-not-allowed", headers={"Allow": allowed})
