"""`backups-conformance qualify`: runs the chosen trials, writes the results and prints a summary."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from conformance.config.settings import Depth, examples_of
from conformance.fleet import executors
from conformance.judging.outcomes import Verdict
from conformance.qualification import page, results, resuming, runner, trials
from conformance.qualification.trying import TrialOptions
from conformance.results.files import write_atomically, write_json
from conformance.results.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.qualification.trials import Trial


class NothingChosenError(ValueError):
    """The options leave nothing to try."""


@dataclass(frozen=True)
class Options:
    """The options of `qualify`. `examples` None means what the depth says."""

    only: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 1
    depth: Depth = Depth.STANDARD
    examples: int | None = None
    place: executors.Place = field(default_factory=executors.Processes)
    fail_fast: bool = False
    report_dir: Path | None = None
    resume: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the results."""
        return self.report_dir or Path("reports") / "qualification"


def qualify(options: Options) -> int:
    """Run the command. Returns 0 if qualified, 1 if not, 3 if interrupted.

    Raises NothingChosenError, NotResumableError, and ExecutorError where there is no place to try anything.
    """
    chosen = trials.chosen(options.only, options.patterns)
    if options.sample is not None:
        chosen = trials.sampled(chosen, options.sample, options.seed)
    if not chosen:
        raise NothingChosenError("--faults and --only have no fault or variant in common")
    document = _run_trials(chosen, options)
    write(document, options.folder)
    _print_summary(document, options.folder)
    if document["run"]["interrupted"]:
        return Verdict.INCONCLUSIVE.exit_code
    return 0 if page.results_are_good(document) else 1


def _run_trials(chosen: Sequence[Trial], options: Options) -> JsonObject:
    trial_options = TrialOptions(
        options.seed, options.examples or examples_of(options.depth), options.depth, options.fail_fast
    )
    facts = results.Facts(
        jobs=0,
        on=str(options.place),
        seed=trial_options.seed,
        depth=trial_options.depth,
        examples=trial_options.examples,
        fail_fast=options.fail_fast,
        sample=options.sample,
        only=options.only,
        patterns=options.patterns,
    )
    journal = resuming.Journal(options.folder, trial_options)
    rows = journal.read() if options.resume else {}
    left = [trial for trial in chosen if trial.name not in rows]
    console = Console(stderr=True)
    interrupted = False
    try:
        with runner.workers(options.place, most=max(1, len(left))) as (submit, jobs):
            facts = replace(facts, jobs=jobs)
            journal.begin(rows)
            tried = runner.run(left, console, submit, trial_options, journal.keep)
    except runner.Interrupted as cut_short:
        tried, interrupted = cut_short.rows, True
    else:
        journal.remove()
    rows |= {row["name"]: row for row in tried}
    every = [rows[trial.name] for trial in chosen if trial.name in rows]
    return results.document(every, replace(facts, finished=datetime.now(UTC), interrupted=interrupted))


def write(document: dict[str, object], folder: Path) -> None:
    """The four files, each whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "qualification.json", document)
    write_json(folder / "score.json", results.score_alone(document))
    write_atomically(folder / "qualification.html", page.render(document))
    write_atomically(folder / "qualification.md", page.markdown(document))


def _verdict(document: JsonObject) -> str:
    if document["run"]["interrupted"]:
        return "Interrupted: some trials are left; --resume runs them"
    if page.results_are_good(document):
        return "Qualified"
    problems = counted(document["summary"]["problems"], "trial")
    return f"Not qualified: {page.headline(document)}; {problems} with unexpected results"


def _print_summary(document: JsonObject, folder: Path) -> None:
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    summary, times = document["summary"], document["summary"]["catch_s"]
    must, should = summary["must"], summary["should"]
    lines = [
        (
            f"MUST faults: {must['right']} caught by the right clause, {must['others']} only by others, "
            f"{must['missed']} missed, {must['error']} inconclusive"
        ),
        f"SHOULD faults: {should['right']} of {should['total']} warned",
        (
            f"variants: {summary['variants']['green']} green, {summary['variants']['accused']} accused, "
            f"{summary['variants']['error']} inconclusive"
        ),
        *page.undecided_lines(document["variants"]),
        (
            f"time to catch: median {page.seconds(times['median'])}, at most {page.seconds(times['max'])}; "
            f"all in {page.seconds(document['run']['duration_s'])}"
        ),
        "",
        _verdict(document),
        f"Report: {folder / 'qualification.html'}",
    ]
    console.print("\n".join(lines), markup=False)
