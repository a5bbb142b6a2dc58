"""Turns live exchanges into evidence: masked, bounded, plain data with a curl line that can be pasted."""

from __future__ import annotations

import base64
import json
import re
import shlex
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from conformance.evidence.redaction import SECRET_MEMBERS, is_masked
from conformance.http.credentials import authorization_for_shell

if TYPE_CHECKING:
    from conformance.config.target import Target
    from conformance.evidence.redaction import Redactor
    from conformance.http.exchange import Exchange, Request, Response

BODY_KEPT = 16 * 1024
HEADER_KEPT = 1024
#: a longer body would be no argument that every system takes
LONGEST_ARGUMENT = 30_000
_SECRET_TEXT = re.compile(
    rb'(?P<before>"(?P<name>%s)"\s*:\s*)"(?P<value>(?:[^"\\]|\\.)*)"?' % b"|".join(map(str.encode, SECRET_MEMBERS))
)


class Masking(ABC):
    """What evidence is, whoever recorded it: masked and bounded."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    @property
    def learnt(self) -> int:
        """How many secrets the target itself gave away so far."""
        return self._redactor.learnt

    @abstractmethod
    def evidence(self, exchange: Exchange) -> dict[str, Any]:
        """The exchange as results.json has it."""

    def text(self, text: str) -> str:
        """Any words that may hold something from the target, masked, if it is only the beginning of a secret."""
        return self._redactor.cut_text(text)

    def _evidence(self, exchange: Exchange, url: str, headers: dict[str, str], curl: str) -> dict[str, Any]:
        request = exchange.request
        return {
            "key": request.key,
            "operation": request.operation,
            "request": {
                "method": request.method,
                "url": url,
                "headers": headers,
                "body": self._text(request.body) if request.body is not None else None,
            },
            "response": self._response(exchange),
            "failure": self.text(exchange.failure) if exchange.failure else None,
            "curl": curl,
            "seen": f"{exchange.seen[0]} of {exchange.seen[1]}" if exchange.seen else None,
        }

    def _response(self, exchange: Exchange) -> dict[str, Any] | None:
        response = exchange.response
        if response is None:
            return None
        return {
            "status": response.status,
            "headers": {name: value[:HEADER_KEPT] for name, value in self._redactor.headers(response.headers).items()},
            "body": self._text(response.content()),
            "body_bytes": len(response.body),
            "body_sha256": response.sha256,
            "body_cut": len(response.body) > BODY_KEPT or response.problem is not None,
            "problem": self._redactor.text(response.problem) if response.problem else None,
            "elapsed_s": round(response.elapsed_s, 4),
        }

    def _text(self, body: bytes) -> str:
        """A body as text: masked whole, then cut, so that no key survives by standing across the cut."""
        masked = self._redactor.body(self._without_secret_members(body))
        text = masked[:BODY_KEPT].decode("utf-8", "backslashreplace")
        return text if len(masked) <= BODY_KEPT else f"{text} … [{len(masked)} bytes in all]"

    def _without_secret_members(self, body: bytes) -> bytes:
        """Integrations' secrets (INC-7's members) are the target's own: they are masked, and learnt by value."""
        if not any(name in body for name in (b'"secret"', b'"api_key"', b'"base64_config"')):
            return body
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return _without_secret_texts(body)
        masked = self._redactor.mask_secret_members(value)
        return body if masked == value else json.dumps(masked, ensure_ascii=False).encode("utf-8", "backslashreplace")


