"""LOG-1 … LOG-5: what a backup's logs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.judging.answer_shapes import rightful, serves, violations_at
from conformance.judging.checks import check, passive
from conformance.judging.expectations import broken, equal, shown_status, status, success, unique
from conformance.suite.test_get import crossed, need_another_container, vanished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api


@passive("LOG-1", when=serves("logs"))
def logs_are_logs(x: Exchange) -> Iterator[Found]:
    yield from shown_status(x)
    for violation in violations_at(x, "/data"):
        if violation.pointer != "/data":
            yield broken(violation.wanted, violation.got, x, violation.pointer)


@check("LOG-1", "logs")
def test_log_1_logs_are_served(api: Api) -> Iterator[Found]:
    """The logs of the main backup and of others, those of the target file first."""
    backups = [api.world.backup_id, *api.world.sample(api.rng, 30)]
    for answer in api.send_all(api.ask.logs(backup) for backup in backups):
        if not vanished(api, answer):
            yield from success(answer)


@passive("LOG-2", when=lambda x: serves("logs")(x) and rightful(x) and bool(x.items))
def logs_are_of_this_backup(x: Exchange) -> Iterator[Found]:
    ids = x.request.resources
    wanted = {"backup_id": ids["backup"], "container_id": ids["container"], "hub_id": x.request.hub_id}
    for index, log in enumerate(x.items):
        for name, value in wanted.items():
            if isinstance(log.get(name), str):
                yield from equal(log[name], value, x, f"/data/{index}/{name}")


@passive("LOG-3", when=lambda x: serves("logs")(x) and len(x.ids) > 1)
def log_ids_are_unique(x: Exchange) -> Iterator[Found]:
    yield from unique(x.ids, x, "log")


@check("LOG-4", "logs")
def test_log_4_the_logs_of_an_unknown_backup_are_not_found(api: Api) -> Iterator[Found]:
    """A well-formed id that names no backup."""
    answer = api.logs(api.ask.unknown_id(), ownership="missing")
    yield from status(answer, 404)


@check("LOG-5", "logs")
def test_log_5_another_containers_path_shows_no_logs(api: Api) -> Iterator[Found]:
    """Our backup's logs through the sibling's path, and the sibling's through ours."""
    for answer in api.send_all(crossed(api, "logs")):
        yield from status(answer, 403, 404, advise=(404,))
    need_another_container(api)
