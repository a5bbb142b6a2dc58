"""The end of a run's folder: the last files, the sign-off record over all of them, and what points at the folder."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

from conformance.evidence import archive
from conformance.judging.outcomes import Verdict
from conformance.report import index, write_all
from conformance.report.terminal import show
from conformance.results import sealing, signoff
from conformance.results.files import write_json
from conformance.results.recovery import STATE, recover

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.results.model import Results


def clear(folder: Path) -> None:
    """Take an earlier run's reports away, so that nobody takes them for those of a run that did not end."""
    for name in (*signoff.REQUIRED, *signoff.OPTIONAL, signoff.FILE, signoff.ENVELOPE):
        (folder / name).unlink(missing_ok=True)
    for name in signoff.present(folder):
        (folder / name).unlink()
    shutil.rmtree(folder / STATE, ignore_errors=True)


def complete(folder: Path, results: Results, shown_target: dict[str, Any], key_file: Path | None = None) -> None:
    """Write what is still missing, sign it off, and let go of the run's state: from here on the folder is whole.

    Raises sealing.SealError where the key cannot be used; the record is written all the same, unsigned.
    """
    archive.merge(folder / STATE, folder / archive.FILE)
    write_json(folder / "target.json", shown_target)
    try:
        signoff.write(results, folder, sealing.load_private(key_file) if key_file else None)
    except sealing.SealError:
        signoff.write(results, folder)
        raise
    finally:
        shutil.rmtree(folder / STATE, ignore_errors=True)


def of_a_killed_run(folder: Path) -> int:
    """All reports of what a killed run had written down, shown as a run shows them; gives the exit code of `run`.

    Raises recovery.RecoveryError.
    """
    from conformance.report.pytest_html import write_page  # noqa: PLC0415 - loads pytest, which a run has anyway

    results, known = recover(folder)
    write_all(results, folder)
    write_page(results, folder)
    complete(folder, results, known.shown_target)
    show(results, Console(soft_wrap=True) if not sys.stdout.isatty() else Console(), folder)
    return Verdict(results["verdict"]).exit_code


def point_latest(folder: Path) -> None:
    """`latest` beside the folder points at it; where links are not to be had, it is left out."""
    link = folder.parent / "latest"
    fresh = folder.parent / f".latest-{secrets.token_hex(4)}"
    with contextlib.suppress(OSError):
        fresh.symlink_to(folder.name, target_is_directory=True)
        fresh.replace(link)


def list_with_others(folder: Path) -> None:
    """The page that lists this folder's run with those beside it; a report is one without it."""
    with contextlib.suppress(OSError):
        index.write(folder.parent)
