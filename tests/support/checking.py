"""Runs of single checks, or of whole clauses, against the embedded server with faults or variants, in this process."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from conformance.config.target_file import load_target
from conformance.contract import catalogue
from conformance.execution.run import Run
from conformance.qualification.measure import PATIENCE_S, Judged, judge
from conformance.reference import launch
from conformance.reference.registry import Change, Fault, find
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.http.exchange import Exchange
    from conformance.judging.inputs import Inputs
    from conformance.judging.outcomes import CheckRecord


@contextmanager
def target_with(folder: Path, *changes: str, restore_seconds: float = 0.02) -> Iterator[Target]:
    """The target file of an embedded server with these faults and variants."""
    faults = [name for name in changes if isinstance(find(name), Fault)]
    variants = [name for name in changes if name not in faults]
    with target_of(folder, *faults, variants=variants, restore_seconds=restore_seconds) as target:
        yield target


@contextmanager
def target_of(
    folder: Path, *faults: Change | str, variants: Iterable[str] = (), restore_seconds: float = 0.02
) -> Iterator[Target]:
    """The same of faults that need no name in the registry."""
    with launch.serve_in_thread(faults, variants, restore_seconds=restore_seconds) as server:
        file = folder / "target.toml"
        file.write_text(server.target_toml)
        target = load_target(file, os.environ)
        yield replace(target, restore=replace(target.restore, timeout_s=PATIENCE_S))


@dataclass
class Checked:
    """What checks came to, and every exchange that they judged."""

    records: list[CheckRecord]
    exchanges: list[Exchange] = field(default_factory=list)


def run_checks(
    target: Target,
    folder: Path,
    names: Iterable[str],
    *,
    seed: int = 1,
    examples: int = 25,
    inputs: Inputs | None = None,
) -> Checked:
    """Execute these checks, one after the other, in a run of their own, of standard depth unless `inputs` are given."""
    selected = catalogue.load().select((), ())
    state = folder / "state"
    run = Run(target, seed=seed, profile="full", selected=selected, state=state, examples=examples, inputs=inputs)
    exchanges: list[Exchange] = []
    observe = run.observer.observe

    def recording(exchange: Exchange) -> None:
        exchanges.append(exchange)
        observe(exchange)

    run.observer.observe = recording  # type: ignore[method-assign]
    with closing(run):
        run.start()
        exchanges.clear()
        return Checked([run.executor.execute(all_checks()[name]) for name in names], exchanges)


def judge_clauses(target: Target, clauses: Collection[str], *, seed: int = 1) -> Mapping[str, Judged]:
    """What a whole run that selects these clauses comes to, final reviews included."""
    judged = judge(target, selected=clauses, seed=seed)
    return {clause: judged[clause] for clause in clauses}
