r"""Redaction by value: no secret leaves the suite in any encoding, and no other evidence is touched.

Each secret is looked for as it is, as hex, and as base64 in all three alignments (so inside `Basic user:pass` as
well), standard and URL-safe; and all of these again under percent-encoding, JSON escapes (`\/`, `\uXXXX`), HTML
references and UTF-16's zero bytes, in any mixture and up to three layers deep. What is found is replaced by a label:
`[key full]`.

A secret shorter than six characters occurs by chance: looking for it everywhere would shred the evidence. It is
replaced where it is a credential: as the whole value of a header, or after an authentication scheme.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

SHORTEST = 6
LONGEST = 4096  # longer secrets are looked for in pieces of this length
MAX_LEARNT = 512
DEEPEST = 200
LAYERS = 3
SECRET_MEMBERS = ("secret", "api_key", "base64_config")


class _Form(NamedTuple):
    """How a secret may stand in the evidence; `base64` forms own a part of the characters beside them."""

    label: str
    base64: bool


class Redactor:
    """Knows the secrets of a run and takes them out of whatever is to be kept. Safe to use from several threads."""

    def __init__(self, secrets: Mapping[str, str] | Iterable[str] = ()) -> None:
        self._forms: dict[bytes, _Form] = {}
        self._short: dict[bytes, str] = {}
        self._learnt: set[str] = set()
        self._lock = threading.Lock()
        named = secrets.items() if isinstance(secrets, Mapping) else ((str(i), s) for i, s in enumerate(secrets, 1))
        for label, secret in named:
            self.add(label, secret)

    def add(self, label: str, secret: str) -> None:
        """Learns a key of the target, to be shown as `[key label]`."""
        self._add(f"[key {label}]", secret)

    def _add(self, label: str, secret: str) -> None:
        with self._lock:
            if 0 < len(secret) < SHORTEST:
                self._short = {**self._short, _encode(secret): label}
            elif secret:
                forms = {form: _Form(label, encoded) for piece in _pieces(secret) for form, encoded in _forms_of(piece)}
                self._forms = {**forms, **self._forms}  # replaced, not changed: a reader in another thread goes on

    @property
    def learnt(self) -> int:
        """How many secrets the target itself gave away so far."""
        return len(self._learnt)

    def body(self, data: bytes, limit: int | None = None) -> bytes:
        """The bytes with every secret replaced; with `limit`, those that come from the first `limit` bytes.

        A secret that the limit would cut in two is replaced as a whole, so that no half of it stays.
        """
        limit = len(data) if limit is None else limit
        window = data[: limit + self._margin()] if limit < len(data) else data
        kept, position = [], 0
        for start, end, label in self._spans(window):
            if start >= limit:
                break
            kept += [window[position:start], label.encode()]
            position = end
        kept.append(window[position:limit])
        return b"".join(kept)

    def text(self, text: str) -> str:
        """The text with every secret replaced."""
        data = _encode(text)
        redacted = self.body(data)
        return text if redacted == data else redacted.decode("utf-8", "surrogatepass")

    def cut_text(self, text: str) -> str:
        """The same for text that was cut, as "…" tells, maybe in the midst of a secret: its beginning goes as well."""
        data = _encode(self.text(text))
        if _CUT not in data:
            return data.decode("utf-8", "surrogatepass")
        pieces = data.split(_CUT)
        return _CUT.join([*map(self._without_beginning, pieces[:-1]), pieces[-1]]).decode("utf-8", "surrogatepass")

    def _without_beginning(self, data: bytes) -> bytes:
        """The data without the beginning of a secret at its end."""
        for form, (label, _) in self._forms.items():
            start = data.find(form[:SHORTEST], max(0, len(data) - len(form)))
            while start >= 0:
                if form.startswith(data[start:]):
                    return data[:start] + label.encode()
                start = data.find(form[:SHORTEST], start + 1)
        return data

    def found(self, evidence: bytes | str) -> set[str]:
        """The labels of the secrets that stand in it."""
        return {label for _, _, label in self._spans(_encode(evidence) if isinstance(evidence, str) else evidence)}

    def headers(self, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
        """The headers with every secret replaced; those given several times are joined as HTTP does."""
        shown: dict[str, str] = {}
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            clean = self._header(value)
            name = self.text(name)  # noqa: PLW2901 - the name as it is shown
            shown[name] = f"{shown[name]}, {clean}" if name in shown else clean
        return shown

    def _header(self, value: str) -> str:
        scheme, _, rest = value.partition(" ")
        credential = _encode(rest.strip() or scheme)
        for short, label in self._short.items():
            if short == credential or short in _from_base64(credential).split(b":"):
                return f"{scheme} {label}" if rest else label
        return self.text(value)

    def value(self, value: Any) -> Any:
        """JSON data with every secret replaced, in names and in numbers as well."""
        return _rebuilt(value, self._leaf)

    def _leaf(self, leaf: Any) -> Any:
        if isinstance(leaf, str):
            return self.text(leaf)
        if leaf is None or isinstance(leaf, bool):
            return leaf
        digits = _number(leaf)
        clean = self.text(digits)
        return leaf if clean == digits else clean

    def mask_secret_members(self, body: Any) -> Any:
        """JSON data without the secrets that the target itself returns, which are learnt on the way.

        Those are `auth.secret`, `auth.api_key` and `auth.base64_config` of an integration, wherever in a body it
        stands. What the target has masked already stays as it is: that is evidence, and no secret.
        """
        return self._masked(body, DEEPEST)

    def _masked(self, value: Any, depth: int) -> Any:
        if isinstance(value, list):
            return [self._masked(item, depth - 1) for item in value] if depth else _TOO_DEEP
        if not isinstance(value, dict):
            return value
        if not depth:
            return _TOO_DEEP
        masked = {name: self._masked(item, depth - 1) for name, item in value.items()}
        if isinstance(value.get("auth"), dict):
            masked["auth"] = {**masked["auth"], **self._masked_auth(value["auth"])} if depth > 1 else _TOO_DEEP
        return masked

    def _masked_auth(self, auth: dict[str, Any]) -> dict[str, Any]:
        secret = {name: auth[name] for name in SECRET_MEMBERS if name in auth and not _is_definition(auth[name])}
        return {name: self._masked_secret(f"[secret auth.{name}]", value) for name, value in secret.items()}

    def _masked_secret(self, label: str, value: Any) -> Any:
        """The label in the place of the value: of a string or number, or of all those inside a wrong shape."""

        def mask(leaf: Any) -> Any:
            if leaf is None or isinstance(leaf, bool) or leaf == "":
                return leaf
            secret = leaf if isinstance(leaf, str) else _number(leaf)
            if is_masked(secret):
                return leaf
            if len(self._learnt) < MAX_LEARNT and secret not in self._learnt:
                self._learnt.add(secret)
                self._add(label, secret)
            return label

        return _rebuilt(value, mask)

    def _margin(self) -> int:
        """How far behind a limit a secret can reach: six bytes for each of its characters, in each layer."""
        longest = max(map(len, self._forms), default=0)
        return longest * 6 * LAYERS

    def _spans(self, data: bytes) -> list[tuple[int, int, str]]:
        """Where secrets stand, in order and without overlap."""
        found = list(self._credentials(data))
        layer = _Layer(data)
        for _ in range(LAYERS + 1):
            found += [(*layer.source(start, end), label) for start, end, label in self._plain_spans(layer.data)]
            if not any(sign in layer.data for sign in _SIGNS):
                break
            layer = layer.decoded()
        return _merged(found)

    def _plain_spans(self, data: bytes) -> Iterable[tuple[int, int, str]]:
        # For a few hundred forms, one `in` each is several times faster than one regular expression for all.
        forms = self._forms
        for form in [form for form in forms if form in data]:
            start = data.find(form)
            while start >= 0:
                end = start + len(form)
                yield (*(_widened(data, start, end) if forms[form].base64 else (start, end)), forms[form].label)
                start = data.find(form, start + 1)

    def _credentials(self, data: bytes) -> Iterable[tuple[int, int, str]]:
        for short, label in self._short.items():
            pattern = rb"(?i:\b(?:bearer|basic|token|digest)\s+)(" + re.escape(short) + rb")(?![\w+/=-])"
            for match in re.finditer(pattern, data):
                yield (*match.span(1), label)


_TOO_DEEP = "[nested too deeply]"
_CUT = "…".encode()
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]")
_SIGNS = (b"%", b"\\", b"&", b"\0")
_ESCAPE = re.compile(
    rb"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\([\"\\/bfnrt])"
    rb"|%([0-9a-fA-F]{2})|&#[xX]([0-9a-fA-F]{1,6});|&#([0-9]{1,7});|&(amp|lt|gt|quot|apos);|\x00"
)
_JSON_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_HTML_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


@dataclass(slots=True)
class _Layer:
    """Data with its escapes decoded, and where each decoded piece stands in the data that we were given."""

    data: bytes
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    origins: list[tuple[int, int]] = field(default_factory=list)
    below: _Layer | None = None

    def decoded(self) -> _Layer:
        """One layer of escapes less."""
        above = _Layer(b"", below=self)
        kept, position, length = [], 0, 0
        for match in _ESCAPE.finditer(self.data):
            plain = _unescaped(match)
            length += match.start() - position
            kept += [self.data[position : match.start()], plain]
            above.starts.append(length)
            length += len(plain)
            above.ends.append(length)
            above.origins.append(match.span())
            position = match.end()
        above.data = b"".join([*kept, self.data[position:]])
        return above

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The place in the given data of a place in this layer; an escape counts as a whole."""
        if self.below is None:
            return start, end
        return self.below.source(self._origin(start)[0], self._origin(end - 1)[1])

    def _origin(self, position: int) -> tuple[int, int]:
        index = bisect_right(self.starts, position) - 1
        if index < 0:
            return position, position + 1
        if position < self.ends[index]:
            return self.origins[index]
        place = self.origins[index][1] + position - self.ends[index]
        return place, place + 1


