"""Exchanges as lines of the archive: masked, with all that judging them again needs.

Nearly every exchange of a run has most in common with earlier ones. So a line is put together of parts that are masked
and written as JSON once, for as long as no further secret becomes known.
"""

from __future__ import annotations

import base64
import json
import shlex
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from conformance.evidence import secret_members
from conformance.evidence.memory import Masked
from conformance.evidence.shown import Data, head_key, head_size

if TYPE_CHECKING:
    from conformance.evidence.recorder import Recorder
    from conformance.evidence.shown import HeadKey
    from conformance.http.exchange import Exchange, Request, Response

#: bytes of bodies that are remembered, and of everything else
BODIES, OTHERS = 4 * 2**20, 2**20
#: longer bodies are not remembered
LONGEST_REMEMBERED = 32 * 1024


class _Address(NamedTuple):
    """The address of a request: as members of it, as it is shown, and as an argument of a command."""

    members: str
    shown: str
    argument: str


class _Head(NamedTuple):
    """What a request has beside its address and its body: as members of it, as it is shown, and as a command.

    `first`: the members that come before the address.
    """

    first: str
    members: str
    shown: str
    command: str


class _Sent(NamedTuple):
    """The body of a request, and what it adds to the command."""

    body: str
    data: Data


_NULL = "null"
_TRUTH = {True: "true", False: "false"}
_NO_BODY = _Sent(_NULL, Data())


