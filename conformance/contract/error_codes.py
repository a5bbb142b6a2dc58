"""The error codes that the vendor publishes, and the form that every code must have (ERR-3, ERR-5)."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_WORDS = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*)*")


@cache
def published_codes() -> tuple[str, ...]:
    """Every published code, in the order of `error-codes.txt`: `404.container.backup`."""
    lines = files("conformance.contract").joinpath("error-codes.txt").read_text("utf-8").splitlines()
    return tuple(line for line in map(str.strip, lines) if line and not line.startswith("#"))


@cache
def _normalized_codes() -> frozenset[tuple[str, ...]]:
    return frozenset(map(_normalized, published_codes()))


@cache
def statuses_with_published_codes() -> frozenset[int]:
    """The statuses for which the vendor publishes a code at all: ERR-5 is silent about the others."""
    return frozenset(int(code.partition(".")[0]) for code in published_codes())


def published_form(code: str) -> str | None:
    """Return the code as the vendor writes it; None where the vendor does not publish it."""
    return _published_forms().get(_normalized(code))


@cache
def _published_forms() -> dict[tuple[str, ...], str]:
    return {_normalized(code): code for code in reversed(published_codes())}


def is_published(code: str) -> bool:
    """Whether the vendor publishes this code; dots, dashes and underscores between its words are alike."""
    return _normalized(code) in _normalized_codes()


def is_code_of(code: object, status: int | None) -> bool:
    """Whether this is `<status>.<words>`, with letters and digits in the words: `403.2fa-required`."""
    if not isinstance(code, str):
        return False
    prefix, dot, words = code.partition(".")
    return bool(dot) and prefix == str(status) and _WORDS.fullmatch(words) is not None


def same_code(first: str, second: str) -> bool:
    """Whether two codes are the same but for the characters between their words."""
    return _normalized(first) == _normalized(second)


def _normalized(code: str) -> tuple[str, ...]:
    status, _, words = code.partition(".")
    return (status, *re.split(r"[._-]", words))