class Recorder(Masking):
    """The one place where an exchange becomes something that is kept."""

    def __init__(self, target: Target, redactor: Redactor) -> None:
        super().__init__(redactor)
        self._target = target

    def evidence(self, exchange: Exchange) -> dict[str, Any]:
        """The exchange as results.json has it."""
        request = exchange.request
        url = self._redactor.text(self._url(request))
        return self._evidence(exchange, url, self._request_headers(request), self.curl(request))

    def replayable(self, exchange: Exchange, longest: int) -> dict[str, Any]:
        """The exchange with all that judging it again needs: whole, unless its body is longer than that."""
        request, response = exchange.request, exchange.response
        left_out = response is not None and len(response.body) > longest
        members = {name: getattr(request, name) for name in request.__slots__}
        members.update(
            body=_kept(self._redactor.body(request.body)) if request.body is not None else None,
            asked=dict(request.asked),
            resources=dict(request.resources),
        )
        shown = {
            "url": self._url(request),
            "headers": self._request_headers(request),
            "curl": self.curl(request),
        }
        return {
            "request": self._redactor.value(members),
            "response": None if response is None or left_out else self._kept_response(response),
            "failure": self.text(exchange.failure) if exchange.failure else None,
            "started": exchange.started,
            "seen": exchange.seen,
            "unanswered": exchange.unanswered,
            "key_died": exchange.key_died,
            "left_out": left_out,
            "shown": self._redactor.value(shown),
        }

    def curl(self, request: Request) -> str:
        """The request as a shell line: keys stand as variables, bodies as they were sent."""
        parts = ["curl", "-sS", "-i", "--http1.1", "--globoff", "--path-as-is", *self._trust()]
        if request.method == "HEAD":
            parts.append("--head")
        elif request.method != "GET" or request.body is not None:
            parts += ["-X", request.method]
        line = " ".join(map(shlex.quote, parts)) + "".join(f" -H {header}" for header in self._curl_headers(request))
        url = shlex.quote(self._redactor.text(self._url(request)))
        if request.body is None:
            return f"{line} {url}"
        body = self._redactor.text(request.body.decode("utf-8", "surrogateescape"))
        if body.isprintable() and len(body) <= LONGEST_ARGUMENT and body[:1] != "@":
            return f"{line} --data-binary {shlex.quote(body)} {url}"
        return f"printf {_printed(body)} | {line} --data-binary @- {url}"

    # ------------------------------------------------------------ parts

    def _kept_response(self, response: Response) -> dict[str, Any]:
        body, secrets_shown = self._masked_in_place(response.content())
        return {
            "status": response.status,
            "headers": [(self.text(name), self.text(value)) for name, value in response.headers],
            "body": _kept(body),
            "secrets_shown": secrets_shown,
            "elapsed_s": round(response.elapsed_s, 4),
            "problem": self.text(response.problem) if response.problem else None,
            "too_large": response.too_large,
        }

    def _masked_in_place(self, body: bytes) -> tuple[bytes, bool]:
        """A body without secrets and otherwise byte for byte, and whether it showed secrets of the target's own."""
        rewritten = self._without_secret_members(body)
        masked = self._redactor.body(body)
        if rewritten is body:
            return masked, False
        # Its secrets are known by now, but for those of a member that occurs twice, of which a parser sees the last.
        # Those too short to be looked for everywhere leave only the rewritten body.
        masked = _without_secret_texts(masked)
        return (masked if self._without_secret_members(masked) is masked else self._redactor.body(rewritten)), True

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
        """How curl is to look at certificates, where the target file has a word on it."""
        verify = self._target.verify_tls
        if isinstance(verify, bool):
            return [] if verify else ["--insecure"]
        return ["--cacert", str(verify)]


def _without_secret_texts(body: bytes) -> bytes:
    """The secret members of what is no JSON, or not only once there, found by the looks of them."""

    def masked(match: re.Match[bytes]) -> bytes:
        name, value = match["name"].decode(), match["value"].decode("utf-8", "replace")
        return match[0] if not value or is_masked(value) else match["before"] + f'"[secret auth.{name}]"'.encode()

    return _SECRET_TEXT.sub(masked, body)


def _kept(data: bytes) -> Any:
    """Bytes as JSON holds them without loss: text where they are, else base64."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _printed(text: str) -> str:
    """A format for printf that gives these bytes and no others, whatever they are."""
    octal = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "\\%'-" else f"\\{byte:03o}"
        for byte in text.encode("utf-8", "surrogateescape")
    )
    return f"'{octal}'"
