"""Faults of restores, deletions, logs and jobs do what they say; the server without them does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.asgi import Ask, Served

from conformance.reference import launch
from conformance.reference.data import digest, sample_data

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from conformance.reference.data.store import Backup, Log, Store

    Seen = Callable[[Served], Awaitable[bool]]


def seen(folder: Path, see: Seen, *changes: str) -> bool:
    """Whether a scenario shows a fault, on a server with these changes."""

    async def main() -> bool:
        return await see(Served(sample_data.build(folder / "-".join(("store", *changes)), 0.01), *changes))

    return asyncio.run(main())


def logs_of(served: Served, backup_id: str = "") -> list[Log]:
    return served.store.backup(backup_id or served.store.fixtures.backup_id).logs


# ---------------------------------------------------------------- deletions


def copies(store: Store) -> dict[str, Backup]:
    """The live backups of the main container, but the one to delete, as they are now."""
    gone = store.fixtures.deletable_backup_ids[0]
    live = [backup for backup in store.main.backups.values() if backup.current == "live" and backup.id != gone]
    return {backup.id: replace(backup, logs=[]) for backup in live}


async def other_backups_change(served: Served) -> bool:
    """Whether a deletion changes another backup, at once or a little later."""
    before = copies(served.store)
    answer = await served.ask(Ask("{backups}/{deletable}", "DELETE"))
    assert answer.status_code == 202
    await served.idle()
    try:
        async with asyncio.timeout(3):
            await served.until(lambda: copies(served.store) != before)
    except TimeoutError:
        return False
    return True


DELETIONS = (
    "deletion_takes_the_next", "deletion_takes_the_previous", "deletion_takes_the_oldest", "deletion_takes_the_folder",
    "deletion_by_prefix", "deletion_takes_a_neighbour_later", "deletion_marks_another",
    "deletion_changes_the_size_of_another", "deletion_moves_the_others",
)  # fmt: skip


@pytest.mark.parametrize("name", DELETIONS)
def test_a_deletion_takes_another_backup_with_it(tmp_path: Path, name: str) -> None:
    assert seen(tmp_path, other_backups_change, name)


def test_a_deletion_takes_no_other_backup_with_it(tmp_path: Path) -> None:
    assert not seen(tmp_path, other_backups_change)


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("refused_deletion_without_hub_happens", Ask("{backups}/{deletable}", "DELETE", hub=None)),
        ("refused_deletion_without_key_happens", Ask("{backups}/{deletable}", "DELETE", key=None)),
    ],
)
def test_a_refused_deletion_happens(tmp_path: Path, name: str, ask: Ask) -> None:
    async def see(served: Served) -> bool:
        answer = await served.ask(ask)
        assert answer.status_code in {400, 401}
        await served.idle()
        return served.store.fixtures.deletable_backup_ids[0] not in served.store.main.backups

    assert seen(tmp_path, see, name)
    assert not seen(tmp_path, see)


# ---------------------------------------------------------------- logs


async def logs_name_others(served: Served) -> bool:
    return any(log["backup_id"] != served.store.fixtures.backup_id for log in await served.data("{backup}/logs"))


async def a_log_disappears(served: Served) -> bool:
    """Whether a log that was shown is missing in one of the next readings, also after another restore."""
    shown: set[str] = set()
    for _ in range(2):
        await served.restore()
        await served.idle()
        for _ in range(6):
            ids = {log["id"] for log in await served.data("{backup}/logs")}
            if shown - ids:
                return True
            shown |= ids
    return False


async def a_refused_restore_is_logged(served: Served) -> bool:
    before = len(logs_of(served))
    answer = await served.ask(Ask("{backup}/tasks", "POST", key=None))
    assert answer.status_code == 401
    await served.idle()
    return len(logs_of(served)) > before


# ---------------------------------------------------------------- jobs


async def parts_disagree(served: Served) -> bool:
    """Whether a completed job has an error or a failed task."""
    await served.restore()
    await served.idle()
    job = await served.data("/v1/jobs/{job}")
    assert job["state"]["current"] == "completed"
    errors = [job["state"].get("error"), *(task.get("error") for task in job["tasks"])]
    return any(errors) or any(task["state"]["current"] == "error" for task in job["tasks"])


# ---------------------------------------------------------------- restores at once


async def _three_at_once(served: Served) -> list[dict[str, Any]]:
    ids = [await served.restore() for _ in range(3)]
    await served.idle()
    return [await served.data(f"/v1/jobs/{job}") for job in ids]


async def a_good_restore_fails(served: Served) -> bool:
    return any(job["state"]["current"] != "completed" for job in await _three_at_once(served))


async def a_restore_has_no_log(served: Served) -> bool:
    before = len(logs_of(served))
    await _three_at_once(served)
    return len(logs_of(served)) != before + 3


async def state_is_unknown(served: Served) -> bool:
    """Whether a backup has a state of its own after a restore."""
    await served.restore()
    await served.idle()
    return bool((await served.data("{backup}"))["state"]["current"] != "live")


# ---------------------------------------------------------------- the instance that a backup was made of


async def the_source_changes(served: Served) -> bool:
    """Whether a restore to the first instance changes the one that the backup was made of."""
    fixtures, main = served.store.fixtures, served.store.main
    backup = next(
        backup for backup in main.backups.values()
        if backup.instance_id == fixtures.second_instance_id and backup.current == "live"
        and backup.id not in {*fixtures.deletable_backup_ids, fixtures.failing_backup_id}
    )  # fmt: skip
    source = main.instances[backup.instance_id].folder
    before = digest.digest_of(digest.read_folder(str(source)))
    await served.restore(backup.id, fixtures.instance_id)
    await served.idle()
    return digest.digest_of(digest.read_folder(str(source))) != before


SCENARIOS: list[tuple[str, Seen]] = [
    ("logs_of_the_container", logs_name_others),
    ("logs_of_the_instance", logs_name_others),
    ("replica_lags", a_log_disappears),
    ("replica_misses_restores", a_log_disappears),
    ("logs_appear_and_disappear_once", a_log_disappears),
    ("new_log_replaces_the_old", a_log_disappears),
    ("restore_without_key_is_logged", a_refused_restore_is_logged),
    ("restore_without_key_happens", a_refused_restore_is_logged),
    ("completed_job_with_a_failed_task", parts_disagree),
    ("completed_job_with_an_error", parts_disagree),
    ("completed_job_with_an_error_in_a_task", parts_disagree),
    ("one_completed_job_with_a_failed_task", parts_disagree),
    ("concurrent_restores_fail", a_good_restore_fails),
    ("concurrent_restores_all_fail", a_good_restore_fails),
    ("next_restore_cancels_the_running", a_good_restore_fails),
    ("waiting_restores_expire", a_good_restore_fails),
    ("concurrent_restores_share_a_log", a_restore_has_no_log),
    ("queue_keeps_only_the_last", a_restore_has_no_log),
    ("restored_backup_is_restored", state_is_unknown),
    ("source_instance_is_restored_too", the_source_changes),
    ("source_instance_loses_a_file", the_source_changes),
    ("source_instance_keeps_a_lock", the_source_changes),
    ("source_instance_is_swapped", the_source_changes),
    ("instance_of_the_request_is_ignored", the_source_changes),
]


@pytest.mark.parametrize(("name", "see"), SCENARIOS, ids=[name for name, _ in SCENARIOS])
def test_the_fault_shows(tmp_path: Path, name: str, see: Seen) -> None:
    assert seen(tmp_path, see, name)


@pytest.mark.parametrize("see", dict.fromkeys(see for _, see in SCENARIOS), ids=lambda see: see.__name__)
def test_it_does_not_show_without_the_fault(tmp_path: Path, see: Seen) -> None:
    assert not seen(tmp_path, see)


# ---------------------------------------------------------------- lost answers


@pytest.mark.parametrize(
    ("name", "query", "headers"),
    [
        ("no_user_agent_resets", "", {"User-Agent": ""}),
        ("expectations_reset", "", {"Expect": "100-continue"}),
        ("unknown_includes_hang", "?include=x", {}),
    ],
)
def test_a_request_gets_no_answer(name: str, query: str, headers: dict[str, str]) -> None:
    with launch.serve_in_thread([name]) as running, httpx.Client(base_url=running.base_url) as http:
        assert http.get("/v1/nothing").status_code == 404
        with pytest.raises(httpx.TransportError):
            http.get(f"/v1/nothing{query}", headers=headers, timeout=0.3)
