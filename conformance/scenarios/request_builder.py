"""Builds requests of the six operations with the target's ids, keys and hub.

The options of a request are typed: a misspelt option is a type error.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, Unpack
from urllib.parse import quote, unquote

from conformance.config.target import KEY_NAMES
from conformance.contract import ids
from conformance.contract.operations import CAPABILITY, GRANTS, Operation, lacks
from conformance.evidence.text import one_line
from conformance.http import credentials
from conformance.http.exchange import Expected, Headers, Ownership, Request, Sender, Throttled, encoded, is_addressable
from conformance.judging.expectations import CannotTellError, NotTestableError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping

    from conformance.scenarios.fixtures import Fixtures


class RequestOptions(TypedDict, total=False):
    """Options of any request. Without them it is a plain request with the full key."""

    #: The name of a credential: a key of the target file, or a form of `conformance.http.credentials`.
    key: str
    #: The value of X-Hub-Id; None sends no such header.
    hub: str | None
    #: The whole query string, percent-encoded; it replaces what the other options would make.
    query: str | None
    ownership: Ownership
    expected: Expected
    throttled: Throttled
    method: str
    headers: Headers
    #: Names of headers, in small letters, that the client would add and does not send here.
    without: tuple[str, ...]


class GetOptions(RequestOptions, total=False):
    """Options of get."""

    include: str | None


class ListOptions(GetOptions, total=False):
    """Options of list. `page` and `size` become `page[number]` and `page[size]`."""

    sort: str | None
    page: int | str | None
    size: int | str | None


class RestoreOptions(RequestOptions, total=False):
    """Options of restore. `body` replaces the JSON value of the body, `raw` its bytes."""

    body: object
    raw: bytes | None
    content_type: str | None


class OperationOptions(ListOptions, RestoreOptions, total=False):
    """Options of any operation, with the ids that it takes: for `RequestBuilder.for_operation`."""

    container: str | None
    backup: str | None
    instance: str | None
    job: str | None


class RequestBuilder:
    """Builds requests of one check.

    `require` is called with the name of each key that a request is built with, and raises where the key is missing
    or not accepted.
    """

    def __init__(self, fixtures: Fixtures, rng: random.Random, require: Callable[[str], None]) -> None:
        self.fixtures = fixtures
        self._rng = rng
        self._require = require

    # ------------------------------------------------------------ the six operations

    def list(
        self,
        container: str | None = None,
        *,
        include: str | None = None,
        sort: str | None = None,
        page: int | str | None = None,
        size: int | str | None = None,
        **options: Unpack[RequestOptions],
    ) -> Request:
        """List the backups of a container."""
        container = container or self.fixtures.container_id
        asked = {"include": include, "sort": sort, "page[number]": page, "page[size]": size}
        path = f"/v1/containers/{_segment('container', container)}/backups"
        return self._request("list", "GET", path, {"container": container}, asked, **options)

    def get(
        self,
        backup: str | None = None,
        container: str | None = None,
        *,
        include: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> Request:
        """Get one backup."""
        path, resources = self._backup(backup, container)
        return self._request("get", "GET", path, resources, {"include": include}, **options)

    def logs(
        self, backup: str | None = None, container: str | None = None, **options: Unpack[RequestOptions]
    ) -> Request:
        """Read the logs of a backup."""
        path, resources = self._backup(backup, container)
        return self._request("logs", "GET", f"{path}/logs", resources, {}, **options)

    def job(self, job: str | None = None, **options: Unpack[RequestOptions]) -> Request:
        """Read a job; without an id an unknown one, which shows no data but must be refused all the same."""
        job = job or self.unknown_id()
        return self._request("job", "GET", f"/v1/jobs/{_segment('job', job)}", {"job": job}, {}, **options)

    def restore(
        self,
        backup: str | None = None,
        instance: str | None = None,
        container: str | None = None,
        *,
        body: object = None,
        raw: bytes | None = None,
        content_type: str | None = "application/json",
        **options: Unpack[RequestOptions],
    ) -> Request:
        """Request a restore of a backup to an instance. `body` replaces the JSON value of the body, `raw` its bytes."""
        path, resources = self._backup(backup, container)
        instance = instance if instance is not None else self.fixtures.instance_id
        if raw is None:
            valid = {"action": "restore", "contents": {"instance_id": instance}}
            raw = json.dumps(valid if body is None else body).encode()
        if content_type is not None:
            options["headers"] = (("Content-Type", content_type), *options.get("headers", ()))
        resources = {**resources, "instance": instance}
        return self._request("restore", "POST", f"{path}/tasks", resources, {}, body=raw, **options)

    def delete(self, backup: str, container: str | None = None, **options: Unpack[RequestOptions]) -> Request:
        """Delete a backup."""
        path, resources = self._backup(backup, container)
        return self._request("delete", "DELETE", path, resources, {}, **options)

    def for_operation(
        self, operation: Operation, *given: OperationOptions, **options: Unpack[OperationOptions]
    ) -> Request:
        """Build the operation on the target's own resources, with a valid body where there is one.

        Options of `given` are merged from left to right, and keyword arguments override them.
        """
        merged: OperationOptions = {}
        for more in (*given, options):
            merged |= more
        operations: dict[Operation, Callable[..., Request]] = {
            "list": self.list, "get": self.get, "logs": self.logs,
            "restore": self.restore, "job": self.job, "delete": self.delete,
        }  # fmt: skip
        return operations[operation](**merged)

    # ------------------------------------------------------------ ids

    def unknown_id(self) -> str:
        """Return a well-formed id that names nothing, new each time and reproducible from the run's seed."""
        return ids.unknown(ids.ZERO, self._rng)

    def unknown_container(self) -> str:
        """Return the same for a container, whose ids may have any form."""
        return ids.unknown(self.fixtures.container_id, self._rng)

    def unknown_hub(self) -> str:
        """Return the same for a hub."""
        return ids.unknown(self.fixtures.target.hub_id, self._rng)

    # ------------------------------------------------------------ parts

    def _backup(self, backup: str | None, container: str | None) -> tuple[str, dict[str, str]]:
        backup = backup if backup is not None else self.fixtures.backup_id
        container = container if container is not None else self.fixtures.container_id
        path = f"/v1/containers/{_segment('container', container)}/backups/{_segment('backup', backup)}"
        return path, {"container": container, "backup": backup}

    def _request(
        self,
        operation: Operation,
        method: str,
        path: str,
        resources: dict[str, str],
        asked: Mapping[str, int | str | None],
        /,
        *,
        body: bytes | None = None,
        **options: Unpack[RequestOptions],
    ) -> Request:
        key, own_hub_id = options.get("key", "full"), self.fixtures.target.hub_id
        hub_id = options.get("hub", own_hub_id)
        ownership: Ownership = options.get("ownership", "own")
        given = {name: str(value) for name, value in asked.items() if value is not None}
        query = options.get("query")
        if query is not None:
            given = {"raw query": query}
        else:
            query = "&".join(f"{quote(name, safe='')}={quote(value, safe=',')}" for name, value in given.items())
        lacking = hub_id == own_hub_id and lacks(key, operation)
        return Request(
            operation=operation,
            method=options.get("method", method),
            path=path,
            query=query,
            key=key,
            authorization=self._authorization(key),
            hub_id=hub_id,
            headers=options.get("headers", ()),
            without=options.get("without", ()),
            body=body,
            expected=options.get("expected", Expected.DOCUMENTED),
            throttled=options.get("throttled", Throttled.RETRY),
            sender=Sender.MEMBER if key in GRANTS and hub_id == own_hub_id else Sender.OUTSIDER,
            denied=CAPABILITY[operation] if lacking and ownership in ("own", "sibling") else None,
            ownership=ownership,
            resources=resources,
            asked=given,
        )

    def _authorization(self, key: str) -> str | None:
        self._require(key if key in (*KEY_NAMES, "none") else "full")
        seed = self._rng.getrandbits(32) if key == "unknown" else 0
        try:
            return credentials.authorization(self.fixtures.target, key, seed=seed)
        except LookupError as missing:
            raise NotTestableError(str(missing)) from None


