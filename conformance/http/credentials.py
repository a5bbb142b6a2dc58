"""Authorization values: the target's keys as they are, and altered in the ways that a right server refuses.

Requests name a credential: a key of the target file (`full`, `view`, …), `none`, or one of the alterations of the
full key below. The value itself is made here, when a request is built.
"""

from __future__ import annotations

import base64
import random
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.config.target import KEY_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.config.target import Target

#: longer than any column that keys are kept in
LONG = 3000


@dataclass(frozen=True, slots=True)
class Alteration:
    """One way to present the full key, or something like it."""

    #: the header's value, made from the full key and a seed
    value: Callable[[str, int], str]
    #: the same for a shell, with `{key}` for the name of the variable that holds the key
    shell: str
    #: whether it counts against `limits.bad_auth_max`
    bad: bool = True


ALTERATIONS: dict[str, Alteration] = {
    "unknown": Alteration(lambda full, seed: f"Bearer {_unknown(full, seed)}", "Bearer an-unknown-key"),
    "cut": Alteration(lambda full, _: f"Bearer {full[:-1]}", "Bearer ${{{key}%?}}"),
    "extended": Alteration(
        lambda full, _: f"Bearer {full}{'x' * LONG}", f"Bearer ${{{{{{key}}}}}}$(printf %{LONG}s | tr ' ' x)"
    ),
    "swapped case": Alteration(
        lambda full, _: f"Bearer {_swapped(full)}", "Bearer $(printf %s \"${key}\" | tr 'a-zA-Z' 'A-Za-z')"
    ),
    # `_` may stand in a token (RFC 6750) and matches any character in SQL's LIKE
    "underscores": Alteration(
        lambda full, _: f"Bearer {'_' * len(full)}", 'Bearer $(printf %s "${key}" | sed s/./_/g)'
    ),
    "not ASCII": Alteration(lambda full, seed: f"Bearer {_unknown(full, seed)}\xe9", "Bearer an-unknown-key\xe9"),
    # split at its spaces, the header has the key as its second word, and as its last one
    "twice": Alteration(lambda full, _: f"Bearer {full} {full}", "Bearer ${key} ${key}"),
    "bare": Alteration(lambda full, _: full, "${{{key}}}"),
    "empty": Alteration(lambda _full, _seed: "Bearer", "Bearer"),
    "other scheme": Alteration(lambda full, _: f"Token {full}", "Token ${key}"),
    "basic raw": Alteration(lambda full, _: f"Basic {full}", "Basic ${key}"),
    "basic user": Alteration(lambda full, _: _basic(full, ""), "Basic $(printf %s: \"${key}\" | base64 | tr -d '\\n')"),
    "basic password": Alteration(
        lambda full, _: _basic("backups", full), "Basic $(printf backups:%s \"${key}\" | base64 | tr -d '\\n')"
    ),
    "lower scheme": Alteration(lambda full, _: f"bearer {full}", "bearer ${key}", bad=False),
    "upper scheme": Alteration(lambda full, _: f"BEARER {full}", "BEARER ${key}", bad=False),
}

#: names of credentials that the target must refuse
BAD = frozenset({"expired", *(name for name, alteration in ALTERATIONS.items() if alteration.bad)})


def authorization(target: Target, name: str, seed: int = 0) -> str | None:
    """Return the Authorization header for the name of a credential; None for `none`.

    `seed` decides the value of `unknown`. Raises LookupError where the target file lacks the key, and
    KeyUnavailableError where the command that prints the key fails.
    """
    if name == "none":
        return None
    if name in KEY_NAMES:
        return f"Bearer {_reveal(target, name)}"
    return ALTERATIONS[name].value(_reveal(target, "full"), seed)


def authorization_for_shell(target: Target, name: str) -> str | None:
    """Return the header for a shell's double quotes: with the variable of the key, and no part of the key itself."""
    if name == "none":
        return None
    key = target.keys.get(name if name in KEY_NAMES else "full")
    template = "Bearer ${key}" if name in KEY_NAMES else ALTERATIONS[name].shell
    return template.format(key=key.variable if key else "BACKUPS_KEY_FULL")


def token(value: str | None) -> str | None:
    """Return the secret part of an Authorization header."""
    return value.rpartition(" ")[2] if value else None


def secrets_in(full: str) -> dict[str, str]:
    """Return the altered forms of the full key that checks send; they reveal most of it, so they are masked as well."""
    return {"full, cut": full[:-1], "full, case swapped": _swapped(full)}


def _swapped(full: str) -> str:
    """Swap the case of a key; reverse a key whose case may not matter (digits, hexadecimal, a UUID)."""
    return full[::-1] if re.fullmatch(r"[0-9a-fA-F-]*", full) else full.swapcase()


def _reveal(target: Target, name: str) -> str:
    key = target.keys.get(name)
    if key is None:
        raise LookupError(f"set keys.{name}")
    return key.reveal()


def _unknown(like: str, seed: int) -> str:
    """A token of the same length and alphabet as a real key, so that only looking it up can tell them apart."""
    rng = random.Random(f"unknown key {seed}")  # noqa: S311 - reproducible on purpose, it opens nothing
    alphabet = string.ascii_letters + string.digits
    return "".join(rng.choice(alphabet) if char.isalnum() else char for char in like)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
