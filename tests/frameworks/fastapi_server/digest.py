"""The probe: prints a digest of one instance's data.

Run as ``python digest.py FOLDER INSTANCE``, where FOLDER holds a folder for each instance.
"""

import hashlib
import sys
from pathlib import Path


def digest_of(folder: Path) -> str:
    """One digest of the names and the contents of all files beneath a folder."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(folder).as_posix()}\0{content}\n".encode())
    return f"sha256:{total.hexdigest()}"


if __name__ == "__main__":
    print(digest_of(Path(sys.argv[1]) / sys.argv[2]))  # noqa: T201 - the probe's output
