"""Faults of queues, workers and deleted backups do what they say; the server without them does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from support.asgi import Ask, Served

from conformance.reference.data import sample_data

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Seen = Callable[[Served], Awaitable[bool]]

ALL = "page[size]=100"


def seen(folder: Path, see: Seen, *changes: str) -> bool:
    """Whether a scenario shows a fault, on a server with these changes."""

    async def main() -> bool:
        return await see(Served(sample_data.build(folder / "-".join(("store", *changes)), 0.01), *changes))

    return asyncio.run(main())


async def delete(served: Served) -> None:
    answer = await served.ask(Ask("{backups}/{deletable}", "DELETE"))
    assert answer.status_code == 202, answer.text
    await served.idle()


# ---------------------------------------------------------------- what a deletion leaves, and takes along


async def a_list_shows_it(served: Served) -> bool:
    """Whether a sorted list, or one with integrations, shows a deleted backup."""
    await delete(served)
    lists = [await served.data(f"{{backups}}?{ALL}&{way}") for way in ("sort=-id", "include=integrations")]
    return any(served.names["deletable"] in {item["id"] for item in shown} for shown in lists)


async def a_get_finds_it(served: Served) -> bool:
    await delete(served)
    answer = await served.ask(Ask("{backups}/{deletable}?include=integrations"))
    return answer.status_code == 200


async def a_request_breaks_down(served: Served) -> bool:
    """Whether reading the logs or the job of a deleted backup, or deleting it again, is a 500."""
    await delete(served)
    asked = [Ask("{backups}/{deletable}/logs"), Ask("{backups}/{deletable}", "DELETE"), Ask("/v1/jobs/{job}")]
    return 500 in [(await served.ask(ask)).status_code for ask in asked]


async def an_integration_is_gone(served: Served) -> bool:
    before = len(served.store.integrations)
    await delete(served)
    return len(served.store.integrations) < before


async def a_job_is_gone(served: Served) -> bool:
    job = await served.restore()
    await served.idle()
    await delete(served)
    return (await served.ask(Ask(f"/v1/jobs/{job}"))).status_code == 404


async def logs_are_gone(served: Served) -> bool:
    before = len(await served.data("{backup}/logs"))
    await delete(served)
    return len(await served.data("{backup}/logs")) < before


async def a_refused_deletion_has_an_effect(served: Served) -> bool:
    """Whether deletions of an unknown backup, through another container, and by the view key change anything."""

    def state() -> list[tuple[str, int]]:
        return [(backup.id, len(backup.logs)) for backup in served.store.main.backups.values()]

    before = state()
    for ask in (
        Ask("{backups}/{unknown}", "DELETE"),
        Ask("/v1/containers/{other}/backups/{deletable}", "DELETE"),
        Ask("{backups}/{deletable}", "DELETE", key="view"),
    ):
        assert (await served.ask(ask)).status_code in {403, 404}
    return state() != before


# ---------------------------------------------------------------- restores


async def a_job_is_given_twice(served: Served) -> bool:
    jobs = []
    for _ in range(2):
        jobs.append(await served.restore())
        await served.idle()
    return jobs[0] == jobs[1]


async def a_refused_restore_comes_with_the_next(served: Served) -> bool:
    """Whether an accepted restore brings logs of a backup whose restores were refused."""
    refused = served.store.backup(served.store.fixtures.deletable_backup_ids[0])
    before = len(refused.logs)
    for ask in (Ask("{backups}/{deletable}/tasks", "POST", body="{}"),
                Ask("{backups}/{deletable}/tasks", "POST", key="view")):  # fmt: skip
        assert (await served.ask(ask)).status_code in {400, 403, 422}
    assert len(refused.logs) == before
    await served.restore()
    await served.idle()
    return len(refused.logs) > before


SCENARIOS: list[tuple[str, Seen]] = [
    ("deleted_is_listed_where_sorted", a_list_shows_it),
    ("deleted_is_listed_with_includes", a_list_shows_it),
    ("deleted_is_found_with_includes", a_get_finds_it),
    ("logs_of_deleted_backups_break_down", a_request_breaks_down),
    ("second_deletion_breaks_down", a_request_breaks_down),
    ("jobs_of_deleted_backups_break_down", a_request_breaks_down),
    ("deletion_takes_the_integration", an_integration_is_gone),
    ("deletion_takes_the_jobs", a_job_is_gone),
    ("deletion_takes_the_logs_of_the_container", logs_are_gone),
    ("denied_deletion_takes_the_logs", a_refused_deletion_has_an_effect),
    ("unknown_deletion_takes_the_oldest", a_refused_deletion_has_an_effect),
    ("refused_deletion_through_another_container_happens", a_refused_deletion_has_an_effect),
    ("a_restore_is_a_duplicate_for_ever", a_job_is_given_twice),
    ("refused_restore_is_committed_with_the_next", a_refused_restore_comes_with_the_next),
    ("denied_restore_is_logged_with_the_next", a_refused_restore_comes_with_the_next),
]


@pytest.mark.parametrize(("name", "see"), SCENARIOS, ids=[name for name, _ in SCENARIOS])
def test_the_fault_shows(tmp_path: Path, name: str, see: Seen) -> None:
    assert seen(tmp_path, see, name)


@pytest.mark.parametrize("see", dict.fromkeys(see for _, see in SCENARIOS), ids=lambda see: see.__name__)
def test_it_does_not_show_without_the_fault(tmp_path: Path, see: Seen) -> None:
    assert not seen(tmp_path, see)
