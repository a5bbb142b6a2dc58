"""Fleets of reference servers, each with hubs and containers of its own, and their target files."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from unittest import mock

from conformance.reference import launch
from conformance.reference.data import sample_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@contextmanager
def serving(folder: Path, faults: Mapping[str, Sequence[str]], *, restore_seconds: float = 0.05) -> Iterator[Path]:
    """Serve a target for each name, with its faults; yield the folder with their files.

    The files contain the keys as values; `keys.env` beside them has the variables for files that name them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name, broken in faults.items():
            with mock.patch.object(sample_data, "oid", _oid_of(name)):
                server = stack.enter_context(launch.serve_in_thread(broken, (), restore_seconds=restore_seconds))
            text = server.target_toml.replace('name = "reference"', f'name = "{name}"')
            (folder / f"{name}.toml").write_text(text, "utf-8")
        yield folder


def _oid_of(name: str):  # type: ignore[no-untyped-def] # the signature of sample_data.oid
    original = sample_data.oid

    def oid(text: str) -> str:
        return original(f"{name} {text}")

    return oid


def with_references(folder: Path) -> dict[str, str]:
    """Rewrite the target files so that they name variables in the place of keys; return the variables.

    A file whose keys are values cannot go to another machine.
    """
    environ: dict[str, str] = {}
    for file in sorted(folder.glob("*.toml")):
        lines = []
        table = ""
        for line in file.read_text("utf-8").splitlines():
            member, _, value = line.partition(" = ")
            table = line if line.startswith("[") else table
            if table == "[keys]" and value and member != "other_hub_id":
                variable = f"KEY_{file.stem}_{member}".upper()
                environ[variable] = value.strip('"')
                lines.append(f'{member} = {{ env = "{variable}" }}')
            else:
                lines.append(line)
        file.write_text("\n".join(lines) + "\n", "utf-8")
    return environ
