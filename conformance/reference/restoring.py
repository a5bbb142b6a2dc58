"""Restores: the archive of a backup becomes the data of an instance, and a log says how it went."""

from __future__ import annotations

import io
import shutil
import tarfile
from typing import TYPE_CHECKING

from conformance.reference.errors import RefusalError
from conformance.reference.world import Log, new_id

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.reference.behaviour import Behaviours
    from conformance.reference.call import Call
    from conformance.reference.world import Job


class DamagedArchiveError(Exception):
    """An archive that cannot be read to its end."""


def check_state(call: Call) -> None:
    """Step: only what is live can be restored or deleted."""
    if call.backup.current != "live":
        raise RefusalError("403.invalid-state", "The backup is not live")


def pack(archive: Path, files: dict[str, bytes]) -> None:
    """Write files into a fresh archive."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            tar.addfile(item, io.BytesIO(content))


def unpack(archive: Path, folder: Path) -> None:
    """Put the archive's files into the folder."""
    try:
        with tarfile.open(archive) as tar:
            for item in tar:
                content = tar.extractfile(item)
                if content is not None:
                    path = folder / item.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
    except (tarfile.TarError, EOFError) as problem:
        raise DamagedArchiveError(f"the archive is damaged: {problem}") from problem


def replace(folder: Path, fresh: Path) -> None:
    """Let the fresh folder take the folder's place."""
    old = folder.with_name(folder.name + ".old")
    folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old)


def restore(server: Behaviours, job: Job) -> None:
    """Unpack beside the instance's data and swap only when all went well: a failure leaves the data as it was."""
    if job.instance is None:
        raise ValueError("a restore needs an instance")
    fresh = job.instance.folder.with_name(f"{job.instance.id}.{job.id}")
    fresh.mkdir()
    try:
        server.unpack(job.backup.archive, fresh)
        server.replace(job.instance.folder, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def log_restore(server: Behaviours, job: Job, problem: str | None) -> None:
    """Put down how a restore went."""
    if job.instance is None:
        return
    text = "restore started\narchive unpacked\nrestore completed\n" if problem is None else "restore started\n"
    error = None if problem is None else {"message": problem, "message_internal": "unpack failed", "stack": None}
    moment = server.clock()
    job.backup.logs.append(Log(new_id(), job.instance.id, "restore", text, moment, moment, error))
