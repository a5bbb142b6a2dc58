"""`run --for`: one run after the other with new seeds, until the time is over or something fails; one report."""

from __future__ import annotations

import json
import secrets
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.config.settings import Output
from conformance.evidence.text import one_line
from conformance.fleet import executors, schedule, worker
from conformance.fleet.description import RunDescription, RunEnd
from conformance.fleet.merging import command as merging
from conformance.judging.outcomes import Verdict
from conformance.pytest_run import finalize, signals
from conformance.pytest_run.main import open_page
from conformance.results import reading, sealing, verdicts, waivers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from conformance.results.model import Results

PASSES = "passes"
#: Options added to all runs but the first: the budgets hold for all runs together, and the first may have used them up.
LATER = ("--profile=read", "--no-bad-keys")
MAX_SEED = 2**31


@dataclass(frozen=True)
class Repetition:
    """What is repeated. `arguments`: the options of each run but for seed, profile and folder. `seconds`: how long."""

    seconds: float
    target_name: str
    target_file: str = ""
    arguments: tuple[str, ...] = ()
    pytest_args: tuple[str, ...] = ()
    profile: str | None = None
    seed: int | None = None
    report_dir: Path | None = None
    require_conformant: bool = False
    sign: str | None = None
    output: Output = Output.TEXT
    open_report: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def folder(self) -> Path:
        """The report folder."""
        time_of_start = self.started.strftime("%Y%m%dT%H%M%S.%fZ")
        return (self.report_dir or Path("reports") / self.target_name / time_of_start).absolute()


def run(repetition: Repetition) -> int:
    """Run, merge, and return the exit code of the merged verdict."""
    folder = repetition.folder
    signer = sealing.LenientSigner(sealing.signer(repetition.sign)) if repetition.sign else None
    parts: list[merging.Part] = []
    for number, end in _passes(repetition):
        report = folder / PASSES / str(number)
        part = merging.Part(report, problem=end.problem) if end.problem else merging.inspect(report)
        parts.append(part)
        if part.problem:
            _print_run(repetition, number, None, part.problem)
            break
        results = reading.load_results(report)
        _print_run(repetition, number, results, results["headline"])
        if results["verdict"] == Verdict.NON_CONFORMANT or results["run"]["interrupted"]:
            break
    whole = [part for part in parts if not part.problem]
    if not whole:
        sys.stderr.write(f"backups-conformance: error: {parts[0].problem}\n")
        return Verdict.INCONCLUSIVE.exit_code
    merged = merging.write_merged(whole, [part for part in parts if part.problem], folder, signer)
    if repetition.report_dir is None:
        finalize.point_latest(folder, is_whole=finalize.is_whole(merged))
    if signer is not None and signer.problem:
        sys.stderr.write(f"backups-conformance: {signer.problem}\n")
    _conclude(repetition, merged)
    if repetition.open_report:
        open_page(folder / "report.html")
    return verdicts.exit_code(
        merged["verdict"],
        require_conformant=repetition.require_conformant,
        has_outdated_waivers=waivers.has_outdated(merged),
    )


def _passes(repetition: Repetition) -> Iterator[tuple[int, RunEnd]]:
    """Yield the runs as they end; none begins after the time is over, or after Ctrl-C."""
    deadline = time.monotonic() + repetition.seconds
    stop, number = worker.Stop(), 0
    with ExitStack() as stack:
        stack.enter_context(signals.interruptible(lambda _: None))
        executor = stack.enter_context(executors.threads(1))
        while number == 0 or (time.monotonic() < deadline and not stop.is_set):
            number += 1
            description, report = _description(repetition, number), repetition.folder / PASSES / str(number)
            task = schedule.Task(description, number)

            def submit(each: RunDescription, report: Path = report) -> Future[RunEnd]:
                return executor.submit(worker.execute, each, report, stop=stop)

            for _, future in schedule.Schedule([task], submit, stop.set).run():
                yield number, schedule.result_of(future) or RunEnd(problem=worker.INTERRUPTED)


def _description(repetition: Repetition, number: int) -> RunDescription:
    is_first = number == 1
    seed = repetition.seed if is_first and repetition.seed is not None else secrets.randbelow(MAX_SEED)
    profile = (f"--profile={repetition.profile}",) if repetition.profile else ()
    own = profile if is_first else LATER
    return RunDescription(
        name=str(number),
        target_file=repetition.target_file,
        arguments=(*repetition.arguments, *own, f"--seed={seed}", "--json"),
        pytest_args=repetition.pytest_args,
        is_repeatable=not is_first,
    )


def _print_run(repetition: Repetition, number: int, results: Results | None, words: str) -> None:
    seed = results["run"]["seed"] if results else None
    if repetition.output is Output.JSON:
        sys.stdout.write(json.dumps({"event": "pass", "number": number, "seed": seed, "headline": words}) + "\n")
    elif repetition.output is Output.TEXT:
        sys.stdout.write(f"run {number}{'' if seed is None else f', seed {seed}'}: {one_line(words, 300)}\n")
    sys.stdout.flush()


def _conclude(repetition: Repetition, merged: Results) -> None:
    page = repetition.folder / "report.html"
    shown = page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page
    if repetition.output is Output.JSON:
        members = {name: merged[name] for name in ("verdict", "headline", "summary")}
        sys.stdout.write(json.dumps({"event": "end", **members, "report": str(shown)}) + "\n")
        return
    sys.stdout.write(f"{one_line(merged['headline'], 400)}\n")
    if repetition.output is Output.TEXT:
        sys.stdout.write(f"Report: {shown}\n")
