"""How a request is shown: its address, its headers, and a shell command that sends it again. None has a key in it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

from conformance.evidence.memory import Masked
from conformance.evidence.search import WINDOW
from conformance.http.credentials import authorization_for_shell

if TYPE_CHECKING:
    from conformance.config.target import Target
    from conformance.evidence.redaction import Redactor
    from conformance.http.exchange import Headers, Request

#: a longer body would be no argument that every system takes
MAX_ARGUMENT = 30_000
#: a longer body is not written into a shell line
MAX_PRINTED = 128 * 1024
#: how printf's format gives each byte
_PRINTED = [chr(byte) if 32 <= byte < 127 and chr(byte) not in "\\%'-" else f"\\{byte:03o}" for byte in range(256)]


#: bytes of heads that are remembered
HEADS = 2**20

#: method, key, authorization, hub id, headers, left-out headers, whether there is a body
HeadKey = tuple[str, str, str | None, str | None, "Headers", tuple[str, ...], bool]


class _Head(NamedTuple):
    """The headers as they are shown, and the command up to the address and the body."""

    headers: dict[str, str]
    command: str


class Data(NamedTuple):
    """What a body adds to a command: what comes before `curl`, before the address, and after it."""

    before: str = ""
    option: str = ""
    after: str = ""


class Shown:
    """Shows requests. Safe to use from several threads."""

    def __init__(self, target: Target, redactor: Redactor) -> None:
        self._target = target
        self._redactor = redactor
        self._heads: Masked[HeadKey, _Head] = Masked(redactor, HEADS)

    def url(self, request: Request) -> str:
        """The address of a request."""
        return self.address(request)[0]

    def address(self, request: Request) -> tuple[str, str, str]:
        """The address of a request, with its path and its query by themselves."""
        plain, text = f"{self._target.base_url.rstrip('/')}{request.target}", self._redactor.text
        url = text(plain)
        # The slash and the question mark before them end any escape, so a secret in the path or the query is also
        # found in the whole address.
        if url is plain and request.path.startswith("/") and len(plain) <= WINDOW:
            return url, request.path, request.query
        return url, text(request.path), text(request.query)

    def headers(self, request: Request) -> dict[str, str]:
        """The headers that a request is sent with, with variables for keys."""
        return dict(self._head(request).headers)

    def curl(self, request: Request) -> str:
        """The request as a shell command: with variables for keys, and the body exactly as it was sent."""
        data = Data() if request.body is None else self.data(request.body)
        return f"{data.before}{self.command(request)}{data.option} {shlex.quote(self.url(request))}{data.after}"

    def command(self, request: Request) -> str:
        """The command up to the address and the body."""
        return self._head(request).command

    def data(self, body: bytes) -> Data:
        """What a body adds to the command."""
        if len(body) > MAX_PRINTED:
            return Data("", " --data-binary @body", f"  # body: a file of {len(body)} bytes, which are not kept")
        text = self._redactor.text(body.decode("utf-8", "surrogateescape"))
        if text.isprintable() and len(text) <= MAX_ARGUMENT and text[:1] != "@":
            return Data("", f" --data-binary {shlex.quote(text)}")
        return Data(f"printf {_printed(text)} | ", " --data-binary @-")

    # ------------------------------------------------------------ parts

    def _head(self, request: Request) -> _Head:
        return self._heads.get(head_key(request), head_size(request), lambda: self._new_head(request))

    def _new_head(self, request: Request) -> _Head:
        shown: dict[str, str] = {}
        for name, value, _ in self._headers(request):
            shown[name] = f"{shown[name]}, {value}" if name in shown else value
        parts = ["curl", "-sS", "-i", "--http1.1", "--globoff", "--path-as-is", *self._trust()]
        if request.method == "HEAD":
            parts.append("--head")
        elif request.method != "GET" or request.body is not None:
            parts += ["-X", request.method]
        options = "".join(f" -H {header}" for header in self._curl_headers(request))
        return _Head(shown, " ".join(map(shlex.quote, parts)) + options)

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


def head_key(request: Request) -> HeadKey:
    """All that a request has beside its address and the content of its body."""
    given = request.method, request.key, request.authorization, request.hub_id
    return (*given, request.headers, request.without, request.body is not None)


def head_size(request: Request) -> int:
    """How many bytes what is made of that takes up; roughly."""
    sent = sum(len(name) + len(value) for name, value in request.headers)
    return 6 * sent + 2 * len(request.authorization or "") + 1024


def _printed(text: str) -> str:
    """A format for printf that gives these bytes and no others, whatever they are."""
    return f"'{''.join(map(_PRINTED.__getitem__, text.encode('utf-8', 'surrogateescape')))}'"