def _unescaped(match: re.Match[bytes]) -> bytes:
    high, low, unit, short, percent, hexadecimal, decimal, named = match.groups()
    if high:
        return chr(0x10000 + (int(high, 16) - 0xD800) * 0x400 + int(low, 16) - 0xDC00).encode()
    if percent:
        return bytes.fromhex(percent.decode())
    if short:
        return _JSON_SHORT.get(short, short)
    if named:
        return _HTML_NAMED[named]
    if unit or hexadecimal or decimal:
        code = int(decimal) if decimal else int(unit or hexadecimal, 16)
        return _encode(chr(code)) if code < 0x110000 else match[0]
    return b""  # a zero byte: what UTF-16 puts between the letters


def _merged(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    merged: list[tuple[int, int, str]] = []
    for start, end, label in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
        else:
            merged.append((start, end, label))
    return merged


def _widened(data: bytes, start: int, end: int) -> tuple[int, int]:
    """A base64 form with the characters beside it, which hold some bits of the secret's ends, and the padding."""
    if start and _BASE64.match(data, start - 1):
        start -= 1
    if _BASE64.match(data, end):
        end += 1
    while data[end : end + 1] == b"=":
        end += 1
    return start, end


def _forms_of(secret: str) -> Iterable[tuple[bytes, bool]]:
    """Every form to look for, and whether it is base64. Decoding a secret that itself looks escaped is one, too."""
    raw = _encode(secret)
    plain, layer = {raw, *map(_encode, _written(secret))}, _Layer(raw)
    for _ in range(LAYERS):
        layer = layer.decoded()
        if len(layer.data) >= SHORTEST:
            plain.add(layer.data)
    for form in plain | {raw.hex().encode(), raw.hex().upper().encode()}:
        yield form, False
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]
        yield encoded, True
        yield encoded.replace(b"+", b"-").replace(b"/", b"_"), True


