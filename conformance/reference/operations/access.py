"""Access: who the caller is, which hub the request is for, and whether the caller has the required capability."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from conformance.reference.data.store import JOBS_VIEW, MANAGE, VIEW
from conformance.reference.refusals import RefusalError

if TYPE_CHECKING:
    from conformance.reference.core import Call
    from conformance.reference.data.store import Key

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="backups"'}
REQUIRED_CAPABILITY = {
    "list": VIEW,
    "get": VIEW,
    "logs": VIEW,
    "restore": MANAGE,
    "delete": MANAGE,
    "job": JOBS_VIEW,
}


def read_token(call: Call) -> str:
    """The bearer token of the request."""
    values = call.headers.getlist("authorization")
    if len(values) == 1:
        scheme, _, rest = values[0].partition(" ")
        if scheme.lower() == "bearer" and rest.strip(" "):
            return rest.strip(" ")
    raise RefusalError("401.auth-invalid", "A bearer key is required", headers=CHALLENGE)


def find_key(call: Call, token: str) -> Key | None:
    """The key with that token."""
    return call.store.keys.get(token)


def is_expired(call: Call, key: Key) -> bool:
    """Whether the key has expired."""
    return key.expires is not None and key.expires <= call.server.clock()


def authenticate(call: Call) -> Key:
    """The caller's key; raises a 401 where there is none."""
    key = call.server.find_key(call, call.server.read_token(call))
    if key is None:
        raise RefusalError("401.auth-invalid", "The key is not known", headers=CHALLENGE)
    if call.server.is_expired(call, key):
        raise RefusalError("401.auth-expired", headers=CHALLENGE)
    return key


def read_hub_id(call: Call) -> str:
    """The hub that the request is for."""
    values = call.headers.getlist("x-hub-id")
    if len(values) != 1 or not values[0]:
        raise RefusalError("400.invalid-syntax", "Exactly one X-Hub-Id header is required")
    return values[0]


def in_scope(_call: Call, key: Key, hub_id: str) -> bool:
    """Whether the key belongs to the hub."""
    return key.hub_id == hub_id


def has_capability(_call: Call, key: Key, capability: str) -> bool:
    """Whether the key has the capability."""
    return capability in key.capabilities


def denial(_call: Call, capability: str) -> RefusalError:
    """The refusal of a caller that lacks the capability."""
    return RefusalError("403.permissions", f"This requires {capability}", capability=capability)


def check_key(call: Call) -> None:
    """Step: authenticate the caller."""
    call.caller = call.server.authenticate(call)


def check_hub(call: Call) -> None:
    """Step: the request names a hub."""
    call.hub_id = call.server.read_hub_id(call)


def check_scope(call: Call) -> None:
    """Step: the key belongs to that hub. An unknown hub is refused in the same way, so that nothing is revealed."""
    if call.caller is None or not call.server.in_scope(call, call.caller, call.hub_id):
        raise RefusalError("403.wrong-hub")


def check_capability(call: Call) -> None:
    """Step: the key has the capability that the operation requires."""
    required = call.server.capabilities[call.operation]
    if call.caller is None or not call.server.has_capability(call, call.caller, required):
        raise call.server.denial(call, required)


def creator_id(call: Call) -> str:
    """The id of the caller; a caller that got in without a key has one too."""
    return call.caller.id if call.caller else hashlib.sha256(b"nobody").hexdigest()[:24]
