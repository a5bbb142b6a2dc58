"""Who is asking, for which hub, and whether they may."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from conformance.reference.errors import RefusalError
from conformance.reference.world import JOBS_VIEW, MANAGE, VIEW

if TYPE_CHECKING:
    from conformance.reference.call import Call
    from conformance.reference.world import Key

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="backups"'}
NEEDED = {"list": VIEW, "get": VIEW, "logs": VIEW, "restore": MANAGE, "delete": MANAGE, "job": JOBS_VIEW}


def token(call: Call) -> str:
    """The key that the request carries."""
    values = call.headers.getlist("authorization")
    if len(values) == 1:
        scheme, _, rest = values[0].partition(" ")
        if scheme.lower() == "bearer" and rest.strip(" "):
            return rest.strip(" ")
    raise RefusalError("401.auth-invalid", "A bearer key is required", headers=CHALLENGE)


def find_key(call: Call, text: str) -> Key | None:
    """The key that a token stands for."""
    return call.world.keys.get(text)


def expired(call: Call, key: Key) -> bool:
    """Is the key's time over?"""
    return key.expires is not None and key.expires <= call.server.clock()


def authenticate(call: Call) -> Key:
    """The caller, or 401."""
    key = call.server.find_key(call, call.server.token(call))
    if key is None:
        raise RefusalError("401.auth-invalid", "The key is not known", headers=CHALLENGE)
    if call.server.expired(call, key):
        raise RefusalError("401.auth-expired", headers=CHALLENGE)
    return key


def hub(call: Call) -> str:
    """The hub that the request is about."""
    values = call.headers.getlist("x-hub-id")
    if len(values) != 1 or not values[0]:
        raise RefusalError("400.invalid-syntax", "Exactly one X-Hub-Id header is required")
    return values[0]


def in_scope(_call: Call, key: Key, hub_id: str) -> bool:
    """Does the key belong to the hub?"""
    return key.hub_id == hub_id


def holds(_call: Call, key: Key, capability: str) -> bool:
    """Does the key have the capability?"""
    return capability in key.capabilities


def denial(_call: Call, capability: str) -> RefusalError:
    """The refusal of a caller without the capability."""
    return RefusalError("403.permissions", f"This needs {capability}", capability=capability)


def check_key(call: Call) -> None:
    """Step: the caller is known."""
    call.caller = call.server.authenticate(call)


def check_hub(call: Call) -> None:
    """Step: the request names a hub."""
    call.hub_id = call.server.hub(call)


def check_scope(call: Call) -> None:
    """Step: the key belongs to that hub. An unknown hub is refused in the same words: no oracle."""
    if call.caller is None or not call.server.in_scope(call, call.caller, call.hub_id):
        raise RefusalError("403.wrong-hub")


def check_capability(call: Call) -> None:
    """Step: the key may do this."""
    needed = call.server.capabilities[call.operation]
    if call.caller is None or not call.server.holds(call, call.caller, needed):
        raise call.server.denial(call, needed)


def creator_id(call: Call) -> str:
    """The id of whoever asked; a caller that got in without a key still gets one."""
    return call.caller.id if call.caller else hashlib.sha256(b"nobody").hexdigest()[:24]
