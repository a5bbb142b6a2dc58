"""The decisions that are made before a run starts, and what its processes know of them."""

from __future__ import annotations

import os
import secrets
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from conformance.config.settings import Depth
from conformance.config.target_file import load_target, target_from_options
from conformance.contract import catalogue
from conformance.evidence.redaction import Redactor
from conformance.execution.effects import Effect, effect_of, limited
from conformance.results import build
from conformance.results.recovery import STATE, Remembered
from conformance.results.signoff import sha256

if TYPE_CHECKING:
    from conformance.config.settings import Settings
    from conformance.config.target import Target

#: The key of `workerinput` under which a worker finds its set-up.
WORKER_INPUT = "conformance"
#: The key of `workeroutput` under which a worker returns its account.
WORKER_ACCOUNT = "conformance"


@dataclass(frozen=True)
class RunSetup:
    """A run before it starts: everything is decided, nothing is written.

    `settings` has the seed and the profile that the run uses; `folder` is the report folder.
    """

    settings: Settings
    target: Target
    target_file: Path | None
    selected: frozenset[str]
    effect: Effect
    folder: Path
    facts: build.RunFacts

    @property
    def seed(self) -> int:
        """The seed of the run, given or drawn."""
        return self.facts.seed

    @property
    def profile(self) -> str:
        """The profile of the run, given or the target's default."""
        return self.facts.profile

    @property
    def state(self) -> Path:
        """The folder that the processes of the run share while it lasts."""
        return self.folder / STATE

    @property
    def remembered(self) -> Remembered:
        """What `report` needs if the run is killed; the target is without its keys."""
        redactor = Redactor()
        self.target.watch_secrets(redactor.add)
        shown = redactor.value(self.target.without_keys())
        return Remembered(self.settings, self.target, shown, self.selected, self.facts)


def prepare(settings: Settings, target: Target, target_file: Path | None) -> RunSetup:
    """Decide what the settings leave open: seed, profile, folder, and how to repeat the run."""
    seed = secrets.randbelow(2**31) if settings.seed is None else settings.seed
    decided = replace(settings, seed=seed, profile=settings.profile or target.default_profile)
    started = datetime.now(UTC)
    folder = settings.report_dir or Path("reports") / target.name / started.strftime("%Y%m%dT%H%M%S.%fZ")
    facts = build.RunFacts(
        id=secrets.token_hex(8),
        started=started,
        seed=seed,
        profile=decided.profile or "",
        command=command_line(decided),
        subjects=settings.subjects,
        waivers_sha256=sha256(settings.waivers_file) if settings.waivers_file else None,
    )
    selected = frozenset(catalogue.load().select(settings.only, settings.skip))
    effect = effect_of(target, facts.profile, selected)
    return RunSetup(decided, target, target_file, selected, effect, folder.absolute(), facts)


def command_line(settings: Settings) -> str:
    """Return the command that repeats a run with these settings; keys are not part of it."""
    parts = ["backups-conformance", "run"]
    if settings.target_file:
        parts += ["--target", str(settings.target_file)]
    elif settings.target:
        target = settings.target
        parts += ["--base-url", target.base_url, "--hub", target.hub_id, "--container", target.fixtures.container_id]
    for name, values in (("--only", settings.only), ("--skip", settings.skip)):
        parts += [name, ",".join(values)] if values else []
    parts += ["--waivers", str(settings.waivers_file)] if settings.waivers_file else []
    parts += ["--strict"] if settings.strict else []
    parts += ["--edition", settings.edition] if settings.edition else []
    parts += ["--depth", settings.depth.value] if settings.depth is not Depth.STANDARD else []
    parts += [] if settings.bad_keys else ["--no-bad-keys"]
    parts += ["--profile", str(settings.profile), "--seed", str(settings.seed), "--examples", str(settings.examples)]
    return shlex.join(parts)


class WorkerInput(TypedDict):
    """The set-up that the controller sends to a worker, as plain data. A worker reads the keys itself."""

    target_file: str | None
    base_url: str
    hub: str
    container: str
    seed: int
    examples: int
    depth: str
    bad_keys: bool
    profile: str
    selected: list[str]
    only: list[str]
    skip: list[str]
    state: str
    workers: int


@dataclass(frozen=True)
class ProcessSetup:
    """The set-up of a process that executes checks: `worker` is its name, `workers` the number of workers."""

    target: Target
    seed: int
    profile: str
    examples: int
    selected: frozenset[str]
    only: tuple[str, ...]
    skip: tuple[str, ...]
    state: Path
    depth: Depth = Depth.STANDARD
    bad_keys: bool = True
    worker: str = "main"
    workers: int = 1

    @property
    def effect(self) -> Effect:
        """What the run may change at most."""
        return effect_of(self.target, self.profile, self.selected)

    @property
    def limited_target(self) -> Target:
        """The target, which allows what the selected clauses need and no more."""
        target = limited(self.target, self.effect)
        return target if self.bad_keys else replace(target, limits=replace(target.limits, bad_auth_max=0))


def for_this_process(setup: RunSetup) -> ProcessSetup:
    """Return the set-up of a run without workers, for the process that does everything."""
    settings = setup.settings
    return ProcessSetup(
        target=setup.target,
        seed=setup.seed,
        profile=setup.profile,
        examples=settings.examples,
        depth=settings.depth,
        bad_keys=settings.bad_keys,
        selected=setup.selected,
        only=settings.only,
        skip=settings.skip,
        state=setup.state,
    )


def worker_input(setup: RunSetup, workers: int) -> WorkerInput:
    """Return the set-up that each of several workers gets."""
    target, settings = setup.target, setup.settings
    return WorkerInput(
        target_file=str(setup.target_file.absolute()) if setup.target_file else None,
        base_url=target.base_url,
        hub=target.hub_id,
        container=target.fixtures.container_id,
        seed=setup.seed,
        examples=settings.examples,
        depth=settings.depth.value,
        bad_keys=settings.bad_keys,
        profile=setup.profile,
        selected=sorted(setup.selected),
        only=list(settings.only),
        skip=list(settings.skip),
        state=str(setup.state),
        workers=workers,
    )


def of_worker(given: WorkerInput, worker: str) -> ProcessSetup:
    """Return the set-up of a worker: the controller decided everything, only the target is read again, for its keys."""
    if given["target_file"]:
        target = load_target(Path(given["target_file"]), os.environ)
    else:
        target = target_from_options(given["base_url"], given["hub"], given["container"], os.environ)
    return ProcessSetup(
        target=target,
        seed=given["seed"],
        profile=given["profile"],
        examples=given["examples"],
        depth=Depth(given["depth"]),
        bad_keys=given["bad_keys"],
        selected=frozenset(given["selected"]),
        only=tuple(given["only"]),
        skip=tuple(given["skip"]),
        state=Path(given["state"]),
        worker=worker,
        workers=given["workers"],
    )
