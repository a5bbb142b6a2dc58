"""Who calls, for which hub, and may they?"""

import re
import secrets
from typing import Annotated

from fastapi import Depends, Header, Request

from . import faults
from .errors import ApiError
from .store import Caller, Store, now

VIEW = "containers-backups-view"
MANAGE = "containers-backups-manage"
JOBS_VIEW = "apionly-jobs-view"

PROTECTED = re.compile(rb"/v1/(containers/[0-9a-f]{24}/backups|jobs/[0-9a-f]{24})")


async def get_store(request: Request) -> Store:
    """The store that the application was built with."""
    store: Store = request.app.state.store
    return store


def unauthorized(code: str, detail: str) -> ApiError:
    """A 401 with the challenge that HTTP asks for."""
    return ApiError(code, detail, headers={"WWW-Authenticate": 'Bearer realm="container-backups"'})


def bearer(authorization: str | None) -> str:
    """The token of the Authorization header."""
    if authorization is None:
        if faults.on("bearer-403"):
            raise ApiError("403.permissions", "not authenticated")
        raise unauthorized("401.auth-invalid", "no credentials")
    scheme, _, token = authorization.partition(" ")
    if not faults.on("scheme-case"):
        scheme = scheme.lower().capitalize()
    if scheme != "Bearer":
        raise unauthorized("401.auth-invalid", "not a bearer token")
    return token.strip(" ")


def find_key(store: Store, token: str) -> Caller | None:
    """The holder of a key."""
    if faults.on("compare-digest-500"):
        return next((caller for key, caller in store.keys.items() if secrets.compare_digest(key, token)), None)
    return store.keys.get(token)


def key_holder(store: Store, token: str) -> Caller:
    """The holder of a key that is known and has not expired."""
    caller = find_key(store, token)
    if caller is None:
        raise unauthorized("401.auth-invalid", "no such key")
    if caller.expires is not None and caller.expires <= now():
        raise unauthorized("401.auth-expired", "the key has expired")
    return caller


async def hub_caller(
    request: Request,
    store: Annotated[Store, Depends(get_store)],
    authorization: Annotated[str | None, Header()] = None,
    x_hub_id: Annotated[str | None, Header()] = None,
) -> Caller:
    """The holder of the key, within the hub that the request names."""
    if faults.on("raw-path-gate") and not PROTECTED.match(request.scope["raw_path"]):
        return Caller("internal", x_hub_id or "", frozenset([VIEW, MANAGE, JOBS_VIEW]))
    caller = key_holder(store, bearer(authorization))
    if x_hub_id != caller.hub_id:
        raise ApiError("403.wrong-hub", "the key is of another hub than X-Hub-Id")
    return caller


InHub = Annotated[Caller, Depends(hub_caller)]


class Requires:
    """A dependency: the caller, if the key has this capability."""

    def __init__(self, capability: str) -> None:
        self.capability = capability

    async def __call__(self, caller: InHub) -> Caller:
        if self.capability not in caller.capabilities:
            raise ApiError("403.permissions", capability=self.capability)
        return caller


may_manage = Requires(MANAGE)

Viewer = Annotated[Caller, Depends(Requires(VIEW))]
Manager = Annotated[Caller, Depends(may_manage)]
JobsViewer = Annotated[Caller, Depends(Requires(JOBS_VIEW))]
