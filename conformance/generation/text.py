"""Unusual text: alphabets, words and lengths that tend to break parsers."""

from __future__ import annotations

import string
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from conformance.contract.ids import HEX, OID

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hypothesis.strategies import SearchStrategy

SPACES = " \t\n\r\x0b\x0c\x85\xa0\u2003\u2028\u3000\ufeff"
CONTROLS = "".join(map(chr, (*range(1, 32), 127, *range(0x80, 0xA0))))
INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad\u202e\u202c\u2066\u0301\ufe0f\U000e0041"
EXOTIC = (
    "\u00e9\u00df\u00d1\u03a9\u0416\u05d0\u0639\u0915\u4e2d\u3042\ud55c"
    "\U0001f600\U0001d7d8\u0130\u017f\ufdfa\ufffd\uffff\U0010ffff"
)
PUNCTUATION = "!\"#$%&'()*+,:;<=>?@[]^`{|}~\\"
#: the zeros of other digits: those that Unicode's normal forms make ASCII digits of, and those of other scripts
FOLDED_ZEROS = (0xFF10, 0x1D7D8, 0x1D7EC)
OTHER_ZEROS = (*FOLDED_ZEROS, 0x0660, 0x06F0, 0x0966)
WORDS = (
    *("null", "undefined", "NaN", "Infinity", "true", "false", "None", "nil", "-1", "0", "1", "00", "0x0", "1e3"),
    *("*", "%", "%s", "%00", "%n%n", "{}", "{id}", "${7*7}", "{{7*7}}", "[]", "[object Object]", "__proto__"),
    *("' OR '1'='1", '" --', "; DROP TABLE backups", "$gt", "$(id)", "`id`", "|ls", "<script>", "CON", "aux.txt"),
    *("~", "~root", "latest", "me", "self", "new", "count", "search", "logs", "tasks", "backups", "favicon.ico"),
)  # fmt: skip
LONGEST_ID = 3000


@cache
def exotic(most: int = 24) -> SearchStrategy[str]:
    """Characters of many scripts and planes, none of them a control or a lone surrogate."""
    return st.text(EXOTIC + INVISIBLE + string.ascii_letters, min_size=1, max_size=most).filter(
        lambda text: not text.isascii()
    )


@cache
def printable(most: int = 40) -> SearchStrategy[str]:
    """Anything that ASCII can print."""
    return st.text(string.ascii_letters + string.digits + PUNCTUATION + " ._-/", min_size=1, max_size=most)


def long(unit: str, least: int, most: int) -> SearchStrategy[str]:
    """Text of that length, made of one unit again and again."""
    return st.integers(least, most).map(lambda length: (unit * (length // len(unit) + 1))[:length])


def inserted(good: str, extra: SearchStrategy[str]) -> SearchStrategy[str]:
    """A good text with something in it somewhere."""
    return st.builds(lambda text, at: good[:at] + text + good[at:], extra, st.integers(0, len(good)))


def around(good: str, extra: SearchStrategy[str]) -> SearchStrategy[str]:
    """A good text with something before it, or behind it."""
    return st.builds(lambda text, before: text + good if before else good + text, extra, st.booleans())


def in_other_digits(good: str, zeros: Sequence[int] = OTHER_ZEROS) -> SearchStrategy[str]:
    """The same digits of other scripts: all, or some of them."""

    def other(zero: int, kept: int) -> str:
        wide = "".join(chr(ord(char) - ord("0") + zero) if char in string.digits else char for char in good)
        return good[:kept] + wide[kept:]

    return st.builds(other, st.sampled_from(zeros), st.integers(0, max(len(good) - 1, 0)))


@lru_cache(maxsize=16)
def malformed_ids(good: str, real: frozenset[str]) -> dict[str, SearchStrategy[str]]:
    """Malformed ids by what is wrong with them, most of them made from a valid one.

    Never an id that is one (in capitals neither), never an empty one or a dot segment: those are other addresses.
    """
    forms: dict[str, SearchStrategy[str]] = {
        "an id of more than 255 characters": long(good, 256, 1000),
        "an id of more than 1000 characters": st.sampled_from([good, "a", "0", "-"]).flatmap(
            lambda unit: long(unit, 1001, LONGEST_ID)
        ),
        "an id with a NUL": inserted(good, st.just("\0")),
        "an id that ends with a NUL": st.text(HEX, max_size=2).map(lambda more: f"{good}\0{more}"),
        "an id in other digits": in_other_digits(good),
        "an id in digits that are folded": in_other_digits(good, FOLDED_ZEROS),
        "an id between spaces": around(good, st.text(SPACES[:4], min_size=1, max_size=3)),
        "an id with control characters": inserted(good, st.text(CONTROLS, min_size=1, max_size=2)),
        "an id with an encoded slash": inserted(good, st.sampled_from("/\\")),
        "an id with invisible characters": inserted(good, st.text(INVISIBLE + SPACES[7:], min_size=1, max_size=2)),
    }
    if OID.fullmatch(good):  # the form of other ids is unknown
        forms |= {
            "an id that is too short": st.integers(1, 23).map(lambda length: good[:length]),
            "an id that is too long": around(good, st.text(HEX, min_size=1, max_size=24)),
            "an id that is not hex": st.builds(
                lambda at, char: good[:at] + char + good[at + 1 :],
                st.integers(0, 23),
                st.sampled_from("ghxyz-_.!~$" + EXOTIC[:5]),
            ),
            "a word": st.sampled_from(WORDS),
            "an id with punctuation": inserted(good, st.text(PUNCTUATION + ".-_", min_size=1, max_size=2)),
            "an id with an ending": st.sampled_from(
                [".json", ";v=1", "?x", "#x", "%00", "%20", "~1", "0x", ",", "'"]
            ).map(lambda ending: good + ending),
            "text of other scripts": exotic(),
            "printable text": printable(),
        }
    known = {known_id.casefold() for known_id in real}
    return {label: strategy.filter(lambda text: is_malformed(text, known)) for label, strategy in forms.items()}


def is_malformed(text: str, known: Collection[str]) -> bool:
    """Whether a text is certainly no id: neither a known id nor one of their form, and no other address either."""
    return bool(text.strip(".")) and not OID.fullmatch(text) and text.casefold() not in known
