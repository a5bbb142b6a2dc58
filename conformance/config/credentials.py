"""Authorization values: the target's keys as they are, and bent in the ways that a right server refuses."""

from __future__ import annotations

import base64
import random
import re
import string
from functools import lru_cache
from typing import TYPE_CHECKING

from conformance.evidence.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.config.secrets import Key
    from conformance.config.target import Target
    from conformance.http.exchange import Response

KEY_NAMES = ("full", "view", "manage", "unrelated", "expired", "other_hub")

SHORTEST_TOKEN = 8
#: longer than any column that keys are kept in
LONG = 3000

#: ways to present something that is not a key of this target: they count against `limits.bad_auth_max`
BAD = (
    *("unknown", "cut", "extended", "swapped case", "bare", "long"),
    *("other scheme", "basic raw", "basic user", "basic password", "expired"),
)


def key_of(target: Target, name: str) -> Key | None:
    """The target file's key of that name, None where it has none."""
    key: Key | None = getattr(target.keys, name)
    return key


def authorization(target: Target, name: str, seed: int = 0) -> str | None:
    """The header's value for a credential name; None: send no Authorization. Raises LookupError where the key lacks."""
    if name == "none":
        return None
    if name in KEY_NAMES:
        return f"Bearer {_reveal(target, name)}"
    full = _reveal(target, "full")
    bent: dict[str, Callable[[], str]] = {
        "unknown": lambda: f"Bearer {_unknown(full, seed)}",
        "cut": lambda: f"Bearer {full[:-1]}",
        "extended": lambda: f"Bearer {full}x",
        "swapped case": lambda: f"Bearer {_swapped(full)}",
        "bare": lambda: full,
        "empty": lambda: "Bearer",
        "long": lambda: f"Bearer {'x' * LONG}",
        "other scheme": lambda: f"Token {full}",
        "basic raw": lambda: f"Basic {full}",
        "basic user": lambda: _basic(full, ""),
        "basic password": lambda: _basic("backups", full),
        "lower scheme": lambda: f"bearer {full}",
        "upper scheme": lambda: f"BEARER {full}",
    }
    return bent[name]()


def token(value: str | None) -> str | None:
    """The part of an Authorization value that nobody may echo."""
    return value.rpartition(" ")[2] if value else None


def is_telling(value: str | None) -> bool:
    """Is the key in it long enough that it stands nowhere by chance?"""
    return len(token(value) or "") >= SHORTEST_TOKEN


def echoes(value: str | None, response: Response) -> str | None:
    """Where an answer shows the key that it was asked with, in whatever encoding; None where it does not."""
    sent = token(value)
    if sent is None or not is_telling(value):
        return None
    finder = _finder(sent)
    if finder.found(response.body):
        return "the body"
    return next((f"the header {name}" for name, held in response.headers if finder.found(held)), None)


@lru_cache(maxsize=256)
def _finder(sent: str) -> Redactor:
    return Redactor({"key": sent})


def bent_forms(full: str) -> dict[str, str]:
    """The forms of the full key that checks send: they give it away almost whole, so they are masked as well."""
    return {"full, cut": full[:-1], "full, extended": f"{full}x", "full, case swapped": _swapped(full)}


def _swapped(full: str) -> str:
    """The key in the other case; turned round where case may not matter in it (digits, hex, a UUID)."""
    return full[::-1] if re.fullmatch(r"[0-9a-fA-F-]*", full) else full.swapcase()


def _reveal(target: Target, name: str) -> str:
    key = key_of(target, name)
    if key is None:
        raise LookupError(f"set keys.{name}")
    return key.reveal()


def _unknown(like: str, seed: int) -> str:
    """A token of the same length and alphabet as a real key, so that only looking it up can tell."""
    rng = random.Random(f"unknown key {seed}")  # noqa: S311 - reproducible on purpose, it opens nothing
    alphabet = string.ascii_letters + string.digits
    return "".join(rng.choice(alphabet) if char.isalnum() else char for char in like)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
