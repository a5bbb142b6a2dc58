"""`run --targets`: one whole run for each target file, and the page that brings the reports together."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import __version__
from conformance.config.settings import Output
from conformance.contract.timestamps import in_utc
from conformance.fleet import archives, executors, model, page, schedule, signing, table, worker
from conformance.fleet.description import InputFile, RunDescription, RunEnd
from conformance.fleet.progress import FleetProgress
from conformance.pytest_run import finalize, signals
from conformance.pytest_run.main import open_page
from conformance.report import ci
from conformance.results import reading, sealing, signoff, verdicts, waivers
from conformance.results.files import write_atomically, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from conformance.fleet.model import Fleet, FleetTargetRow
    from conformance.fleet.targets import FleetTarget

    Submit = Callable[[FleetTarget], Future[RunEnd]]

TARGETS = "targets"
DEFAULT_DIR = Path("reports") / "fleet"


@dataclass(frozen=True)
class FleetOptions:
    """The options of a fleet. `arguments` are the options of each run; `files` those that workers elsewhere need."""

    targets: Sequence[FleetTarget]
    place: executors.Place
    arguments: tuple[str, ...] = ()
    pytest_args: tuple[str, ...] = ()
    files: tuple[InputFile, ...] = ()
    report_dir: Path | None = None
    is_read_only: bool = False
    strict: bool = False
    require_conformant: bool = False
    sign: str | None = None
    output: Output = Output.TEXT
    open_report: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def folder(self) -> Path:
        """The folder of the page, with a report folder for each target below it."""
        chosen = self.report_dir or DEFAULT_DIR / self.started.strftime("%Y%m%dT%H%M%S.%fZ")
        return chosen.absolute()


def run(options: FleetOptions) -> int:
    """Run the whole fleet and return the exit code of its verdict. Raises executors.ExecutorError."""
    fleet_run = _FleetRun(options)
    with FleetProgress(len(options.targets), options.output) as progress:
        fleet_run.progress = progress
        fleet_run.execute()
    fleet = fleet_run.conclude()
    progress.conclude(fleet, str(_shown(options.folder / model.PAGE)))
    unsigned = fleet_run.signer.problem if fleet_run.signer is not None else ""
    for problem in filter(None, [ci.append_summary(page.markdown(fleet), os.environ), unsigned]):
        sys.stderr.write(f"backups-conformance: {problem}\n")
    if options.open_report:
        open_page(options.folder / model.PAGE)
    return verdicts.exit_code(
        fleet["verdict"],
        require_conformant=options.require_conformant,
        has_outdated_waivers=fleet_run.has_outdated_waivers,
    )


class _FleetRun:
    """One run of a fleet: submits, collects, writes."""

    def __init__(self, options: FleetOptions) -> None:
        self.options = options
        self.progress: FleetProgress
        self.rows: dict[str, FleetTargetRow] = {}
        self.has_outdated_waivers = False
        self._stop = worker.Stop()
        self.signer = sealing.LenientSigner(sealing.signer(options.sign)) if options.sign else None

    def execute(self) -> None:
        """Execute all runs and make a row of each."""
        folder = self.options.folder
        (folder / TARGETS).mkdir(parents=True, exist_ok=True)
        for name in (model.FILE, model.PAGE, signing.SUMMARY, *signoff.RECORDS):
            (folder / name).unlink(missing_ok=True)
        tasks = [schedule.Task(target, target.place) for target in self.options.targets]
        with ExitStack() as stack:
            stack.enter_context(signals.interruptible(lambda _: None))
            submit, interrupted = self._executor(stack)
            for target, future in schedule.Schedule(tasks, submit, interrupted).run():
                row = self._row(target, future)
                self.rows[target.name] = row
                self.progress.end(target.target_name, row)

    def _executor(self, stack: ExitStack) -> tuple[Submit, Callable[[], None]]:
        place = self.options.place
        if isinstance(place, executors.Dask):
            from conformance.fleet import dask  # noqa: PLC0415 - an extra

            cluster = stack.enter_context(dask.connected(place.address))
            return (lambda target: cluster.submit_run(self._description(target))), cluster.stop
        count = min(place.size, len(self.options.targets))
        executor = stack.enter_context(executors.threads(count))
        return (lambda target: executor.submit(self._execute_here, target)), self._stop.set

    def _execute_here(self, target: FleetTarget) -> RunEnd:
        follower = self.progress.follower(target.target_name)
        return worker.execute(self._description(target), self._report(target), stop=self._stop, show=follower)

    def _description(self, target: FleetTarget) -> RunDescription:
        options = self.options
        elsewhere = isinstance(options.place, executors.Dask)
        path = _relative(target.file) if elsewhere else str(target.file)
        files = (InputFile(path, target.file.read_text("utf-8")), *options.files) if elsewhere else ()
        return RunDescription(
            name=target.name,
            target_file=path,
            arguments=(*options.arguments, "--json"),
            pytest_args=options.pytest_args,
            files=files,
            is_repeatable=options.is_read_only,
            suite=__version__,
        )

    def _report(self, target: FleetTarget) -> Path:
        return self.options.folder / TARGETS / target.name

    def _row(self, target: FleetTarget, future: Future[RunEnd]) -> FleetTargetRow:
        file = str(target.file)
        try:
            end = schedule.result_of(future) or RunEnd(problem=worker.INTERRUPTED)
            report = self._report(target)
            if end.archive is not None:
                archives.unpack(end.archive, report)
            if end.problem:
                return table.row_without_report(target.target_name, file, end.problem)
            results = reading.load_results(report)
            self.has_outdated_waivers |= waivers.has_outdated(results)
            if self.signer is not None:
                signoff.write(results, report, self.signer)
            return table.row_of(results, f"{TARGETS}/{target.name}", report, file)
        except executors.ExecutorError as problem:
            return table.row_without_report(target.target_name, file, str(problem))
        except Exception as problem:  # whatever goes wrong with one target must not cost the reports of the others
            return table.row_without_report(target.target_name, file, f"{type(problem).__name__}: {problem}")

    def conclude(self) -> Fleet:
        """Write the files of the fleet folder."""
        rows = [self.rows[target.name] for target in self.options.targets]
        run: model.FleetRunRow = {
            "kind": "run",
            "started": in_utc(self.options.started),
            "finished": in_utc(datetime.now(UTC)),
            "on": str(self.options.place),
            "strict": self.options.strict,
        }
        fleet = table.build(rows, run)
        write(fleet, self.options.folder, self.signer)
        if self.options.report_dir is None:
            finalize.point_latest(self.options.folder, is_whole=False)
        return fleet


def write(fleet: Fleet, folder: Path, signer: sealing.Signer | None = None) -> None:
    """Write fleet.json, its page and its summary into a folder, and sign them off."""
    write_json(folder / model.FILE, fleet)
    write_atomically(folder / model.PAGE, page.render(fleet))
    write_atomically(folder / signing.SUMMARY, page.markdown(fleet))
    signing.write(fleet, folder, signer)


def _relative(file: Path) -> str:
    """Return the path of a file as a worker on another machine has it, below a folder of its own."""
    absolute, here = file.absolute(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else Path(TARGETS, file.name)).as_posix()


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
