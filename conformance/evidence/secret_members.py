"""Secrets that the target itself returns (INC-7): an integration's `auth.secret`, `auth.api_key`, `auth.base64_config`.

They are learnt by value from a body's JSON, so that they are found everywhere (`evidence.redaction`), and replaced at
their own place in the body's text, whatever their value.
"""

from __future__ import annotations

import json
import re
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.evidence.redaction import Redactor

SECRET_MEMBERS = ("secret", "api_key", "base64_config")
MAX_SECRETS = 1000

#: Every body with such a member contains one of these: its name, or an escape that may spell it.
_HINTS = (*(f'"{name}"'.encode() for name in SECRET_MEMBERS), b"\\u")
#: such a member and its value, if that is a string, perhaps without an end, or a number
_MEMBER = re.compile(
    rb'(?P<before>"(?P<name>secret|api_key|base64_config|[^"\\]{0,13}(?:\\u00[0-9a-fA-F]{2}[^"\\]{0,13}){1,13})"\s*+:\s*+)'
    rb'(?P<value>"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|-?[0-9][0-9.eE+-]*+)',
    re.DOTALL,
)
_BRACKETED = re.compile(r"[\[<({]{1,2}[A-Za-z][A-Za-z _-]{0,23}[\])>}]{1,2}")
_MASK = re.compile(r"[-_. ]?([*\uff0a\u2217•●∙◦○■▪█▓▒░…]+|([xX#.·_-])\2{2,})[-_. ]?")
_MAX_SHOWN = 4
#: longer values are masks where they consist of mask characters
_MAX_MASK = 1000
_NO_MASK = dict.fromkeys(map(ord, "*\uff0a\u2217•●∙◦○■▪█▓▒░…xX#.·_- "))


#: how every label begins
LABEL = b"[secret auth."


def label_of(name: str) -> str:
    """The label that replaces the value of a member."""
    return f"[secret auth.{name}]"


def may_have_secrets(body: bytes) -> bool:
    """Whether a body may have such members; False is certain."""
    return any(map(body.__contains__, _HINTS))


def learn_secrets(redactor: Redactor, value: object) -> None:
    """Teach the redactor every such secret in the JSON value of a body, wherever it contains an `auth`.

    A value that the target has masked already is evidence, not a secret.
    """
    for name, secret in _secrets_in(value):
        redactor.learn(label_of(name), secret)


def mask_places(text: bytes) -> bytes:
    """A body's text with the values of such members replaced, byte for byte the same otherwise; it may be cut."""
    return _MEMBER.sub(_masked_place, text) if may_have_secrets(text) else text


def _masked_place(match: re.Match[bytes]) -> bytes:
    name = match["name"].decode("utf-8", "replace")
    if "\\" in name:
        name = _text_of(match["name"])
    if name not in SECRET_MEMBERS:
        return match[0]
    value = match["value"]
    plain = _text_of(value.strip(b'"')) if value[:1] == b'"' else value.decode()
    shown = not plain or is_masked(plain)
    return match[0] if shown else match["before"] + f'"{label_of(name)}"'.encode()


def _text_of(inside: bytes) -> str:
    """The text of a JSON string without its quotes; as it is where it is no JSON."""
    try:
        return str(json.loads(b'"' + inside + b'"'))
    except ValueError:
        return inside.decode("utf-8", "replace")


def _secrets_in(value: object) -> Iterator[tuple[str, str]]:
    count = 0
    for name, held in _members_of_auths(value):
        for leaf in _leaves(held):
            if not is_masked(leaf):
                yield name, leaf
                count += 1
                if count >= MAX_SECRETS:
                    return


def _members_of_auths(value: object) -> Iterator[tuple[str, object]]:
    """The secret members of every object that is called `auth`, but for those that describe a field of a form."""
    rest: deque[object] = deque([value])
    while rest:
        holder = rest.pop()
        if isinstance(holder, dict):
            auth = holder.get("auth")
            if isinstance(auth, dict):
                yield from ((name, auth[name]) for name in SECRET_MEMBERS if name in auth and not _is_field(auth[name]))
            rest.extend(item for item in holder.values() if isinstance(item, dict | list))
        elif isinstance(holder, list):
            rest.extend(item for item in holder if isinstance(item, dict | list))


def _is_field(value: object) -> bool:
    """Whether it describes a field of an integration's form, which has the same names and holds no secret."""
    return isinstance(value, dict) and isinstance(value.get("required"), bool)


def _leaves(value: object) -> Iterator[str]:
    """The strings and numbers in a value, as text."""
    rest: deque[object] = deque([value])
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)
        elif isinstance(item, str) and item:
            yield item
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield _number(item)


def _number(number: float) -> str:
    try:
        return json.dumps(number)
    except ValueError:  # an integer of more digits than the interpreter writes
        return ""


def is_masked(value: str) -> bool:
    """Whether a value is a mask: mask characters or a bracketed word, at most four characters of a secret shown.

    Of a secret of four characters or fewer nothing may show, so a mask that short must show none, unless an ellipsis
    says that there is more.
    """
    if len(value) > _MAX_MASK:
        return len(value.translate(_NO_MASK)) <= _MAX_SHOWN
    shown = _MASK.sub("", _BRACKETED.sub("", value))
    is_longer = len(value) > _MAX_SHOWN or "…" in value
    return shown != value and len(shown) <= (_MAX_SHOWN if is_longer else 0)