def _written(secret: str) -> Iterable[str]:
    """How it is usually escaped. A sign just before it, as `%` before `0a`, could not hide these in decoding."""
    quoted = quote(secret, safe="", errors="surrogatepass")
    yield from (quoted, quote(quoted), quote_plus(secret, errors="surrogatepass"), html.escape(secret))
    yield re.sub("%..", lambda escape: escape[0].lower(), quoted)
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])


def _pieces(secret: str) -> list[str]:
    starts = range(0, len(secret), LONGEST)
    return [secret[max(0, min(start, len(secret) - SHORTEST)) :][:LONGEST] for start in starts]


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return b""


_BRACKETED = re.compile(r"[\[<({]{1,2}[A-Za-z][A-Za-z _-]{0,23}[\])>}]{1,2}")
_MASK = re.compile(r"[-_. ]?([*\uff0a\u2217•●∙◦○■▪█▓▒░…]+|([xX#.·_-])\2{2,})[-_. ]?")
_MAX_SHOWN = 4


def is_masked(value: str) -> bool:
    """Whether a value is a mask: mask characters or a bracketed word, at most four characters of a secret shown.

    Of a secret of four characters or fewer nothing may show, so a mask that short must show none.
    """
    shown = _MASK.sub("", _BRACKETED.sub("", value))
    return shown != value and len(shown) <= (_MAX_SHOWN if len(value) > _MAX_SHOWN else 0)


def _is_definition(value: Any) -> bool:
    """Whether it describes a field of an integration's form, which has the same names and holds no secret."""
    return isinstance(value, dict) and isinstance(value.get("required"), bool)


def _number(number: Any) -> str:
    return json.dumps(number, default=str)


def _rebuilt(value: Any, leaf: Callable[[Any], Any], depth: int = DEEPEST) -> Any:
    """A copy of JSON data with every leaf and every name put through `leaf`."""
    if isinstance(value, dict):
        return {leaf(name): _rebuilt(item, leaf, depth - 1) for name, item in value.items()} if depth else _TOO_DEEP
    if isinstance(value, list | tuple):
        return [_rebuilt(item, leaf, depth - 1) for item in value] if depth else _TOO_DEEP
    return leaf(value)
