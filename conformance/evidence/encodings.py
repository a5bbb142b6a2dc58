"""The encodings in which a secret is looked for: the closed list that docs/security.md promises.

A secret is looked for as it is, in upper and lower case, as UTF-16, hexadecimal, base32 and base64; as base64 of
base64, of hexadecimal and of UTF-16; in all alignments, so that it is found within a longer text that was encoded. All
of these are found under percent-encoding, JSON escapes and HTML references as well (`evidence.escapes`).
"""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from conformance.evidence.escapes import unescape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: longer secrets are looked for in pieces of this length
MAX_PIECE = 512
#: After this many pieces, the rest of a secret is masked only at the member that holds it.
MAX_PIECES = 64
#: How many layers of escapes are undone.
LAYERS = 3


@dataclass(frozen=True, slots=True)
class Form:
    """How a secret may be written; in a `grouped` form the characters beside it hold some bits of it as well."""

    text: bytes
    grouped: bool = False


def forms_of(secret: str, shortest: int) -> set[Form]:
    """Every form to look for, none of them shorter than `shortest` bytes."""
    return {form for piece in _pieces(secret, shortest) for form in _forms(piece) if len(form.text) >= shortest}


def _pieces(secret: str, shortest: int) -> Iterable[str]:
    starts = range(0, min(len(secret), MAX_PIECE * MAX_PIECES), MAX_PIECE)
    return [secret[max(0, min(start, len(secret) - shortest)) :][:MAX_PIECE] for start in starts]


def _forms(secret: str) -> Iterator[Form]:
    raw = encode(secret)
    utf16 = [secret.encode(name, "surrogatepass") for name in ("utf-16-le", "utf-16-be")]
    hexadecimal = [data.hex().encode() for data in (raw, *utf16)]
    plain = [raw, *utf16, *map(encode, _written(secret)), *_unescaped(raw), *hexadecimal]
    yield from map(Form, (*plain, *map(bytes.upper, hexadecimal)))
    for data in _aligned(raw, 5, base64.b32encode):
        yield from (Form(data, grouped=True), Form(data.lower(), grouped=True))
    once = list(_aligned(raw, 3, base64.b64encode))
    for data in (*once, hexadecimal[0], hexadecimal[0].upper(), *utf16):
        once += _aligned(data, 3, base64.b64encode)
    for data in once:
        yield from (Form(data, grouped=True), Form(data.translate(_TO_URL_SAFE), grouped=True))


_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def encode(text: str) -> bytes:
    """Text as UTF-8, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def _written(secret: str) -> Iterator[str]:
    """The secret in the usual escapes. A sign just before it, such as `%` before `0a`, cannot hide these."""
    quoted = quote(secret, safe="", errors="surrogatepass")
    yield from (quoted, quote(quoted), quote_plus(secret, errors="surrogatepass"), html.escape(secret))
    yield re.sub("%..", lambda escape: escape[0].lower(), quoted)
    for ascii_only in (True, False):
        text = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield from (text, text.replace("/", "\\/"))


def _unescaped(raw: bytes) -> Iterator[bytes]:
    """A secret that itself looks escaped, with its escapes undone."""
    for _ in range(LAYERS):
        raw = unescape(raw)
        yield raw


def _aligned(data: bytes, group: int, encoder: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """For each alignment, the part of the encoding that does not depend on the text around the data.

    `group` bytes are encoded together.
    """
    characters = len(encoder(bytes(group)))
    for before in range(group):
        encoded = encoder(bytes(before) + data)
        first = -(-before * characters // group)
        yield encoded[first : (before + len(data)) * characters // group]
