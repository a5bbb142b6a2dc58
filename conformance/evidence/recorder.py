"""Turns live exchanges into evidence: masked, bounded, plain data with a curl line that can be pasted.

What is kept of an exchange is cut first, with a margin, and masked then: the time and the memory that it takes do not
depend on the length of what the target sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING
from weakref import WeakSet

from conformance.contract.strict_json import NotJSON
from conformance.evidence import secret_members
from conformance.evidence.shown import Shown
from conformance.http.bodies import HEAD, in_turn

if TYPE_CHECKING:
    from conformance.config.target import Target
    from conformance.evidence.redaction import Redactor
    from conformance.evidence.rows import ExchangeRow, ResponseRow
    from conformance.http.exchange import Exchange, Request, Response

BODY_KEPT = 16 * 1024
#: bytes of the end of a cut body that is not JSON, and the longest body that has its end kept: it is masked as a whole
END_KEPT = 400
MAX_WITH_END = 128 * 1024
HEADER_KEPT = 1024
HEADERS_KEPT = 200
TEXT_KEPT = 4000
#: the bytes of UTF-8 that begin no character
_CONTINUATION = bytes(range(0x80, 0xC0))


class Masking(ABC):
    """Masks and bounds evidence."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._learnt_from: WeakSet[Exchange] = WeakSet()

    @property
    def learnt(self) -> int:
        """How many secrets the target itself has returned so far."""
        return self.redactor.learnt

    @abstractmethod
    def evidence(self, exchange: Exchange) -> ExchangeRow:
        """The exchange as results.json has it."""

    def text(self, text: str) -> str:
        """Mask and bound a text that may quote the target, even if it ends in the middle of a secret."""
        if len(text) > TEXT_KEPT:
            text = text[:TEXT_KEPT] + "…"
        return self.redactor.cut_text(text)

    def _evidence(self, exchange: Exchange, url: str, headers: dict[str, str], curl: str) -> ExchangeRow:
        request = exchange.request
        return {
            "key": request.key,
            "operation": request.operation,
            "request": {
                "method": request.method,
                "url": url,
                "headers": headers,
                "body": self._body(request.body, len(request.body)) if request.body is not None else None,
            },
            "response": self._response(exchange),
            "failure": self.text(exchange.failure) if exchange.failure else None,
            "curl": curl,
            "seen": f"{exchange.seen[0]} of {exchange.seen[1]}" if exchange.seen else None,
        }

    def _response(self, exchange: Exchange) -> ResponseRow | None:
        response = exchange.response
        if response is None:
            return None
        self.learn(exchange, response)
        length = len(response.body)
        headers = self.redactor.headers(response.headers[:HEADERS_KEPT])
        row: ResponseRow = {
            "status": response.status,
            "headers": {name[:HEADER_KEPT]: value[:HEADER_KEPT] for name, value in headers.items()},
            "body": self._body(response.head(HEAD), length),
            "body_bytes": length,
            "body_sha256": response.sha256,
            "body_cut": length > BODY_KEPT or response.problem is not None,
            "problem": self.text(response.problem) if response.problem else None,
            "elapsed_s": round(response.elapsed_s, 4),
        }
        if BODY_KEPT < length <= MAX_WITH_END and isinstance(exchange.parsed, NotJSON):
            row["body_end"] = self._end(response.content())
        return row

    def _end(self, body: bytes) -> str:
        """The end of a body as text. All of it is masked first: no secret survives in part where it is cut."""
        masked = self.redactor.body(secret_members.mask_places(body))
        end = masked[-END_KEPT:].lstrip(_CONTINUATION).decode("utf-8", "backslashreplace")
        return self.redactor.cut_text(f"{end}…").removesuffix("…")

    def _body(self, body: bytes, length: int) -> str:
        """The beginning of a body of this length as text: no secret survives in part where it is cut."""
        cut = body[: BODY_KEPT + min(self.redactor.margin(body[:HEAD]), HEAD)]
        masked = self.redactor.body(secret_members.mask_places(cut), BODY_KEPT)
        text = masked[:BODY_KEPT].decode("utf-8", "backslashreplace")
        return text if length <= BODY_KEPT else f"{text} … [{length} bytes in all]"

    def learn(self, exchange: Exchange, response: Response) -> None:
        """Integrations' secrets (INC-7's members) are the target's own: the redactor learns their values."""
        if exchange not in self._learnt_from:
            self._learnt_from.add(exchange)
            with in_turn(len(response.body)):
                if secret_members.may_have_secrets(response.content()):
                    secret_members.learn_secrets(self.redactor, exchange.value)


class Recorder(Masking):
    """The one place where an exchange becomes something that is kept."""

    def __init__(self, target: Target, redactor: Redactor) -> None:
        super().__init__(redactor)
        self.shown = Shown(target, redactor)

    def evidence(self, exchange: Exchange) -> ExchangeRow:
        """The exchange as results.json has it."""
        request = exchange.request
        return self._evidence(exchange, self.shown.url(request), self.shown.headers(request), self.curl(request))

    def curl(self, request: Request) -> str:
        """The request as a shell command: with variables for keys, and the body exactly as it was sent."""
        return self.shown.curl(request)
