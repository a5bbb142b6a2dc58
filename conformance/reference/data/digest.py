"""A digest of an instance's data: `digest.py ROOT INSTANCE_ID` prints `sha256:…`.

The probe of the target file runs it as a script, once per reading of an instance: it imports little, to start fast.
"""

from __future__ import annotations

import hashlib
import os
import sys


def digest_of(files: dict[str, bytes]) -> str:
    """The digest of files by relative path: paths and contents, each preceded by its length, sorted by path."""
    total = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name]):
            total.update(b"%d:" % len(part) + part)
    return f"sha256:{total.hexdigest()}"


def read_folder(folder: str) -> dict[str, bytes]:
    """All files of a folder by relative path."""
    files = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)  # noqa: PTH118  pathlib would take half of the script's time
            with open(path, "rb") as file:  # noqa: PTH123
                files[os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
    return files


def main(arguments: list[str]) -> int:
    """Print the digest of one instance's folder."""
    if len(arguments) != 2 or not arguments[1].replace("-", "").isalnum():
        sys.stderr.write("usage: digest.py ROOT INSTANCE_ID\n")
        return 2
    folder = os.path.join(*arguments)  # noqa: PTH118
    if not os.path.isdir(folder):  # noqa: PTH112
        sys.stderr.write("there is no such instance\n")
        return 1
    sys.stdout.write(digest_of(read_folder(folder)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