class Lines:
    """Writes exchanges as JSON. Safe to use from several threads."""

    def __init__(self, recorder: Recorder) -> None:
        redactor = recorder.redactor
        self._recorder = recorder
        self._shown = recorder.shown
        self._redactor = redactor
        self._addresses: Masked[tuple[str, str], _Address] = Masked(redactor, OTHERS)
        self._heads: Masked[tuple[str, HeadKey], _Head] = Masked(redactor, OTHERS)
        self._headers: Masked[tuple[str, str], str] = Masked(redactor, OTHERS)
        self._sent: Masked[bytes, _Sent] = Masked(redactor, BODIES)
        self._answers: Masked[bytes, str] = Masked(redactor, BODIES)

    def line(self, exchange: Exchange, longest: int) -> str:
        """The exchange as one line without its end; without its bodies where one of them is longer than that."""
        request, response = exchange.request, exchange.response
        is_whole = len(request.body or b"") <= longest and (
            response is None or (len(response.body) <= longest and not response.too_large)
        )
        answer = self._response(exchange, response) if is_whole and response is not None else None
        is_whole = is_whole and (response is None or answer is not None)
        address, head = self._address(request), self._head(request)
        sent = _NO_BODY if request.body is None else self._body(request.body, is_kept=is_whole)
        before, option, after = sent.data
        rest, state = self._rest(request), self._state(exchange, is_whole=is_whole)
        return (
            f'{{"request": {{{head.first}, {address.members}, {head.members}, "body": {sent.body}, {rest}}}, '
            f'"response": {answer or _NULL}, {state}, "shown": {{"url": {address.shown}, "headers": {head.shown}, '
            f'"curl": "{before}{head.command}{option} {address.argument}{after}"}}}}'
        )

    def clean_again(self, line: str) -> str:
        """A line without the secrets that became known after it was made."""
        record = json.loads(line)
        response = record["response"]
        if response is None:
            return line
        body = _bytes_of(response["body"])
        clean = self._redactor.body(body)
        if clean.count(secret_members.LABEL) > body.count(secret_members.LABEL):
            return json.dumps({**record, "response": None, "left_out": True})
        headers = [(self._redactor.text(name), self._redactor.text(value)) for name, value in response["headers"]]
        return json.dumps({**record, "response": {**response, "headers": headers, "body": _kept(clean)}})

    # ------------------------------------------------------------ parts of a request

    def _rest(self, request: Request) -> str:
        """The members that come after the body."""
        kind = request.expected, request.throttled, request.sender, request.denied, request.ownership
        known = _members(
            resources=dict(request.resources),
            asked={name: self._redactor.text(value) for name, value in request.asked.items()},
            without=request.without,
            check=request.check,
        )
        return f"{_kind(*kind)}, {known}"

    def _address(self, request: Request) -> _Address:
        size = 6 * len(request.target)
        return self._addresses.get((request.path, request.query), size, lambda: self._new_address(request))

    def _new_address(self, request: Request) -> _Address:
        url, path, query = self._shown.address(request)
        return _Address(_members(path=path, query=query), json.dumps(url), _inside(shlex.quote(url)))

    def _head(self, request: Request) -> _Head:
        key = request.operation, head_key(request)
        return self._heads.get(key, 2 * head_size(request), lambda: self._new_head(request))

    def _new_head(self, request: Request) -> _Head:
        header = self._redactor.header
        members = _members(
            key=request.key,
            authorization=None if request.authorization is None else header(request.authorization),
            hub_id=request.hub_id,
            headers=[(name, header(value)) for name, value in request.headers],
        )
        first = _members(operation=request.operation, method=request.method)
        return _Head(first, members, json.dumps(self._shown.headers(request)), _inside(self._shown.command(request)))

    def _body(self, body: bytes, *, is_kept: bool) -> _Sent:
        if len(body) > LONGEST_REMEMBERED:
            return _Sent(self._masked(body) if is_kept else _NULL, self._data(body))
        sent = self._sent.get(body, 4 * len(body), lambda: _Sent(self._masked(body), self._data(body)))
        return sent if is_kept else _Sent(_NULL, sent.data)

    def _masked(self, body: bytes) -> str:
        return json.dumps(_kept(self._redactor.body(body)))

    def _data(self, body: bytes) -> Data:
        return Data(*map(_inside, self._shown.data(body)))

    # ------------------------------------------------------------ parts of a response

    def _state(self, exchange: Exchange, *, is_whole: bool) -> str:
        """The members that come after the response."""
        seen = _NULL if exchange.seen is None else json.dumps(exchange.seen)
        return (
            f'"failure": {self._text(exchange.failure)}, "started": {exchange.started}, "seen": {seen}, '
            f'"unanswered": {_TRUTH[exchange.unanswered]}, "key_died": {_TRUTH[exchange.key_died]}, '
            f'"left_out": {_TRUTH[not is_whole]}'
        )

    def _text(self, text: str | None) -> str:
        return json.dumps(self._recorder.text(text)) if text else _NULL

    def _response(self, exchange: Exchange, response: Response) -> str | None:
        """The response; None where masking altered it so that judging it again would judge the mask.

        That happens if a secret of the target occurs outside its member, within other text.
        """
        body = response.body
        # What is learnt from a body that cannot be used is less than what is learnt from an equal one that can.
        if isinstance(body, bytes) and len(body) <= LONGEST_REMEMBERED and response.problem is None:
            answer = self._answers.get(body, 3 * len(body), lambda: self._answer(exchange, response))
        else:
            answer = self._answer(exchange, response)
        if not answer:
            return None
        headers = ", ".join(map(self._header, response.headers))
        return (
            f'{{"status": {response.status}, "headers": [{headers}], {answer}, '
            f'"elapsed_s": {round(response.elapsed_s, 4)}, "problem": {self._text(response.problem)}, '
            f'"too_large": {_TRUTH[response.too_large]}}}'
        )

    def _answer(self, exchange: Exchange, response: Response) -> str:
        """The body of a response, and whether it has secrets in their members; empty where it cannot be kept."""
        self._recorder.learn(exchange, response)
        body = response.content()
        placed = secret_members.mask_places(body)
        masked = self._redactor.body(placed)
        if masked.count(secret_members.LABEL) > placed.count(secret_members.LABEL):
            return ""
        return _members(body=_kept(masked), secrets_shown=placed is not body)

    def _header(self, header: tuple[str, str]) -> str:
        return self._headers.get(header, 4 * len(header[1]), lambda: self._new_header(*header))

    def _new_header(self, name: str, value: str) -> str:
        return json.dumps([self._redactor.text(name), self._redactor.text(value)])


@lru_cache(maxsize=256)
def _kind(expected: str, throttled: str, sender: str, denied: str | None, ownership: str) -> str:
    """What kind of request it is, as members of it."""
    return _members(expected=expected, throttled=throttled, sender=sender, denied=denied, ownership=ownership)


def _members(**members: object) -> str:
    """Members of a JSON object, without its braces."""
    return json.dumps(members)[1:-1]


def _inside(text: str) -> str:
    """The text within the quotes of a JSON text."""
    return json.dumps(text)[1:-1]


def _kept(data: bytes) -> str | dict[str, str]:
    """Bytes as JSON holds them without loss: text where they are, else base64."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _bytes_of(kept: str | dict[str, str]) -> bytes:
    """What `_kept` was given."""
    return kept.encode() if isinstance(kept, str) else base64.b64decode(kept["base64"])
