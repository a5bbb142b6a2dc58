"""CAP-1 … CAP-11: what each key may do, on own, sibling, crossed and missing resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.http.exchange import same_code
from conformance.judging.answer_shapes import coded
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    CannotTellError,
    NotTestableError,
    advised,
    answered,
    at,
    broken,
    no_verdict,
    not_served,
    status,
    success,
)
from conformance.scenarios import restore_scenarios
from conformance.scenarios.context import GRANTS, lacks
from conformance.scenarios.follower import last_look
from conformance.scenarios.side_effects import effects, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.http.exchange import Exchange, Operation, Request
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api
    from conformance.scenarios.follower import Restore


#: the clause that says how the lack of a capability is answered
DENIED: dict[Operation, str] = {"list": "CAP-1", "get": "CAP-2", "logs": "CAP-3", "restore": "CAP-4", "job": "JBS-2"}


def keys_without(api: Api, operation: Operation) -> list[str]:
    """The target file's living keys that lack the operation's capability."""
    names = [name for name in GRANTS if lacks(name, operation)]
    there = [name for name in names if api.proofs.states.get(name) == "accepted"]
    if not there:
        for name in names:
            api.proofs.need(name)
        raise NotTestableError(f"set {' or '.join(f'keys.{name}' for name in names)}")
    return there


def denied(api: Api, operation: Operation, keys: list[str]) -> Iterator[Request]:
    """The operation on the own and on the sibling container's resources, with keys that may not."""
    fixtures = api.world.target.fixtures
    backup = {} if operation == "list" else {"backup": api.world.bystander(api.check.clause)}
    how: dict[str, Any] = {"refusable": True}
    for key in keys:
        yield api.ask.on(operation, key=key, **backup, **how)
        if operation in ("list", "get"):
            yield api.ask.on(operation, key=key, include="integrations", **backup, **how)
        if operation == "list":
            yield api.ask.list(key=key, page=1, size=1, **how)
        if operation == "list" and (empty := fixtures.empty_container_id):
            yield api.ask.list(empty, key=key, ownership="sibling", **how)
    if sibling := fixtures.other_container_id:
        theirs: dict[str, Any] = {"container": sibling, "ownership": "sibling"}
        if operation != "list" and not fixtures.foreign_backup_id:
            return
        if operation != "list":
            theirs["backup"] = fixtures.foreign_backup_id
        if operation == "restore":
            # the sibling's own instance is never named: only instance_id may be restored to, even by a broken server
            return
        for key in keys:
            yield api.ask.on(operation, key=key, **theirs, **how)


@check("CAP-1", "list")
def test_cap_1_list_needs_view(api: Api) -> Iterator[Found]:
    """List with keys that have other capabilities."""
    for answer in api.send_all([*denied(api, "list", keys_without(api, "list"))]):
        yield from status(answer, 403)


@check("CAP-2", "get")
def test_cap_2_get_needs_view(api: Api) -> Iterator[Found]:
    """Get with keys that have other capabilities."""
    for answer in api.send_all([*denied(api, "get", keys_without(api, "get"))]):
        yield from status(answer, 403)


@check("CAP-3", "logs")
def test_cap_3_logs_needs_view(api: Api) -> Iterator[Found]:
    """Logs with keys that have other capabilities."""
    for answer in api.send_all([*denied(api, "logs", keys_without(api, "logs"))]):
        yield from status(answer, 403)


@check("CAP-4", "restore")
def test_cap_4_restore_needs_manage(api: Api) -> Iterator[Found]:
    """A valid restore request with keys that may only read, or nothing."""
    for answer in refused(api, [*denied(api, "restore", keys_without(api, "restore"))]):
        yield from status(answer, 403)


@check("CAP-5", "list", "get", "logs")
def test_cap_5_view_alone_reads(api: Api, operation: Operation) -> Iterator[Found]:
    """The key that has view alone reads the own and the sibling container."""
    api.proofs.need("view")
    api.need_served(operation)
    fixtures = api.world.target.fixtures
    yield from success(api.send(api.ask.on(operation, key="view")))
    if operation != "logs":
        yield from success(api.send(api.ask.on(operation, key="view", include="integrations")))
    if (empty := fixtures.empty_container_id) and operation == "list":
        yield from shown_to_view(api, lambda key: api.ask.list(empty, key=key, ownership="sibling"))
    if fixtures.other_container_id and (operation == "list" or fixtures.foreign_backup_id):
        backup = {} if operation == "list" else {"backup": fixtures.foreign_backup_id}
        theirs: Any = {"container": fixtures.other_container_id, "ownership": "sibling", **backup}
        yield from shown_to_view(api, lambda key: api.ask.on(operation, key=key, **theirs))


def shown_to_view(api: Api, ask: Callable[[str], Request]) -> Iterator[Found]:
    """What the full key is shown, the view key is shown; what neither is shown is another clause's."""
    answer = api.send(ask("view"))
    if answer.succeeded or api.send(ask("full")).succeeded:
        yield from success(answer)


