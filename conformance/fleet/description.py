"""What a fleet runs: one whole run of one target, described so that any process on any machine can execute it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a worker on another machine needs: its relative path there, and its text."""

    path: str
    text: str

    def write(self, folder: Path) -> None:
        """Write the file below a folder. Raises ValueError for a path that leads out of it."""
        if PurePosixPath(self.path).is_absolute() or ".." in PurePosixPath(self.path).parts:
            raise ValueError(f"{self.path!r} leads out of the folder")
        file = folder / self.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class RunDescription:
    """One run of one target.

    It has no key: the target file names them, and the worker resolves them from its own environment. `name` is that
    of the report folder. `files` are empty where the worker reads the client's own disk. `is_repeatable`: a second
    attempt can change nothing, because the run sends reads only. `target_file` is empty where the arguments say what is
    tested.
    """

    name: str
    target_file: str
    arguments: tuple[str, ...] = ()
    pytest_args: tuple[str, ...] = ()
    files: tuple[InputFile, ...] = field(default=(), repr=False)
    is_repeatable: bool = False
    suite: str = ""

    def command_line(self, report_dir: Path) -> list[str]:
        """Return the arguments of `backups-conformance` that execute the run."""
        target = [f"--target={self.target_file}"] if self.target_file else []
        command = ["run", *target, f"--report-dir={report_dir}", *self.arguments]
        return [*command, "--", *self.pytest_args] if self.pytest_args else command


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How the run of a description ended.

    `archive` holds the report folder of a run on another machine. `problem` says in one line why there is no whole
    report; it is empty where there is one.
    """

    archive: bytes | None = field(default=None, repr=False)
    problem: str = ""
    attempts: int = 1
