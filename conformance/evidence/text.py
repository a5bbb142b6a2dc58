"""Makes foreign text safe to show: visible and bounded. Whoever writes a format escapes for it."""

from __future__ import annotations

import re
from functools import lru_cache

# What a reader cannot see or a terminal acts upon: controls but newline and tab, soft hyphen, zero-width and
# bidirectional marks, line separators, the byte order mark, noncharacters, lone surrogates, tags.
# All that XML 1.0 forbids is among them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17))
    + "]"
)


def visible(text: str) -> str:
    r"""The text with each invisible character as a JSON escape (`\u001b`), so that JSON stays JSON."""
    if text.isascii() and text.isprintable():  # nearly all of it: many times as fast as the expression
        return text
    if not _INVISIBLE.search("".join(set(text))):  # each character once: the class is slow to search for
        return text
    return _INVISIBLE.sub(lambda match: _escape(match[0]), text)


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and how long it was."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text):,} characters)"


def one_line(text: str, limit: int = 400) -> str:
    """The text as one visible line of bounded length."""
    return visible(cut(text, limit)).replace("\n", "\\n").replace("\t", "\\t")


def block(text: str, lines: int = 60, width: int = 1000) -> str:
    """The text as visible lines, bounded in both directions."""
    rows = text.split("\n")
    shown = [visible(cut(row, width)) for row in rows[:lines]]
    if len(rows) > lines:
        shown.append(f"… {len(rows) - lines:,} more lines")
    return "\n".join(shown)


@lru_cache(maxsize=1000)
def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
