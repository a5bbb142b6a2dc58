"""Legal differences in refusals: their statuses, their codes, their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.patching import ALL, edit_errors, edit_refusals, move, recode
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Container


@variant("an OAuth-shaped 401")
def oauth_401(server: Behaviours) -> None:
    """A 401 has the form of OAuth's errors."""
    write = server.write_error
    server.write_error = lambda call, refusal: (
        {"error": "invalid_token", "error_description": refusal.title}
        if refusal.status == 401
        else write(call, refusal)
    )


@variant("A 401 with a string `error` and other members beside it is the OAuth shape")
def oauth_401_with_more(server: Behaviours) -> None:
    """A 401 has the form of OAuth's errors, with members of its own."""
    write = server.write_error
    server.write_error = lambda call, refusal: (
        {"error": "invalid_token", "error_uri": "https://errors.example.test/401", "data": None, "request": 17}
        if refusal.status == 401
        else write(call, refusal)
    )


@variant("403 or 404 for another hub's resource")
def foreign_hub_is_not_found(server: Behaviours) -> None:
    """A key that does not fit the hub is told that there is no such hub."""
    recode(server, "403.wrong-hub", "404.hub")


@variant("403 or 404 for another hub's resource")
def foreign_hub_is_unauthenticated(server: Behaviours) -> None:
    """A key that does not fit the hub is a 401."""
    edit_refusals(
        server,
        lambda _call, refusal: (
            RefusalError("401.auth-invalid", headers={"WWW-Authenticate": "Bearer"})
            if refusal.code == "403.wrong-hub"
            else None
        ),
    )


@variant("403 or 404 for another hub's resource")
def foreign_containers_are_forbidden(server: Behaviours) -> None:
    """A container of another hub is a 403, one that does not exist a 404."""
    find = server.find_container

    def tell(call: Call, container_id: str) -> Container | None:
        if container_id in call.store.containers and find(call, container_id) is None:
            raise RefusalError("403.mismatch")
        return find(call, container_id)

    server.find_container = tell


@variant("no X-Hub-Id, or an empty one: 4xx; a malformed hub id may be any 4xx")
def missing_hub_is_422(server: Behaviours) -> None:
    """A request without a hub is a 422."""
    edit_refusals(
        server,
        lambda _call, refusal: (
            RefusalError("422.missing-argument", refusal.detail)
            if refusal.detail == "Exactly one X-Hub-Id header is required"
            else None
        ),
    )


@variant("no X-Hub-Id, or an empty one: 4xx; a malformed hub id may be any 4xx")
def malformed_hub_is_400(server: Behaviours) -> None:
    """A hub id that is none is a 400."""
    hub = server.read_hub_id

    def strict(call: Call) -> str:
        found = hub(call)
        if len(found) != 24 or not found.isalnum():
            raise RefusalError("400.invalid-syntax", "This is not a hub id")
        return found

    server.read_hub_id = strict


@variant("400 or 422 for a bad body")
def bad_requests_are_400(server: Behaviours) -> None:
    """Whatever is wrong with a body is a 400."""
    for code in ("422.missing-argument", "422.invalid-argument", "422.invalid-input"):
        recode(server, code, "400.invalid-syntax")


@variant("400 or 422 for a bad body")
def bad_requests_are_422(server: Behaviours) -> None:
    """Whatever is wrong with a body is a 422, even that it is not JSON."""
    recode(server, "400.invalid-syntax", "422.invalid-input")


@variant("codes with `_` for `-`")
def codes_with_underscores(server: Behaviours) -> None:
    """Codes are written with underscores."""
    edit_errors(server, lambda error: error.update(code=error["code"].replace("-", "_")))


@variant("dots, dashes or underscores inside (treat them alike)")
def codes_with_dashes(server: Behaviours) -> None:
    """Codes are written with dashes where they had dots, after the status."""

    def change(error: dict[str, str]) -> None:
        status, _, words = error["code"].partition(".")
        error["code"] = f"{status}.{words.replace('.', '-')}"

    edit_errors(server, change)


@variant("unknown extra members")
def extra_members_in_errors(server: Behaviours) -> None:
    """An error has members that nobody has heard of."""
    edit_errors(server, lambda error: (error.update(trace="7f1c"), error.setdefault("extra", {}).update(hint="none")))
    write = server.write_error
    server.write_error = lambda call, refusal: write(call, refusal) | {"request_id": "r-17"}


@variant("optional members of an error")
def short_errors(server: Behaviours) -> None:
    """An error has no detail."""
    edit_errors(server, lambda error: error.pop("detail", None))


@variant("The format of `source` is judged by ERR-6 alone: a missing member's parent is named as well")
def source_names_the_parent(server: Behaviours) -> None:
    """An error about a missing member names the object that lacks it."""

    def change(error: dict[str, str]) -> None:
        if error["code"] == "422.missing-argument" and "source" in error:
            error["source"] = error["source"].rpartition("/")[0]

    edit_errors(server, change)


