"""Report folders as archives: how they travel from a worker to the client, whole or not at all."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from pathlib import Path

from conformance.results import signoff

#: bytes of one report folder that are taken from a worker
MAX_BYTES = 512 * 1024 * 1024
_OWN = signoff.RECORDS


class ArchiveError(ValueError):
    """An archive that is not a report folder; the message is one line."""


def pack(folder: Path) -> bytes:
    """Return the files of a report folder as one compressed archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for name in [*signoff.present(folder), *(name for name in _OWN if (folder / name).is_file())]:
            archive.add(folder / name, name)
    return stream.getvalue()


def unpack(data: bytes, folder: Path) -> None:
    """Make a folder of an archive in one step. Raises ArchiveError, and OSError where it cannot be written.

    The archive comes from another machine: nothing but the files of a report is taken from it, and no more than
    `MAX_BYTES` of them.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            _extract(archive, fresh)
        fresh.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.replace(folder)
    except (tarfile.TarError, EOFError) as problem:
        raise ArchiveError(f"the archive of {folder.name} cannot be read: {problem}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    total, names = 0, set()
    for member in archive:
        total += member.size
        if not member.isreg() or not (signoff.is_report_file(member.name) or member.name in _OWN):
            raise ArchiveError(f"the archive of {folder.name} holds {member.name!r}, which is not a file of a report")
        if total > MAX_BYTES:
            raise ArchiveError(f"the archive of {folder.name} holds more than {MAX_BYTES // 1024**2} MB")
        archive.extract(member, folder, filter="data")
        names.add(member.name)
    if missing := {*signoff.REQUIRED, signoff.FILE} - names:
        raise ArchiveError(f"the archive of {folder.name} lacks {', '.join(sorted(missing))}")
