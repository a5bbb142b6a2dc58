"""Faults of the restored data, in the instance and in others."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
from typing import TYPE_CHECKING

from conformance.reference.data import archives
from conformance.reference.patching import after_restore
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Instance, Job


@fault(breaks=("RST-8",), needs_probe=True)
def nothing_is_unpacked(server: Behaviours) -> None:
    """A restore reads the archive but leaves the instance as it was."""
    replace = archives.swap

    def pretend(folder: Path, fresh: Path) -> None:
        if not fresh.exists():
            replace(folder, fresh)

    server.swap = pretend


@fault(breaks=("RST-8",), needs_probe=True)
def old_files_stay(server: Behaviours) -> None:
    """A restore keeps the instance's old files beside the restored ones."""

    def mix(folder: Path, fresh: Path) -> None:
        (folder / "newer.txt").write_text("not in the backup\n")
        shutil.copytree(fresh, folder, dirs_exist_ok=True)

    server.swap = mix


@fault(breaks=("RST-8",), needs_probe=True)
def another_archive_is_unpacked(server: Behaviours) -> None:
    """A restore unpacks another backup's archive as well."""
    unpack = server.unpack

    def other(archive: Path, folder: Path) -> None:
        unpack(archive, folder)  # a damaged archive still fails
        others = sorted(one for one in archive.parent.iterdir() if one != archive and tarfile.is_tarfile(one))
        unpack(others[0], folder)

    server.unpack = other


@fault(breaks=("RST-8",), needs_probe=True)
def data_comes_later(server: Behaviours) -> None:
    """A restore completes three seconds before the data is there."""
    replace = server.swap

    def later(folder: Path, fresh: Path) -> None:
        kept = fresh.with_name(f"{fresh.name}.kept")
        fresh.rename(kept)
        asyncio.get_running_loop().call_later(3, replace, folder, kept)

    server.swap = later


@fault(breaks=("RST-9",), needs_probe=True)
def all_instances_are_restored(server: Behaviours) -> None:
    """A restore writes the data to every instance of the container."""

    def spread(job: Job) -> None:
        for instance in job.container.instances.values():
            if instance is not job.instance:
                archives.unpack(job.backup.archive, instance.folder)

    after_restore(server, spread)


@fault(breaks=("RST-9",), needs_probe=True)
def others_lose_a_file(server: Behaviours) -> None:
    """A restore removes a file from the container's other instances."""

    def remove(job: Job) -> None:
        for instance in job.container.instances.values():
            if instance is not job.instance:
                (instance.folder / "data" / "state.json").unlink(missing_ok=True)

    after_restore(server, remove)


@fault(breaks=("RST-8",), needs_probe=True)
def restores_of_two_backups_mix(server: Behaviours) -> None:
    """Concurrent restores of different backups overwrite each other's files."""
    start, replace, mixed = server.start_job, server.swap, set[str]()

    def note(call: Call, job: Job) -> None:
        running = [
            other.backup for other in call.store.jobs.values() if other.completed is None and other.lane == job.lane
        ]
        if any(backup is not job.backup for backup in running):
            mixed.add(job.lane)
        start(call, job)

    def mix(folder: Path, fresh: Path) -> None:
        if folder.name in mixed:
            (fresh / "data" / "state.json").write_bytes(b"of the other one")
        replace(folder, fresh)

    server.start_job, server.swap = note, mix


@fault(breaks=("RST-8",), needs_probe=True)
def a_backup_is_restored_once(server: Behaviours) -> None:
    """A backup that was restored before is not restored again."""
    work, done = server.work["restore"], set[str]()

    def once(server: Behaviours, job: Job) -> None:
        if job.backup.id not in done:
            work(server, job)
            done.add(job.backup.id)

    server.work["restore"] = once


@fault(breaks=("RST-9",), needs_probe=True)
def first_restore_clears_the_others(server: Behaviours) -> None:
    """The first restore removes a file from the container's other instances."""
    done: list[str] = []

    def remove(job: Job) -> None:
        for instance in job.container.instances.values():
            if instance is not job.instance and not done:
                (instance.folder / "data" / "state.json").unlink(missing_ok=True)
        done.append(job.id)

    after_restore(server, remove)


def _also_in_the_source(server: Behaviours, change: Callable[[Job, Instance], object]) -> None:
    """Do something to the instance that a backup was made of, after a restore to another one."""

    def more(job: Job) -> None:
        source = job.container.instances.get(job.backup.instance_id)
        if source and source is not job.instance:
            change(job, source)

    after_restore(server, more)


@fault(breaks=("RST-9",), needs_probe=True)
def source_instance_is_restored_too(server: Behaviours) -> None:
    """A restore to another instance also restores the one that the backup was made of."""
    _also_in_the_source(server, lambda job, source: archives.unpack(job.backup.archive, source.folder))


@fault(breaks=("RST-9",), needs_probe=True)
def source_instance_loses_a_file(server: Behaviours) -> None:
    """A restore to another instance removes a file from the one that the backup was made of."""
    _also_in_the_source(server, lambda _, source: (source.folder / "data" / "state.json").unlink(missing_ok=True))


@fault(breaks=("RST-9",), needs_probe=True)
def source_instance_keeps_a_lock(server: Behaviours) -> None:
    """A restore to another instance leaves a lock file in the one that the backup was made of."""
    _also_in_the_source(server, lambda job, source: (source.folder / "restore.lock").write_text(job.id))


@fault(breaks=("RST-9",), also=("RST-8",), needs_probe=True)
def instance_of_the_request_is_ignored(server: Behaviours) -> None:
    """A restore always writes to the instance that the backup was made of, but reports the requested one."""
    work = server.work["restore"]

    def to_the_source(server: Behaviours, job: Job) -> None:
        requested = job.instance
        job.instance = job.container.instances.get(job.backup.instance_id, requested)
        try:
            work(server, job)
        finally:
            job.instance = requested

    server.work["restore"] = to_the_source


@fault(breaks=("RST-9",), needs_probe=True)
def source_instance_is_swapped(server: Behaviours) -> None:
    """A restore to another instance moves that one's old data to the instance that the backup was made of."""
    swap = server.swap
    old: dict[str, Path] = {}

    def keep(folder: Path, fresh: Path) -> None:
        copy = folder.with_name(f"{folder.name}.kept")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        old[folder.name] = copy
        swap(folder, fresh)

    def move(job: Job, source: Instance) -> None:
        if job.instance and job.instance.id in old:
            shutil.copytree(old.pop(job.instance.id), source.folder, dirs_exist_ok=True)

    server.swap = keep
    _also_in_the_source(server, move)
