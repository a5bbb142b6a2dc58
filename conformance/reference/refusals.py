"""Refusals: the errors that a request can be refused with."""

from __future__ import annotations

TITLES = {
    "400.invalid-syntax": "The request is malformed",
    "401.auth-invalid": "The request is not authenticated",
    "401.auth-expired": "The key has expired",
    "403.permissions": "The key lacks a capability",
    "403.wrong-hub": "The key does not belong to this hub",
    "403.invalid-state": "The resource's state does not allow this",
    "404.uri": "Unknown address",
    "404.container": "Container not found",
    "404.container.backup": "Backup not found",
    "404.instance": "Instance not found",
    "404.job": "Job not found",
    "405.method-not-allowed": "Method not allowed",
    "409.duplicate-found": "The same request is already in progress",
    "413.too-large": "The body is too large",
    "415.invalid-content-type": "Unsupported content type",
    "422.missing-argument": "A required argument is missing",
    "422.invalid-argument": "An argument is invalid",
    "422.invalid-input": "The input is invalid",
    "429.rate-limiting": "Too many requests",
    "500.unknown": "Internal error",
}


class RefusalError(Exception):
    """A request is refused. The error never quotes the request, which may contain a secret."""

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
