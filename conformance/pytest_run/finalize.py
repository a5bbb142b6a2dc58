"""The end of a run: the last files, the sign-off record over all of them, what points at the folder, the exit code."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from rich.console import Console

from conformance.evidence import archive
from conformance.report import ci, index, write_all, write_page
from conformance.report.terminal import show
from conformance.results import sealing, signoff, verdicts, waivers
from conformance.results.environment import changed_versions, generators_of
from conformance.results.files import write_atomically, write_json
from conformance.results.recovery import LOCK, STATE, RecoveryError, recover, require_ended

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.config.settings import Settings
    from conformance.pytest_run.setup import RunSetup
    from conformance.results.model import Results
    from conformance.results.recovery import Remembered

#: links to the newest report of a target, and to the newest of a run of all clauses
LATEST, LATEST_WHOLE = "latest", "latest-whole"


class FolderInUseError(Exception):
    """Another run writes into the report folder; the message is one line."""


def claim(folder: Path) -> FileLock:
    """Make a report folder this run's: without the reports of an earlier run, with a state folder that it locks.

    Raises FolderInUseError where another run has it. The state folder is made by whoever comes first.
    """
    state = folder / STATE
    try:
        if state.is_dir():
            require_ended(state)
            state.replace(folder / f"{STATE}-{secrets.token_hex(4)}")  # of two runs that see this one succeeds
        folder.mkdir(parents=True, exist_ok=True)
        state.mkdir()
        lock = FileLock(state / LOCK)
        lock.acquire(timeout=0)
    except (RecoveryError, FileExistsError, FileNotFoundError, Timeout):
        raise FolderInUseError(f"{folder}: is in use by another run") from None
    clear(folder)
    return lock


def clear(folder: Path) -> None:
    """Remove the reports of an earlier run, so that nobody mistakes them for those of a run that did not end."""
    for name in (*signoff.REQUIRED, *signoff.OPTIONAL, *signoff.RECORDS):
        (folder / name).unlink(missing_ok=True)
    for name in signoff.present(folder):
        (folder / name).unlink()
    for left in folder.glob(f"{STATE}-*"):
        shutil.rmtree(left, ignore_errors=True)


def complete(folder: Path, results: Results, shown_target: dict[str, object], sign: str | None = None) -> None:
    """Write what is still missing, sign it off and remove the run's state: from here on the folder is complete.

    `sign`: the value of the option. Raises sealing.SealError where the record stays unsigned; the folder is complete.
    """
    archive.merge(folder / STATE, folder / archive.FILE)
    write_json(folder / "target.json", shown_target)
    signoff.write(results, folder)
    # Only now: where the disk is full, the reports can still be made of it.
    shutil.rmtree(folder / STATE, ignore_errors=True)
    if sign:
        signoff.write(results, folder, sealing.signer(sign))


def of_a_killed_run(folder: Path) -> int:
    """Write all reports of a killed run from what it had recorded, show the verdict, and return the exit code of `run`.

    Raises recovery.RecoveryError.
    """
    results, known = report_killed_run(folder)
    show(results, Console(soft_wrap=True) if not sys.stdout.isatty() else Console(), folder)
    return exit_code(results, known.settings)


def report_killed_run(folder: Path) -> tuple[Results, Remembered]:
    """Write all reports of a killed run from what it had recorded. Raises recovery.RecoveryError."""
    results, known = recover(folder)
    write_all(results, folder)
    write_page(results, folder)
    complete(folder, results, known.shown_target)
    return results, known


def exit_code(results: Results, settings: Settings) -> int:
    """Return the exit code of `run`."""
    return verdicts.exit_code(
        results["verdict"],
        require_conformant=settings.require_conformant,
        has_outdated_waivers=waivers.has_outdated(results),
    )


def sign_off(setup: RunSetup, results: Results, page: Path, state: contextlib.ExitStack) -> list[str]:
    """Complete the folder, and let whatever looks for the newest report find it.

    `page` is where pytest-html wrote report.html; closing `state` releases the state folder. Returns what went wrong
    without changing the verdict.
    """
    if page.is_file():
        write_atomically(setup.folder / "report.html", page.read_text(encoding="utf-8"))
    else:  # pytest ended before its session had started
        write_page(results, setup.folder)
    state.close()
    problems = []
    try:
        complete(setup.folder, results, setup.remembered.shown_target, setup.settings.sign)
    except sealing.SealError as problem:
        problems.append(f"not signed: {problem}; `merge DIR --sign` signs a copy of the report later")
    if setup.settings.report_dir is None:
        problems += other_requests(setup.folder, results)
        point_latest(setup.folder, is_whole=is_whole(results))
        list_with_others(setup.folder)
    missing = ci.append_summary((setup.folder / "summary.md").read_text(encoding="utf-8"), os.environ)
    return [*problems, missing] if missing else problems


def other_requests(folder: Path, results: Results) -> list[str]:
    """Say, if a run beside this one had the same seed and other generators, that it sent other requests."""
    run = results["run"]
    generators = generators_of(run["versions"])
    entries: list[index.RunEntry] = []
    with contextlib.suppress(OSError):  # a report is complete without those beside it
        entries += index.entries(folder.parent)
    for entry in entries:
        changes = changed_versions(generators, entry.generators, generators)
        if entry.seed == run["seed"] and entry.run != run["id"] and changes:
            words = f"seed {run['seed']} does not reproduce the requests of {entry.path}, a run with other versions"
            return [f"{words}: {', '.join(changes)}"]
    return []


def is_whole(results: Results) -> bool:
    """Whether a run selected all clauses and came to its end; its verdict may still be partial."""
    run = results["run"]
    return not (run["selection"]["only"] or run["selection"]["skip"] or run["interrupted"])


def point_latest(folder: Path, *, is_whole: bool) -> None:
    """Point `latest` beside the folder at it, and `latest-whole` if the run was whole.

    Where the file system has no links, there are none.
    """
    for name in (LATEST, LATEST_WHOLE) if is_whole else (LATEST,):
        fresh = folder.parent / f".latest-{secrets.token_hex(4)}"
        with contextlib.suppress(OSError):
            fresh.symlink_to(folder.name, target_is_directory=True)
            fresh.replace(folder.parent / name)


def list_with_others(folder: Path) -> None:
    """Write the page that lists this run with those beside it; a report is complete without it."""
    with contextlib.suppress(OSError):
        index.write(folder.parent)
