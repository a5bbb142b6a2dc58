"""Archives of backups: packing, unpacking, and swapping an instance's data for an unpacked archive."""

from __future__ import annotations

import io
import shutil
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class DamagedArchiveError(Exception):
    """An archive cannot be read to its end."""


def pack(archive: Path, files: dict[str, bytes]) -> None:
    """Write files into a new archive."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            tar.addfile(item, io.BytesIO(content))


def unpack(archive: Path, folder: Path) -> None:
    """Extract the archive's files into the folder."""
    try:
        with tarfile.open(archive) as tar:
            for item in tar:
                content = tar.extractfile(item)
                if content is not None:
                    path = folder / item.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
    except (tarfile.TarError, EOFError) as error:
        raise DamagedArchiveError(f"the archive is damaged: {error}") from error


def swap(folder: Path, fresh: Path) -> None:
    """Replace the folder with the fresh one."""
    old = folder.with_name(folder.name + ".old")
    folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old)