@check("CAP-6", "restore")
def test_cap_6_manage_alone_restores(api: Api) -> Iterator[Found]:
    """The key that has manage alone starts a restore."""
    restore = api.restored_by_manage()
    yield from taken_on(restore)
    if restore.failed and (second := api.story_if_affordable("again", restore_scenarios.again)) and second.went_well:
        yield broken("a restore that ends as the full key's does", restore.last_seen, last_look(restore))


def taken_on(restore: Restore) -> Iterator[Found]:
    """A restore that nothing speaks against is accepted, and the answer says nothing else."""
    yield from success(restore.answer)
    if at(restore.answer.data, "/job/accepted") is False:
        wanted = "an accepted job, since nothing else runs"
        yield broken(wanted, "accepted: false", restore.answer, "/data/job/accepted")


@passive("CAP-7", when=lambda x: coded(x) and x.status == 403 and x.request.denied is not None)
def denials_name_the_right_capability(x: Exchange) -> Iterator[Found]:
    if not same_code(str(x.code), "403.permissions"):
        yield broken("code 403.permissions", str(x.code), x, "/error/code")
    named = at(x.value, "/error/extra/capability")
    if named is not None and named != x.request.denied:
        yield broken(f"{x.request.denied}, the missing capability", f"{named}", x, "/error/extra/capability")


@check("CAP-7", "restore", "job")
def test_cap_7_denials_of_companions_are_judged(api: Api, operation: Operation) -> Iterator[Found]:
    """Denials of restore and job, so that there is something to judge."""
    for key in keys_without(api, operation):
        request = (
            api.ask.restore(api.world.bystander("CAP-7"), key=key, refusable=True)
            if operation == "restore"
            else api.ask.job(api.real_job(), key=key)
        )
        answer = refused(api, [request])[0] if operation == "restore" else api.send(request)
        yield from answered(answer)


@check("CAP-8", "restore")
def test_cap_8_a_denied_restore_does_nothing(api: Api) -> Iterator[Found]:
    """Valid restore requests of a backup that nothing else touches, denied: looked at now and at the end."""
    answers = refused(api, [*denied(api, "restore", keys_without(api, "restore"))])
    for answer in answers:
        if answer.succeeded:
            raise CannotTellError(f"because CAP-4 failed on {answer.request.line}: {answer.status}")
        yield from status(answer, range(400, 500))
    yield from effects(api)


@check("CAP-9", "list", "get", "logs", "restore", "job")
def test_cap_9_denials_are_no_oracle(api: Api, operation: Operation) -> Iterator[Found]:
    """The same denial for what exists and what does not, for a good body and a bad one, with and without a key."""
    judged = False
    for key in (*keys_without(api, operation)[:2], "none"):
        existing, *others = _oracle(api, operation, key)
        answers = refused(api, [existing, *others]) if operation == "restore" else api.send_all([existing, *others])
        first = answers[0]
        if no_verdict(first) or first.status not in (401, 403):
            continue
        judged = True
        for answer in answers[1:]:
            same = answer.status == first.status and same_code(answer.code or "", first.code or "")
            if not no_verdict(answer) and not same:
                wanted = f"{first.status} {first.code}, as for what exists"
                yield broken(wanted, f"{answer.status} {answer.code}", answer)
    if not judged:
        raise CannotTellError(no_verdict(first) or f"because {DENIED[operation]} failed: no denial is a 401 or a 403")


def _oracle(api: Api, operation: Operation, key: str) -> Iterator[Request]:
    """First a request for what exists, then for what does not (and with a bad body), all with a key that may not."""
    unknown = api.ask.unknown_id
    how: dict[str, Any] = {"key": key, "refusable": True}
    if operation == "job":
        yield api.ask.job(api.real_job(), **how)
        yield api.ask.job(unknown(), ownership="missing", **how)
        return
    if operation == "list":
        yield api.ask.list(**how)
        yield api.ask.list(api.ask.unknown_container(), ownership="missing", **how)
        return
    backup = api.world.bystander("CAP-9")
    yield api.ask.on(operation, backup=backup, **how)
    if operation == "restore":
        bad: dict[str, Any] = {"ownership": "missing", **how}  # the lack of a capability is not all that is wrong
        yield api.ask.restore(backup, body={"action": "restore"}, **bad)
        yield api.ask.restore(backup, raw=b"{", **bad)
        yield api.ask.restore(backup, unknown(), **bad)
    yield api.ask.on(operation, backup=unknown(), ownership="missing", **how)
    yield api.ask.on(operation, backup=backup, container=api.ask.unknown_container(), ownership="missing", **how)


@check("CAP-10", "list", "get", "logs", "restore")
def test_cap_10_other_capabilities_grant_nothing(api: Api, operation: Operation) -> Iterator[Found]:
    """The key that may do other things to containers."""
    api.proofs.need("unrelated")
    requests = [*denied(api, operation, ["unrelated"])]
    for answer in refused(api, requests) if operation == "restore" else api.send_all(requests):
        yield from not_served(answer)


@passive("CAP-11", when=lambda x: coded(x) and x.status == 403 and x.request.denied is not None)
def denials_name_a_capability(x: Exchange) -> Iterator[Found]:
    extra = x.error.get("extra") or {}
    if isinstance(extra, dict) and extra.get("capability") in (None, ""):
        yield advised(f"extra.capability {x.request.denied}", "nothing", x, "/error/extra/capability")
