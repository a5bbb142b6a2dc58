"""Forms of ids: what an unknown one must look like so that a right server takes it for one."""

from __future__ import annotations

import re
import string
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

HEX = "0123456789abcdef"
OID = re.compile(r"[0-9a-fA-F]{24}")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
ZERO = "0" * 24
#: shorter numbers and names could be those of something that exists
SHORTEST = 12


def form(text: str) -> str:
    """What kind of id this is: those of one kind may name things that do not exist, others may be malformed."""
    if OID.fullmatch(text):
        return "oid"
    if UUID.fullmatch(text):
        return "uuid"
    return "number" if text.isdecimal() else "name"


def unknown(like: str, rng: random.Random) -> str:
    """An id of the same form that names nothing."""
    kind = form(like)
    if kind == "oid":
        return "".join(rng.choice(HEX) for _ in range(24))
    if kind == "uuid":
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    if kind == "number":
        return "".join(rng.choice("123456789") for _ in range(max(len(like), SHORTEST)))
    other = "".join(_other(char, rng) for char in like)
    return other + "".join(rng.choice(string.ascii_lowercase) for _ in range(SHORTEST - len(like)))


def _other(char: str, rng: random.Random) -> str:
    """Another character of the same sort; what separates stays."""
    for alphabet in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        if char in alphabet:
            return rng.choice(alphabet)
    return char
