"""Requests, responses, and exchanges, which every check and judge works on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from conformance.contract import strict_json
from conformance.contract.error_codes import is_code_of
from conformance.contract.operations import SAFE_METHODS, UNAVAILABLE
from conformance.http.bodies import RecentValues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.contract.json_types import JsonObject
    from conformance.contract.operations import Operation
    from conformance.http.bodies import StoredBody

#: characters of an id in an address; servers and gateways take no longer ones
MAX_ID = 4096

#: Longer bodies share no value with equal ones.
MAX_SHARED = 32 * 1024

#: to whom the addressed resource belongs, according to the target file
Ownership = Literal["own", "sibling", "crossed", "other hub", "missing", "malformed"]


class Expected(StrEnum):
    """How a correct server must respond to a request, as far as the request alone decides it."""

    #: It gives one of the documented answers. A success may have effects, so a lost answer is never asked for again.
    DOCUMENTED = "documented"
    #: It refuses the request with a documented error and does not act on it, so the request may be sent again.
    REFUSAL = "refusal"
    #: The contract does not describe the request: the shape of its answer is not judged. It has no effect either.
    UNDOCUMENTED = "undocumented"


class Throttled(StrEnum):
    """What the client does when a request is answered 429."""

    #: It waits as long as the target asks for, and sends the request again.
    RETRY = "retry"
    #: It returns the 429 as the response.
    ACCEPT = "accept"


class Sender(StrEnum):
    """Who the sender of a request is to a correct server."""

    #: A key of the target file, sent with the id of its own hub.
    MEMBER = "member"
    #: Anybody else: no key, a bad one, an expired one, another hub's, or another hub id.
    OUTSIDER = "outsider"


class Purpose(StrEnum):
    """What an exchange is for."""

    #: Evidence: the passive judges judge it, and it is counted and archived.
    EVIDENCE = "evidence"
    #: A proof of a key or a second look, which must not count twice.
    CONTROL = "control"


Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it is to be sent.

    `path` and `query` are percent-encoded already. `key` names the key (or "none", "unknown", …): the
    Authorization value itself is made by the client and kept out of every repr.
    `denied`: the capability that the key lacks here, where the lack is the only thing wrong.
    `resources`: the ids addressed, by kind (container, backup, job, instance).
    `without`: names of headers, in small letters, that the client would add and does not send here.
    """

    operation: Operation
    method: str
    path: str
    query: str = ""
    key: str = "full"
    authorization: str | None = field(default=None, repr=False)
    hub_id: str | None = None
    headers: Headers = ()
    body: bytes | None = None
    expected: Expected = Expected.DOCUMENTED
    throttled: Throttled = Throttled.RETRY
    sender: Sender = Sender.MEMBER
    denied: str | None = None
    ownership: Ownership = "own"
    resources: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    #: The ID of the check that sends it; empty for preflight, proofs of keys and controls.
    check: str = ""

    @property
    def target(self) -> str:
        """Path and query as they are on the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def content(self) -> int:
        """A digest that is equal for requests with equal content."""
        sent = (self.method, self.target, self.key, self.authorization, self.hub_id, self.headers, self.body)
        return hash((*sent, self.without))

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again after a lost response: a read, or what a correct server does not act on."""
        return self.method in SAFE_METHODS or self.expected is not Expected.DOCUMENTED

    @property
    def is_documented(self) -> bool:
        """Whether the contract describes such a request, so that its answer is held to the contract's shapes."""
        return self.expected is not Expected.UNDOCUMENTED

    @property
    def weight(self) -> int:
        """How long the request is to read; of requests that show the same defect the shortest is reported."""
        given = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.target) + len(self.body or b"") + given

    @property
    def line(self) -> str:
        """A one-line description of the request for reports, without keys."""
        return f"{self.method} {self.target[:200]} as {self.key}"


