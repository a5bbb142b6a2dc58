"""The output for a GitHub job: its summary, and an annotation for each failed clause."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.results.queries import failing, shown, with_outcome
from conformance.results.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.results.model import Results

#: GitHub shows ten annotations of a kind for a step and silently drops the rest.
_MOST = 10
#: GitHub refuses a longer summary; in bytes.
_LONGEST_SUMMARY = 1_000_000
_CUT = "\n\n… cut: the whole summary is in the report folder.\n"


def append_summary(text: str, environ: Mapping[str, str]) -> str | None:
    """Append the summary to that of the CI job, if it has one.

    Returns what went wrong, or None; a summary that cannot be written never changes the verdict.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return None
    data = text.encode()
    if len(data) > _LONGEST_SUMMARY:
        data = data[: _LONGEST_SUMMARY - 100].rpartition(b"\n")[0] + _CUT.encode()
    try:
        with Path(path).open("ab") as summary:
            summary.write(data + b"\n")
    except OSError as problem:
        return f"the job's summary cannot be written: {problem.strerror or problem}"
    return None


def commands(results: Results) -> list[str]:
    """The workflow commands that show each failed clause as an error and each warned one as a warning."""
    results = shown(results)
    failed = failing(results)
    warned = [row for row in with_outcome(results, Outcome.WARNED) if row not in failed]
    lines = []
    for command, rows in (("error", failed), ("warning", warned)):
        annotated = rows if len(rows) <= _MOST else rows[: _MOST - 1]
        lines += [
            _command(command, f"{row['id']} ({row['level']})", f"{row['title']} {one_line(row['reason'], 1000)}")
            for row in annotated
        ]
        if rest := rows[len(annotated) :]:
            names = ", ".join(row["id"] for row in rest)
            lines.append(_command(command, counted(len(rest), "more clause"), names))
    return lines


@contextmanager
def no_commands(stream: TextIO, environ: Mapping[str, str]) -> Iterator[None]:
    """Keep GitHub from reading workflow commands in what is printed within, which may quote a target."""
    if environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    token = secrets.token_hex(16)
    stream.write(f"::stop-commands::{token}\n")
    stream.flush()
    try:
        yield
    finally:
        stream.write(f"::{token}::\n")
        stream.flush()


def _command(name: str, title: str, message: str) -> str:
    return f"::{name} title={_escaped(title, property_of=True)}::{_escaped(message)}"


def _escaped(text: str, *, property_of: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property_of else text