def _segment(kind: str, resource_id: str) -> str:
    """Return an id as the part of an address that names the resource.

    Raises CannotTellError for an id that no address can hold: another one would be asked with a key.
    """
    if not is_addressable(resource_id):
        raise CannotTellError(
            f"the target gave a {kind} the id {one_line(resource_id, 60)!r}, which no address can hold"
        )
    return encoded(resource_id)


def addressing(resources: Mapping[str, str]) -> OperationOptions:
    """Return the options that address these resources, given as ids by kind: container, backup, instance, job."""
    options: OperationOptions = {}
    if "container" in resources:
        options["container"] = resources["container"]
    if "backup" in resources:
        options["backup"] = resources["backup"]
    if "instance" in resources:
        options["instance"] = resources["instance"]
    if "job" in resources:
        options["job"] = resources["job"]
    return options


def as_malformed(request: Request) -> Request:
    """Return the request marked as one whose address the contract does not document."""
    return replace(request, ownership="malformed", expected=Expected.REFUSAL, denied=None)


def requests_of(requests: Iterable[Request], old: str, new: str) -> list[Request]:
    """Return those of the requests that name the old backup, with the new one in its place."""
    return [
        replace(request, path=_with_backup(request.path, old, new), resources={**request.resources, "backup": new})
        for request in requests
        if request.resources.get("backup") == old
    ]


def _with_backup(path: str, old: str, new: str) -> str:
    """The path with another backup in the last segment that names the old one; a short id is part of other segments."""
    segments = path.split("/")
    for index in reversed(range(len(segments))):
        if unquote(segments[index]) == old:
            return "/".join([*segments[:index], quote(new, safe=""), *segments[index + 1 :]])
    return path
