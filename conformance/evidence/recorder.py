"""Turns live exchanges into evidence: masked, bounded, plain data with a curl line that can be pasted.

What is kept of an exchange is cut first, with a margin, and masked then: the time and the memory that it takes do not
depend on the length of what the target sent.
"""

from __future__ import annotations

import base64
import shlex
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING
from weakref import WeakSet

from conformance.contract.strict_json import NotJSON
from conformance.evidence import secret_members
from conformance.http.bodies import HEAD, in_turn
from conformance.http.credentials import authorization_for_shell

if TYPE_CHECKING:
    from conformance.config.target import Target
    from conformance.contract.json_types import JsonObject
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
#: a longer body would be no argument that every system takes
MAX_ARGUMENT = 30_000
#: a longer body is not written into a shell line
MAX_PRINTED = 128 * 1024
#: the bytes of UTF-8 that begin no character
_CONTINUATION = bytes(range(0x80, 0xC0))


class Masking(ABC):
    """Masks and bounds evidence."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._learnt_from: WeakSet[Exchange] = WeakSet()

    @property
    def learnt(self) -> int:
        """How many secrets the target itself has returned so far."""
        return self._redactor.learnt

    @abstractmethod
    def evidence(self, exchange: Exchange) -> ExchangeRow:
        """The exchange as results.json has it."""

    def text(self, text: str) -> str:
        """Mask and bound a text that may quote the target, even if it ends in the middle of a secret."""
        if len(text) > TEXT_KEPT:
            text = text[:TEXT_KEPT] + "…"
        return self._redactor.cut_text(text)

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
        self._learn(exchange, response)
        length = len(response.body)
        headers = self._redactor.headers(response.headers[:HEADERS_KEPT])
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
        masked = self._redactor.body(secret_members.mask_places(body))
        end = masked[-END_KEPT:].lstrip(_CONTINUATION).decode("utf-8", "backslashreplace")
        return self._redactor.cut_text(f"{end}…").removesuffix("…")

    def _body(self, body: bytes, length: int) -> str:
        """The beginning of a body of this length as text: no secret survives in part where it is cut."""
        cut = body[: BODY_KEPT + min(self._redactor.margin(body[:HEAD]), HEAD)]
        masked = self._redactor.body(secret_members.mask_places(cut), BODY_KEPT)
        text = masked[:BODY_KEPT].decode("utf-8", "backslashreplace")
        return text if length <= BODY_KEPT else f"{text} … [{length} bytes in all]"

    def _learn(self, exchange: Exchange, response: Response) -> None:
        """Integrations' secrets (INC-7's members) are the target's own: the redactor learns their values."""
        if exchange not in self._learnt_from:
            self._learnt_from.add(exchange)
            with in_turn(len(response.body)):
                if secret_members.may_have_secrets(response.content()):
                    secret_members.learn_secrets(self._redactor, exchange.value)


