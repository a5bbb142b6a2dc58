"""The members of recorded evidence, as results.json has it."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class RequestRow(TypedDict):
    """A masked request; `headers` hold placeholders instead of keys."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None


class ResponseRow(TypedDict):
    """A masked response; `body` is cut, `body_bytes` and `body_sha256` describe the whole body.

    `body_end`: the last characters of a cut body that is not JSON, which often show what is wrong with it.
    """

    status: int
    headers: dict[str, str]
    body: str
    body_bytes: int
    body_sha256: str
    body_cut: bool
    body_end: NotRequired[str]
    problem: NotRequired[str | None]
    elapsed_s: float


class ExchangeRow(TypedDict):
    """A request and its response, or the `failure` to get one.

    `key`: the name of the key that was sent. `curl`: the request as a shell command. `seen`: "2 of 2" where a failed
    read was repeated.
    """

    key: str | None
    operation: str
    request: RequestRow
    response: ResponseRow | None
    failure: NotRequired[str | None]
    curl: str
    seen: str | None
