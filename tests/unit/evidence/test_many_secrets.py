"""The time to search for secrets does not depend on how many there are, nor on what they have in common."""

from __future__ import annotations

import base64
import functools
import random
import time
from typing import TYPE_CHECKING

import pytest

from conformance.evidence.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

FEW, MANY, LENGTH = 20, 500, 40
SIZE = 2**17
#: how many times as long as a few secrets many may take
GROWTH, NO_TIME = 4.0, 0.05
COMMON = "sk_live_for_every_integration_abcd"
LABEL = "[secret auth.secret]"


def _random(number: int) -> str:
    return random.Random(number).randbytes(LENGTH // 2).hex()


#: what the secrets of a target may have in common
KINDS: dict[str, Callable[[int], str]] = {
    "nothing": _random,
    "the beginning": lambda number: f"{COMMON}{number:06}",
    "the end": lambda number: f"{number:06}{COMMON}",
    "all but the middle": lambda number: f"{COMMON[:17]}{number:06}{COMMON[17:]}",
    "all but one letter": lambda number: "a" * (number % 38 + 1) + chr(98 + number // 38) + "a" * (38 - number % 38),
    "escapes": lambda number: f"{'%25' * 10}{number:010}",
}
#: how a body may be filled with a secret, or with what it shares with others
WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "its beginning": lambda secret: secret[:34],
    "its end": lambda secret: secret[6:],
    "hexadecimal": lambda secret: secret.hex().encode(),
    "base64": lambda secret: base64.b64encode(secret[:39]),
    "percent-encoding": lambda secret: b"".join(b"%%%02x" % byte for byte in secret),
    "JSON escapes": lambda secret: b"".join(b"\\u%04x" % byte for byte in secret),
    "UTF-16": lambda secret: secret.decode().encode("utf-16-le"),
}


def secrets_of(kind: str) -> list[str]:
    return [KINDS[kind](number) for number in range(MANY)]


@functools.cache
def redactor_of(kind: str, count: int) -> Redactor:
    redactor = Redactor({"full": "the-full-key-of-a-hostile-server"})
    for secret in secrets_of(kind)[:count]:
        redactor.learn(LABEL, secret)
    redactor.body(b"x")  # what is made once
    return redactor


def seconds(redactor: Redactor, body: bytes) -> float:
    begun = time.process_time()
    redactor.body(body)
    return time.process_time() - begun


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_secrets_take_about_as_long_as_few(kind: str) -> None:
    secrets, few, many = secrets_of(kind), redactor_of(kind, FEW), redactor_of(kind, MANY)
    for name, write in WRITTEN.items():
        unit = write(secrets[0].encode())
        body = unit * (SIZE // len(unit))
        took = seconds(many, body)
        if took > GROWTH * seconds(few, body) + NO_TIME:  # another process may have disturbed the one measurement
            took = min(took, seconds(many, body))
            assert took <= GROWTH * seconds(few, body) + NO_TIME, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["as it is", "hexadecimal", "percent-encoding", "JSON escapes", "UTF-16"])
def test_each_of_many_secrets_is_replaced(kind: str, name: str) -> None:
    redactor = redactor_of(kind, MANY)
    for secret in secrets_of(kind)[::7]:
        body = b'{"value": "' + WRITTEN[name](secret.encode()) + b'", "after": 1}'
        assert redactor.body(body) == b'{"value": "' + LABEL.encode() + b'", "after": 1}'