class Recorder(Masking):
    """The one place where an exchange becomes something that is kept."""

    def __init__(self, target: Target, redactor: Redactor) -> None:
        super().__init__(redactor)
        self._target = target

    def evidence(self, exchange: Exchange) -> ExchangeRow:
        """The exchange as results.json has it."""
        request = exchange.request
        url = self._redactor.text(self._url(request))
        return self._evidence(exchange, url, self._request_headers(request), self.curl(request))

    def replayable(self, exchange: Exchange, longest: int) -> JsonObject:
        """The exchange with all that judging it again needs: whole, unless its body is longer than that."""
        request, response = exchange.request, exchange.response
        left_out = len(request.body or b"") > longest or (
            response is not None and (len(response.body) > longest or response.too_large)
        )
        kept = None if response is None or left_out else self._kept_response(exchange, response)
        left_out = left_out or (response is not None and kept is None)
        members = {name: getattr(request, name) for name in request.__slots__}
        text = self._redactor.text
        members.update(
            path=text(request.path),
            query=text(request.query),
            authorization=None if request.authorization is None else self._redactor.header(request.authorization),
            headers=[(name, self._redactor.header(value)) for name, value in request.headers],
            body=None if request.body is None or left_out else _kept(self._redactor.body(request.body)),
            asked={name: text(value) for name, value in request.asked.items()},
            resources=dict(request.resources),
        )
        return {
            "request": members,
            "response": kept,
            "failure": self.text(exchange.failure) if exchange.failure else None,
            "started": exchange.started,
            "seen": exchange.seen,
            "unanswered": exchange.unanswered,
            "key_died": exchange.key_died,
            "left_out": left_out,
            "shown": {
                "url": text(self._url(request)),
                "headers": self._request_headers(request),
                "curl": self.curl(request),
            },
        }

    def clean_again(self, record: JsonObject) -> JsonObject:
        """A record of `replayable`, without the secrets that were learnt after it was made."""
        response = record["response"]
        if response is None:
            return record
        body = _bytes_of(response["body"])
        clean = self._redactor.body(body)
        if clean.count(secret_members.LABEL) > body.count(secret_members.LABEL):
            return {**record, "response": None, "left_out": True}
        headers = [(self._redactor.text(name), self._redactor.text(value)) for name, value in response["headers"]]
        return {**record, "response": {**response, "headers": headers, "body": _kept(clean)}}

    def curl(self, request: Request) -> str:
        """The request as a shell command: with variables for keys, and the body exactly as it was sent."""
        parts = ["curl", "-sS", "-i", "--http1.1", "--globoff", "--path-as-is", *self._trust()]
        if request.method == "HEAD":
            parts.append("--head")
        elif request.method != "GET" or request.body is not None:
            parts += ["-X", request.method]
        line = " ".join(map(shlex.quote, parts)) + "".join(f" -H {header}" for header in self._curl_headers(request))
        url = shlex.quote(self._redactor.text(self._url(request)))
        if request.body is None:
            return f"{line} {url}"
        if len(request.body) > MAX_PRINTED:
            return f"{line} --data-binary @body {url}  # body: a file of {len(request.body)} bytes, which are not kept"
        body = self._redactor.text(request.body.decode("utf-8", "surrogateescape"))
        if body.isprintable() and len(body) <= MAX_ARGUMENT and body[:1] != "@":
            return f"{line} --data-binary {shlex.quote(body)} {url}"
        return f"printf {_printed(body)} | {line} --data-binary @- {url}"

    # ------------------------------------------------------------ parts

    def _kept_response(self, exchange: Exchange, response: Response) -> JsonObject | None:
        """The response; None where masking altered it so that judging it again would judge the mask.

        That happens if a secret of the target occurs outside its member, within other text.
        """
        self._learn(exchange, response)
        body = response.content()
        placed = secret_members.mask_places(body)
        masked = self._redactor.body(placed)
        if masked.count(secret_members.LABEL) > placed.count(secret_members.LABEL):
            return None
        return {
            "status": response.status,
            "headers": [(self._redactor.text(name), self._redactor.text(value)) for name, value in response.headers],
            "body": _kept(masked),
            "secrets_shown": placed is not body,
            "elapsed_s": round(response.elapsed_s, 4),
            "problem": self.text(response.problem) if response.problem else None,
            "too_large": response.too_large,
        }

    def _url(self, request: Request) -> str:
        return f"{self._target.base_url.rstrip('/')}{request.target}"

    def _request_headers(self, request: Request) -> dict[str, str]:
        shown: dict[str, str] = {}
        for name, value, _ in self._headers(request):
            shown[name] = f"{shown[name]}, {value}" if name in shown else value
        return shown

    def _curl_headers(self, request: Request) -> list[str]:
        lines = []
        for name, value, is_shell in self._headers(request):
            text = f"{name}: {value}" if value else f"{name};"  # so curl sends a header without a value
            lines.append(f'"{text}"' if is_shell else shlex.quote(text))
        if request.body is not None and all(name.lower() != "content-type" for name, _ in request.headers):
            lines.append("Content-Type:")  # or it would send one of its own
        lines += [shlex.quote(f"{name}:") for name in request.without]  # which curl leaves out, too
        return lines

    def _headers(self, request: Request) -> list[tuple[str, str, bool]]:
        """The request's headers, and whether a value is for the shell to fill in."""
        headers = [(name, f"${key.variable}", True) for name, key in self._target.headers.items()]
        if (shown := authorization_for_shell(self._target, request.key)) is not None:
            headers.append(("Authorization", shown, True))
        if request.hub_id is not None:
            headers.append(("X-Hub-Id", request.hub_id, False))
        if "accept" not in {*request.without, *(name.lower() for name, _ in request.headers)}:
            headers.append(("Accept", "application/json", False))
        return headers + [(name, self._redactor.text(value), False) for name, value in request.headers]

    def _trust(self) -> list[str]:
        """The options of curl for certificates, as the target file sets them."""
        verify = self._target.verify_tls
        if isinstance(verify, bool):
            return [] if verify else ["--insecure"]
        return ["--cacert", str(verify)]


def _kept(data: bytes) -> str | dict[str, str]:
    """Bytes as JSON holds them without loss: text where they are, else base64."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _bytes_of(kept: str | dict[str, str]) -> bytes:
    """What `_kept` was given."""
    return kept.encode() if isinstance(kept, str) else base64.b64decode(kept["base64"])


def _printed(text: str) -> str:
    """A format for printf that gives these bytes and no others, whatever they are."""
    octal = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "\\%'-" else f"\\{byte:03o}"
        for byte in text.encode("utf-8", "surrogateescape")
    )
    return f"'{octal}'"
