"""The progress of a fleet: a bar for each target on a terminal, elsewhere a line when a target begins and ends."""

from __future__ import annotations

import json
import sys
import threading
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from conformance.config.settings import Output
from conformance.evidence.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.fleet.model import Fleet, FleetTargetRow


class FleetProgress:
    """Shows what the runs of a fleet report. Methods may be called from any thread."""

    def __init__(self, total: int, output: Output) -> None:
        self._output = output
        self._total = total
        self._ended = 0
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        console = Console(file=sys.stderr)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> FleetProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def follower(self, name: str) -> Callable[[str], None]:
        """Return a function that takes the events of one run, as `run --json` prints them."""

        def take(line: str) -> None:
            try:
                event = json.loads(line)
                kind = event.get("event")
            except (ValueError, AttributeError):
                return
            if kind == "start":
                self._begin(name, event)
            elif kind == "check" and name in self._tasks:
                self._bar.advance(self._tasks[name])

        return take

    def _begin(self, name: str, event: dict[str, object]) -> None:
        checks = event.get("checks")
        with self._lock:
            if name in self._tasks:  # a second attempt
                self._bar.reset(self._tasks[name])
                return
            total = checks if isinstance(checks, int) else None
            self._tasks[name] = self._bar.add_task(f"testing {one_line(name, 60)}", total=total)
            self._write("target-start", {"target": name}, f"testing {name}")

    def end(self, name: str, row: FleetTargetRow) -> None:
        """Show the verdict of a target."""
        with self._lock:
            self._ended += 1
            if name in self._tasks:
                self._bar.update(self._tasks[name], visible=False)
            members = {"target": name, "verdict": row["verdict"], "headline": row["headline"], "folder": row["folder"]}
            self._write("target-end", members, f"{name}: {row['headline']} ({self._ended} of {self._total})")

    def conclude(self, fleet: Fleet, page: str) -> None:
        """Show the verdict of the whole."""
        members = {"verdict": fleet["verdict"], "headline": fleet["headline"], "summary": fleet["summary"]}
        if self._output is Output.JSON:
            sys.stdout.write(json.dumps({"event": "end", **members, "report": page}) + "\n")
            return
        console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
        style = {"conformant": "bold green", "non-conformant": "bold red"}.get(fleet["verdict"], "bold")
        console.print(Text(one_line(fleet["headline"], 400), style))
        if self._output is Output.TEXT:
            console.print(Text(f"Report: {page}"))

    def _write(self, event: str, members: Mapping[str, object], text: str) -> None:
        if self._output is Output.JSON:
            sys.stdout.write(json.dumps({"event": event, **members}) + "\n")
            sys.stdout.flush()
        elif self._output is Output.TEXT:
            sys.stdout.write(f"{one_line(text, 400)}\n")
            sys.stdout.flush()
