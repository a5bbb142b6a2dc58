"""Legal differences in refusals: statuses, codes and shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.patching import ALL, edit_errors, edit_refusals, move, recode
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Container


@variant("a 401 may have the OAuth shape")
def oauth_401(server: Behaviours) -> None:
    """A 401 has the OAuth error shape."""
    write = server.write_error
    server.write_error = lambda call, refusal: (
        {"error": "invalid_token", "error_description": refusal.title}
        if refusal.status == 401
        else write(call, refusal)
    )


@variant("a 401 in the OAuth shape may have other members")
def oauth_401_with_more(server: Behaviours) -> None:
    """A 401 has the OAuth error shape with additional members."""
    write = server.write_error
    server.write_error = lambda call, refusal: (
        {"error": "invalid_token", "error_uri": "https://errors.example.test/401", "data": None, "request": 17}
        if refusal.status == 401
        else write(call, refusal)
    )


@variant("another hub's resource may be a 401, 403 or 404")
def foreign_hub_is_not_found(server: Behaviours) -> None:
    """A key that does not belong to the hub gets a 404."""
    recode(server, "403.wrong-hub", "404.hub")


@variant("another hub's resource may be a 401, 403 or 404")
def foreign_hub_is_unauthenticated(server: Behaviours) -> None:
    """A key that does not belong to the hub gets a 401."""
    edit_refusals(
        server,
        lambda _call, refusal: (
            RefusalError("401.auth-invalid", headers={"WWW-Authenticate": "Bearer"})
            if refusal.code == "403.wrong-hub"
            else None
        ),
    )


@variant("another hub's resource may be a 401, 403 or 404")
def foreign_containers_are_forbidden(server: Behaviours) -> None:
    """A container of another hub is a 403, an unknown one a 404."""
    find = server.find_container

    def tell(call: Call, container_id: str) -> Container | None:
        if container_id in call.store.containers and find(call, container_id) is None:
            raise RefusalError("403.mismatch")
        return find(call, container_id)

    server.find_container = tell


@variant("a missing, empty or malformed hub id may be any 4xx")
def missing_hub_is_422(server: Behaviours) -> None:
    """A missing hub id is a 422."""
    edit_refusals(
        server,
        lambda _call, refusal: (
            RefusalError("422.missing-argument", refusal.detail)
            if refusal.detail == "Exactly one X-Hub-Id header is required"
            else None
        ),
    )


@variant("a missing, empty or malformed hub id may be any 4xx")
def malformed_hub_is_400(server: Behaviours) -> None:
    """A malformed hub id is a 400."""
    hub = server.read_hub_id

    def strict(call: Call) -> str:
        hub_id = hub(call)
        if len(hub_id) != 24 or not hub_id.isalnum():
            raise RefusalError("400.invalid-syntax", "This is not a hub id")
        return hub_id

    server.read_hub_id = strict


@variant("a bad body may be a 400 or a 422")
def bad_requests_are_400(server: Behaviours) -> None:
    """Every error of a body is a 400."""
    for code in ("422.missing-argument", "422.invalid-argument", "422.invalid-input"):
        recode(server, code, "400.invalid-syntax")


@variant("a bad body may be a 400 or a 422")
def bad_requests_are_422(server: Behaviours) -> None:
    """Every error of a body is a 422, malformed JSON included."""
    recode(server, "400.invalid-syntax", "422.invalid-input")


@variant("codes may have `_` for `-`")
def codes_with_underscores(server: Behaviours) -> None:
    """Error codes have underscores for dashes."""
    edit_errors(server, lambda error: error.update(code=error["code"].replace("-", "_")))


@variant("dots, dashes and underscores in codes are equivalent")
def codes_with_dashes(server: Behaviours) -> None:
    """Error codes have dashes for dots after the status."""

    def change(error: dict[str, str]) -> None:
        status, _, words = error["code"].partition(".")
        error["code"] = f"{status}.{words.replace('.', '-')}"

    edit_errors(server, change)


@variant("unknown members are allowed")
def extra_members_in_errors(server: Behaviours) -> None:
    """Errors have unknown members."""
    edit_errors(server, lambda error: (error.update(trace="7f1c"), error.setdefault("extra", {}).update(hint="none")))
    write = server.write_error
    server.write_error = lambda call, refusal: write(call, refusal) | {"request_id": "r-17"}


@variant("`detail` is optional")
def short_errors(server: Behaviours) -> None:
    """Errors have no detail."""
    edit_errors(server, lambda error: error.pop("detail", None))


@variant("the source of a missing member may be its parent (ERR-6)")
def source_names_the_parent(server: Behaviours) -> None:
    """The source of an error about a missing member is its parent."""

    def change(error: dict[str, str]) -> None:
        if error["code"] == "422.missing-argument" and "source" in error:
            error["source"] = error["source"].rpartition("/")[0]

    edit_errors(server, change)


@variant("a malformed id may be any 4xx")
def malformed_ids_are_not_found(server: Behaviours) -> None:
    """A malformed id is a 404."""
    server.parse_id = lambda call, kind: call.ids[kind]


@variant("a malformed id may be any 4xx")
def malformed_ids_are_422(server: Behaviours) -> None:
    """A malformed id is a 422."""
    parse = server.parse_id

    def strict(call: Call, kind: str) -> str:
        try:
            return parse(call, kind)
        except RefusalError as refusal:
            raise RefusalError("422.invalid-argument", refusal.detail) from refusal

    server.parse_id = strict


@variant("an unknown instance may be any 4xx")
def unknown_instance_is_422(server: Behaviours) -> None:
    """An unknown instance is a 422."""
    recode(server, "404.instance", "422.invalid-argument")


@variant("an unknown instance may be any 4xx")
def unknown_instance_is_403(server: Behaviours) -> None:
    """An unknown instance is a 403."""
    recode(server, "404.instance", "403.mismatch")


@variant("a restore of a backup that is not live may be any 4xx")
def not_live_is_409(server: Behaviours) -> None:
    """A restore of a backup that is not live is a 409."""
    recode(server, "403.invalid-state", "409.duplicate-found")


@variant("a restore of a backup that is not live may be any 4xx")
def not_live_is_not_ready(server: Behaviours) -> None:
    """A restore of a backup that is not live has the code 403.not-ready."""
    recode(server, "403.invalid-state", "403.not-ready")


@variant("a malformed id may be any 4xx")
def ids_are_looked_at_late(server: Behaviours) -> None:
    """Ids are checked after the container was found."""
    for operation in ALL - {"job"}:
        steps = server.steps[operation]
        steps.remove("ids")
        steps.insert(steps.index("container") + 1, "ids")


@variant("a bad page or sort value may be a 200 or a 4xx")
def bad_pages_are_422(server: Behaviours) -> None:
    """A bad page or sort value is a 422."""
    recode(server, "400.invalid-syntax", "422.invalid-argument", {"list"})


@variant("a missing hub id may be any 4xx")
def missing_hub_is_401(server: Behaviours) -> None:
    """A missing hub id is a 401."""
    edit_refusals(
        server,
        lambda _call, refusal: (
            RefusalError("401.auth-invalid", headers={"WWW-Authenticate": "Bearer"})
            if refusal.detail == "Exactly one X-Hub-Id header is required"
            else None
        ),
    )


@variant("a missing hub id may be any 4xx")
def missing_hub_is_not_found(server: Behaviours) -> None:
    """A missing hub id is a 404."""
    edit_refusals(
        server,
        lambda _call, refusal: (
            RefusalError("404.hub") if refusal.detail == "Exactly one X-Hub-Id header is required" else None
        ),
    )


@variant("the order of checks is not specified, except by CAP-9")
def hub_before_the_key(server: Behaviours) -> None:
    """The hub id is checked before the key."""
    for operation in server.steps:
        move(server, "hub", before="key", operations=(operation,))


@variant("the order of checks is not specified, except by CAP-9")
def capability_before_the_hub(server: Behaviours) -> None:
    """The capability is checked before the hub."""
    for operation in server.steps:
        move(server, "capability", before="hub", operations=(operation,))


@variant("the order of checks is not specified, except by CAP-9")
def body_before_the_backup(server: Behaviours) -> None:
    """The body is checked before the backup is looked up."""
    for step in ("content type", "body"):
        move(server, step, before="container", operations=("restore",))


@variant("a crossed path may be a 403 instead of a 404", warns=("GET-5", "LOG-5", "JOB-9", "DEL-4"))
def crossed_paths_are_forbidden(server: Behaviours) -> None:
    """A backup requested through another container of the hub is a 403."""
    find = server.find_backup

    def tell(call: Call, backup_id: str) -> Backup | None:
        backup = find(call, backup_id)
        containers = [container for container in call.store.containers.values() if container.hub_id == call.hub_id]
        if backup is None and any(backup_id in container.backups for container in containers):
            raise RefusalError("403.mismatch")
        return backup

    server.find_backup = tell


@variant("CAP-9 is a SHOULD", warns=("CAP-9",))
def existence_before_capability(server: Behaviours) -> None:
    """An unknown container is a 404 for every key of the hub."""
    for operation in ("list", "get", "logs", "restore"):
        move(server, "ids", before="capability", operations=(operation,))
        move(server, "container", before="capability", operations=(operation,))


@variant("words of a code may begin with digits (ERR-3)")
def codes_with_digits(server: Behaviours) -> None:
    """A key that does not belong to the hub gets the code 403.2fa-required."""
    recode(server, "403.wrong-hub", "403.2fa-required")


@variant("a malformed id may be any 4xx")
def malformed_ids_are_forbidden(server: Behaviours) -> None:
    """A malformed id is a 403."""
    parse = server.parse_id

    def strict(call: Call, kind: str) -> str:
        try:
            return parse(call, kind)
        except RefusalError as refusal:
            raise RefusalError("403.mismatch") from refusal

    server.parse_id = strict


@variant("a body of another type may be any 4xx, and should be a 415 (JOB-7)", warns=("JOB-7",))
def forms_lack_members(server: Behaviours) -> None:
    """The media type of a body is ignored: a form is read as an empty object, which lacks the action."""
    is_json, decode = server.is_json, server.decode

    def is_form(call: Call) -> bool:
        return "form" in call.headers.get("content-type", "")

    server.is_json = lambda call, kind: is_form(call) or is_json(call, kind)
    server.decode = lambda call, body: {} if is_form(call) else decode(call, body)


@variant("unknown parameters may be refused")
def restores_take_no_query(server: Behaviours) -> None:
    """A restore with a query is a 400."""
    check = server.checks["content type"]

    def strict(call: Call) -> None:
        if call.query_items:
            raise RefusalError("400.invalid-syntax", "A restore takes no query")
        check(call)

    server.checks["content type"] = strict


@variant("every published code is as good as another of its status (ERR-5)")
def rarer_codes_are_used(server: Behaviours) -> None:
    """Errors have published codes of other kinds of resources and causes."""
    rarer = {
        "401.auth-invalid": "401.unauthorized-application",
        "403.wrong-hub": "403.invalid-ip",
        "403.invalid-state": "403.not-allowed",
        "404.instance": "404.virtual-machine",
        "422.invalid-argument": "422.max-exceeded",
    }
    edit_errors(server, lambda error: error.update(code=rarer.get(error["code"], error["code"])))