@variant("a malformed id on any operation: 4xx")
def malformed_ids_are_not_found(server: Behaviours) -> None:
    """A malformed id is an id that does not exist."""
    server.parse_id = lambda call, kind: call.ids[kind]


@variant("a malformed id on any operation: 4xx")
def malformed_ids_are_422(server: Behaviours) -> None:
    """A malformed id is a 422."""
    parse = server.parse_id

    def strict(call: Call, kind: str) -> str:
        try:
            return parse(call, kind)
        except RefusalError as refusal:
            raise RefusalError("422.invalid-argument", refusal.detail) from refusal

    server.parse_id = strict


@variant("An unknown instance: 4xx")
def unknown_instance_is_422(server: Behaviours) -> None:
    """An instance that does not exist is a 422 about the member that names it."""
    recode(server, "404.instance", "422.invalid-argument")


@variant("An unknown instance: 4xx")
def unknown_instance_is_403(server: Behaviours) -> None:
    """An instance that does not exist is a 403."""
    recode(server, "404.instance", "403.mismatch")


@variant("a backup that is not live is refused with 4xx")
def not_live_is_409(server: Behaviours) -> None:
    """A restore of a backup that is not live is a 409."""
    recode(server, "403.invalid-state", "409.duplicate-found")


@variant("a backup that is not live is refused with 4xx")
def not_live_is_not_ready(server: Behaviours) -> None:
    """A restore of a backup that is not live is not ready."""
    recode(server, "403.invalid-state", "403.not-ready")


@variant("a malformed id on any operation: 4xx")
def ids_are_looked_at_late(server: Behaviours) -> None:
    """The form of an id is looked at only when the container was found."""
    for operation in ALL - {"job"}:
        steps = server.steps[operation]
        steps.remove("ids")
        steps.insert(steps.index("container") + 1, "ids")


@variant("a bad page or sort value is 200 or 4xx")
def bad_pages_are_422(server: Behaviours) -> None:
    """A bad page or sort value is a 422."""
    recode(server, "400.invalid-syntax", "422.invalid-argument", {"list"})


@variant("no X-Hub-Id, or an empty one: 4xx")
def missing_hub_is_401(server: Behaviours) -> None:
    """A request without a hub is a 401."""
    edit_refusals(
        server,
        lambda _call, refusal: (
            RefusalError("401.auth-invalid", headers={"WWW-Authenticate": "Bearer"})
            if refusal.detail == "Exactly one X-Hub-Id header is required"
            else None
        ),
    )


@variant("no X-Hub-Id, or an empty one: 4xx")
def missing_hub_is_not_found(server: Behaviours) -> None:
    """A request without a hub is a 404."""
    edit_refusals(
        server,
        lambda _call, refusal: (
            RefusalError("404.hub") if refusal.detail == "Exactly one X-Hub-Id header is required" else None
        ),
    )


@variant("what a refusal looks at first is CAP-9's alone")
def hub_before_the_key(server: Behaviours) -> None:
    """That a hub is named is looked at before the key."""
    for operation in server.steps:
        move(server, "hub", before="key", operations=(operation,))


@variant("what a refusal looks at first is CAP-9's alone")
def capability_before_the_hub(server: Behaviours) -> None:
    """What the key may do is looked at before the hub that it may do it in."""
    for operation in server.steps:
        move(server, "capability", before="hub", operations=(operation,))


@variant("what a refusal looks at first is CAP-9's alone")
def body_before_the_backup(server: Behaviours) -> None:
    """A body is judged before it is looked whether there is such a backup."""
    for step in ("content type", "body"):
        move(server, step, before="container", operations=("restore",))


@variant("GET-5, LOG-5, JOB-9, DEL-4: 404 or 403", warns=("GET-5", "LOG-5", "JOB-9", "DEL-4"))
def crossed_paths_are_forbidden(server: Behaviours) -> None:
    """A backup asked for through another container of the hub is a 403."""
    find = server.find_backup

    def tell(call: Call, backup_id: str) -> Backup | None:
        found = find(call, backup_id)
        containers = [one for one in call.store.containers.values() if one.hub_id == call.hub_id]
        if found is None and any(backup_id in one.backups for one in containers):
            raise RefusalError("403.mismatch")
        return found

    server.find_backup = tell


@variant("CAP-9 is a SHOULD", warns=("CAP-9",))
def existence_before_capability(server: Behaviours) -> None:
    """What is not there is a 404 to every key of the hub."""
    for operation in ("list", "get", "logs", "restore"):
        move(server, "ids", before="capability", operations=(operation,))
        move(server, "container", before="capability", operations=(operation,))
