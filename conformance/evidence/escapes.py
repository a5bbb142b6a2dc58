"""Escapes that hide text: percent-encoding, JSON escapes, HTML references, and the zero bytes of UTF-16.

One layer of them is undone at a time, in time proportional to the data. Runs of equal escapes are undone together, so
that data which consist of nothing else cost no more.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ESCAPE = re.compile(
    # JSON
    rb"(?P<backslashes>(?:\\\\)++)|(?P<quotes>(?:\\[\"/])++)|\\(?P<control>[bfnrt])"
    rb"|(?P<ascii>(?:\\u00[0-7][0-9a-fA-F])++)"
    rb"|\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})|\\u(?P<unit>[0-9a-fA-F]{4})"
    # URLs
    rb"|(?P<percent>(?:%[0-9a-fA-F]{2})++)"
    # HTML
    rb"|&#[xX](?P<hexadecimal>[0-9a-fA-F]{1,6});|&#(?P<decimal>[0-9]{1,7});|&(?P<name>amp|lt|gt|quot|apos);"
    # UTF-16
    rb"|(?P<zeros>\x00++)"
)
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_NAMES = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
#: of runs of equal escapes, how many bytes one escape has
_WIDTHS = {"backslashes": 2, "quotes": 2, "ascii": 6, "percent": 3}


def has_escapes(data: bytes) -> bool:
    """Whether there may be escapes in the data."""
    return b"\\" in data or b"%" in data or b"&" in data or b"\0" in data


def unescape(data: bytes) -> bytes:
    """The data with one layer of escapes undone."""
    return _ESCAPE.sub(_plain, data) if has_escapes(data) else data


def _plain(match: re.Match[bytes]) -> bytes:
    return _PLAIN[match.lastgroup or ""](match)


def _surrogates(match: re.Match[bytes]) -> bytes:
    high, low = int(match["high"], 16) - 0xD800, int(match["low"], 16) - 0xDC00
    return chr(0x10000 + high * 0x400 + low).encode()


def _character(match: re.Match[bytes], digits: bytes, base: int) -> bytes:
    code = int(digits, base)
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else match[0]


_PLAIN: dict[str, Callable[[re.Match[bytes]], bytes]] = {
    "percent": lambda match: bytes.fromhex(match[0].replace(b"%", b"").decode()),
    "quotes": lambda match: match[0][1::2],
    "backslashes": lambda match: match[0][::2],
    "ascii": lambda match: bytes.fromhex(match[0].replace(b"\\u00", b"").decode()),
    "zeros": lambda _: b"",
    "control": lambda match: _CONTROLS[match["control"]],
    "name": lambda match: _NAMES[match["name"]],
    "low": _surrogates,
    "unit": lambda match: _character(match, match["unit"], 16),
    "hexadecimal": lambda match: _character(match, match["hexadecimal"], 16),
    "decimal": lambda match: _character(match, match["decimal"], 10),
}


class Origins:
    """Maps places in `unescape(data)` to places in `data`."""

    def __init__(self, data: bytes) -> None:
        self._starts: list[int] = []
        #: of each escape: where its text ends in the plain data, its place in the data, and the width of one escape
        self._escapes: list[tuple[int, int, int, int]] = []
        shortened = 0
        for match in _ESCAPE.finditer(data):
            start, length = match.start() - shortened, len(_plain(match))
            self._starts.append(start)
            self._escapes.append((start + length, match.start(), match.end(), _WIDTHS.get(match.lastgroup or "", 0)))
            shortened += len(match[0]) - length

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The span of the data that a span of the unescaped data comes from; an escape counts as a whole."""
        return self._at(start)[0], self._at(end - 1)[1]

    def _at(self, position: int) -> tuple[int, int]:
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return position, position + 1
        plain_end, start, end, width = self._escapes[index]
        if position >= plain_end:
            place = end + position - plain_end
            return place, place + 1
        if width:
            place = start + (position - self._starts[index]) * width
            return place, place + width
        return start, end