@dataclass(frozen=True, slots=True)
class Response:
    """A response, decoded and bounded.

    `body` is at most `limits.max_body_mb` long; a long one is kept in a file. `problem` says why it cannot be used;
    `too_large`: because it exceeds a limit of ours, which is no fault of the target. Then `body` is only its beginning.
    What a target may have put a key into stays out of the repr, which ends up in tracebacks.
    """

    status: int
    headers: Headers = field(repr=False)
    body: bytes | StoredBody = field(repr=False)
    elapsed_s: float
    problem: str | None = None
    too_large: bool = False

    def content(self) -> bytes:
        """The whole body. Raises MachineError where its file cannot be read."""
        return self.body if isinstance(self.body, bytes) else self.body.content()

    def head(self, size: int) -> bytes:
        """The first bytes of the body; of a long one at most as many as are kept in memory (bodies.HEAD)."""
        return self.body[:size] if isinstance(self.body, bytes) else self.body.head[:size]

    @property
    def sha256(self) -> str:
        """The digest of the body, in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest() if isinstance(self.body, bytes) else self.body.sha256

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(eq=False)
class Exchange:
    """A request with its response, or with a `failure`, a description of why no complete response arrived."""

    request: Request
    response: Response | None
    failure: str | None = None
    started: float = 0.0
    #: of how many tries this many had the same result; None where there was one only
    seen: tuple[int, int] | None = None
    #: no answer (or 502 and the like) on each of many tries, between controls that were answered: HTTP-3 failed
    unanswered: bool = False
    #: no answer, and not tried often enough to blame this input, after others of the operation were blamed
    suspected: bool = False
    key_died: bool = False
    #: the HTTP status; None without a response
    status: int | None = field(init=False)
    #: whether the status is a 2xx, and whether it is a 4xx
    is_success: bool = field(init=False)
    is_refusal: bool = field(init=False)
    #: what judges found out about it, by the question: each is asked for many clauses
    known: dict[object, bool] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Note what judges ask for some hundred times."""
        self.status = None if self.response is None else self.response.status
        self.is_success = self.status is not None and 200 <= self.status < 300
        self.is_refusal = self.status is not None and 400 <= self.status < 500

    @property
    def operation(self) -> Operation:
        """The operation that the request belongs to."""
        return self.request.operation

    @property
    def limit_reached(self) -> str | None:
        """The limit of ours that the response exceeds, and what to do; None where it exceeds none."""
        problem = self.response.problem if self.response is not None and self.response.too_large else None
        return None if problem is None else f"{problem}: raise it in the target file"

    @property
    def is_judgeable(self) -> bool:
        """Whether this is a response of the target itself to a request that the contract describes."""
        itself = self.response is not None and self.status not in UNAVAILABLE and not self.unanswered
        return itself and self.request.is_documented

    @property
    def is_judgeable_success(self) -> bool:
        """Whether this is a success with JSON that can be judged. A malformed address has no documented content."""
        whole = self.is_success and not self.is_part and self.request.ownership != "malformed"
        return self.is_judgeable and whole and isinstance(self.parsed, strict_json.Parsed)

    @property
    def is_part(self) -> bool:
        """Whether this is the part of a response for which the request's Range header asked."""
        return self.status == 206 and any(name.lower() == "range" for name, _ in self.request.headers)

    @property
    def parsed(self) -> strict_json.Parsed | strict_json.NotJSON:
        """The body as strict JSON, or why it is not JSON; only the last bodies need not be parsed again."""
        return _VALUES.get(self)

    @property
    def value(self) -> object:
        """The body's JSON value; None where the body is not JSON."""
        return _value_of(self.parsed)

    @property
    def data(self) -> Any:  # Any: JSON of a foreign server; checks narrow it
        """The envelope's `data`; None without one."""
        return _data_of(self.value)

    @property
    def items(self) -> list[JsonObject]:
        """The objects of a list response; the clause of the shape judges items that are no objects."""
        parsed = self.parsed
        return parsed.derive("items", _items) if isinstance(parsed, strict_json.Parsed) else []

    @property
    def ids(self) -> list[str]:
        """The ids of a list response, in its order."""
        parsed = self.parsed
        return parsed.derive("ids", _ids) if isinstance(parsed, strict_json.Parsed) else []

    @property
    def error(self) -> JsonObject:
        """The envelope's `error`; empty without such an object."""
        value = self.value
        error = value.get("error") if isinstance(value, dict) else None
        return error if isinstance(error, dict) else {}

    @property
    def code(self) -> str | None:
        """The error code with `_` replaced by `-`, which the vendor uses today; of an OAuth 401 its `error`."""
        value = self.value
        error = value.get("error") if isinstance(value, dict) else None
        if isinstance(error, str):
            return error
        code = error.get("code") if isinstance(error, dict) else None
        return code.replace("_", "-") if isinstance(code, str) else None

    @property
    def oauth(self) -> bool:
        """Whether this is a 401 in the OAuth shape: with a string `error`, beside any other members."""
        value = self.value if self.status == 401 else None
        return isinstance(value, dict) and isinstance(value.get("error"), str)


def _size(exchange: Exchange) -> int:
    return len(exchange.response.body) if exchange.response is not None else 0


def _parse(exchange: Exchange) -> strict_json.Parsed | strict_json.NotJSON:
    response = exchange.response
    if response is None:
        return strict_json.NotJSON("no answer", 0)
    if response.problem:
        return strict_json.NotJSON(response.problem, len(response.body))
    try:
        body = response.content()
        return _shared(body) if len(body) <= MAX_SHARED else strict_json.parse(body)
    except strict_json.NotJSON as problem:
        # Its traceback, and the error that it came from, would hold the whole body.
        return strict_json.NotJSON(problem.reason, problem.offset)


#: Most responses of a run repeat an earlier one: equal bodies share one value, which nothing may change.
_shared = lru_cache(maxsize=128)(strict_json.parse)


def _value_of(parsed: strict_json.Parsed | strict_json.NotJSON) -> object:
    return parsed.value if isinstance(parsed, strict_json.Parsed) else None


def _data_of(value: object) -> object:
    return value.get("data") if isinstance(value, dict) else None


def _items(value: object) -> list[JsonObject]:
    data = _data_of(value)
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _ids(value: object) -> list[str]:
    return [item["id"] for item in _items(value) if isinstance(item.get("id"), str)]


_VALUES: RecentValues[Exchange, strict_json.Parsed | strict_json.NotJSON] = RecentValues(_size, _parse)


def well_coded(exchange: Exchange) -> bool:
    """Whether the error's code is `<status>.<words>`, of the same status."""
    return is_code_of(exchange.error.get("code"), exchange.status)


def is_addressable(resource_id: str) -> bool:
    """Whether an address can hold an id: an empty one and a dot segment make it another address."""
    return resource_id not in ("", ".", "..") and len(resource_id) <= MAX_ID


def encoded(segment: str) -> str:
    """One path segment, percent-encoded whole; any string of a target can be one, lone surrogates included."""
    return quote(segment, safe="", errors="surrogatepass")
