"""Compare what two checkouts of the suite conclude about the same servers.

    python benchmarks/same_results.py OLD NEW [--only SCENARIO …] [--repeat N] [--confirm N] [--allow GLOB …]

A change of structure must not change a verdict. OLD and NEW are checkouts; each runs its own command in its own
environment (`.venv` of the checkout where it exists, otherwise a temporary one) against its own reference server:

- green: the server as it is
- red: the server with twenty faults at once
- read: the server as it is, with the read profile
- keys: two keys that the server does not know
- unreachable: a port at which nobody listens
- qualification: a sample of the faults and variants, the same names in both checkouts

Exit code, verdict, the outcome of each clause and check, the findings (level, JSON pointer, number of places) and the
requests of each check are compared; times and wording are not. Each scenario runs --repeat times, and up to --confirm
times more while anything seems to differ: an outcome differs if no run of NEW gave what a run of OLD gave, and a count
is compared only if it never varied within a checkout.

Prints one line for each difference; differences that --allow names are listed apart. Exit code 1 on any other.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import venv
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: faults of all chapters that show at every request of their kind, so that a run with all of them is reproducible
FAULTS = (
    *("unknown_key_is_forbidden", "key_as_password", "hub_of_the_key", "no_challenge"),
    *("logs_with_manage", "restore_with_view", "denial_names_both", "status_as_text", "source_without_slash"),
    *("get_cuts_fractions", "unknown_size_is_negative", "lists_as_plain_text", "put_is_welcome", "no_detail_is_null"),
    *("always_included_on_get", "api_key_half_masked", "minus_is_ignored", "page_words_break_down"),
    *("log_of_another_hub", "any_action_restores"),
)
#: check kinds that were renamed: how a check ID of an old checkout ends, and how that of a new one does
RENAMED_KINDS = {"afterwards": "final-review"}
#: seconds after which a run, or each trial of a qualification, counts as hanging; other work may slow the machine down
RUN_S = 900.0
#: an observation at one place of a run: an outcome (a text) or a count (anything else)
Observed = str | int | tuple[tuple[str, str, int], ...]

#: a place, and what was observed there in the old and in the new checkout
Difference = tuple[str, str, str]


class Failed(Exception):  # noqa: N818 - not an error of a program, but the end of this one
    """A checkout could not be prepared or run."""


@dataclass
class Checkout:
    """A checkout with the interpreter of its environment."""

    folder: Path
    python: Path

    @property
    def command(self) -> Path:
        """The command that the checkout installs."""
        return self.python.with_name("backups-conformance")

    def call(self, folder: Path, *arguments: str | Path, timeout_s: float = RUN_S) -> subprocess.CompletedProcess[str]:
        """Run the command to its end in a folder: old checkouts read what else is in the current one."""
        try:
            return subprocess.run(
                [self.command, *arguments], capture_output=True, text=True, errors="replace", check=False,
                timeout=timeout_s, env=_environment(), cwd=folder,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.folder}: no end within {timeout_s:g} s: {' '.join(map(str, arguments))}") from None

    @contextmanager
    def serving(self, folder: Path, faults: Sequence[str] = ()) -> Iterator[Path]:
        """Serve the reference server of this checkout; yield its target file."""
        target = folder / "target.toml"
        arguments = ["serve", "--restore-seconds", "0.3", "--write-target", str(target)]
        arguments += ["--fault", *faults] if faults else []
        with subprocess.Popen(
            [self.command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment()
        ) as process:
            try:
                # the first line is printed when the server listens and the file is written
                first = process.stdout.readline() if process.stdout else ""
                if not target.is_file():
                    raise Failed(f"{self.folder}: serve did not start: {first}")
                yield target
            finally:
                process.terminate()


def _environment() -> dict[str, str]:
    """Our environment without the keys and pytest options that would change a run."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("BACKUPS_", "PYTEST_"))}


@contextmanager
def prepared(folder: Path) -> Iterator[Checkout]:
    """Yield a checkout that can be run; install it into a temporary environment unless it has a `.venv`."""
    existing = folder / ".venv" / "bin" / "python"
    if (existing.parent / "backups-conformance").exists():
        yield Checkout(folder, existing)
        return
    with tempfile.TemporaryDirectory(prefix="same-results-") as environment:
        venv.create(environment, with_pip=True)
        python = Path(environment) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "-e", f"{folder}[sign]"], check=True)
        yield Checkout(folder, python)


# ---------------------------------------------------------------- scenarios


def _run(checkout: Checkout, target: Path, folder: Path, seed: int, *more: str) -> dict[str, Observed]:
    reports = folder / "report"
    arguments = ["run", "--target", str(target), "--seed", str(seed), "--report-dir", str(reports), *more]
    ended = checkout.call(folder, *arguments)
    results = reports / "results.json"
    if not results.is_file():
        raise Failed(
            f"{checkout.folder}: run ended with {ended.returncode} and wrote no results: {ended.stderr[-500:]}"
        )
    return {"exit": str(ended.returncode), **observe(json.loads(results.read_bytes()))}


def green(checkout: Checkout, folder: Path, seed: int) -> dict[str, Observed]:
    """The reference server as it is."""
    with checkout.serving(folder) as target:
        return _run(checkout, target, folder, seed)


def red(checkout: Checkout, folder: Path, seed: int) -> dict[str, Observed]:
    """Twenty faults at once."""
    with checkout.serving(folder, FAULTS) as target:
        return _run(checkout, target, folder, seed)


def read(checkout: Checkout, folder: Path, seed: int) -> dict[str, Observed]:
    """The read profile."""
    with checkout.serving(folder) as target:
        return _run(checkout, target, folder, seed, "--profile", "read")


def keys(checkout: Checkout, folder: Path, seed: int) -> dict[str, Observed]:
    """Two keys that the server does not know: what they would show is inconclusive."""
    with checkout.serving(folder) as target:
        lines = target.read_text("utf-8").splitlines()
        for name in ("view", "other_hub"):
            place = next(number for number, line in enumerate(lines) if line.startswith(f"{name} = "))
            lines[place] = f'{name} = "a-key-that-the-server-does-not-know-{name}"'
        target.write_text("\n".join(lines) + "\n", "utf-8")
        return _run(checkout, target, folder, seed)


def unreachable(checkout: Checkout, folder: Path, seed: int) -> dict[str, Observed]:
    """A port that is bound, so that nobody else takes it, and at which nobody listens."""
    with checkout.serving(folder) as target:
        text = target.read_text("utf-8")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        lines = [line for line in text.splitlines() if not line.startswith("base_url")]
        place = lines.index("[target]") + 1
        lines.insert(place, f'base_url = "http://127.0.0.1:{bound.getsockname()[1]}"')
        target.write_text("\n".join(lines) + "\n", "utf-8")
        return _run(checkout, target, folder, seed)


SCENARIOS: dict[str, Callable[[Checkout, Path, int], dict[str, Observed]]] = {
    "green": green, "red": red, "read": read, "keys": keys, "unreachable": unreachable,
}  # fmt: skip
QUALIFICATION = "qualification"


# ---------------------------------------------------------------- what is compared


def observe(results: Mapping[str, Any]) -> dict[str, Observed]:
    """Return what results.json concludes, by place; without times, wording, addresses and IDs."""
    places: dict[str, Observed] = {"verdict": results["verdict"]}
    for clause in results["clauses"]:
        places[f"clause/{clause['id']}/outcome"] = clause["outcome"]
        findings: dict[tuple[str, str], int] = defaultdict(int)
        for check in clause["checks"]:
            name = check_name(check["id"])
            places[f"check/{name}/outcome"] = check["outcome"]
            places[f"check/{name}/requests"] = check.get("requests", 0)
            for finding in check["findings"]:
                findings[finding["outcome"], finding["pointer"] or ""] += finding.get("places", 1)
        counted = tuple(sorted((level, pointer, count) for (level, pointer), count in findings.items()))
        places[f"clause/{clause['id']}/findings"] = counted
    return places


def check_name(check_id: str) -> str:
    """Return the ID with its kind as new checkouts call it."""
    head, _, kind = check_id.rpartition("/")
    return f"{head}/{RENAMED_KINDS.get(kind, kind)}"


def qualification(old: Checkout, new: Checkout, folder: Path, options: argparse.Namespace) -> Iterator[Difference]:
    """Yield each difference in a share of the qualification; what differs is tried again, and must differ each time."""
    seed, timeout_s = str(options.seed), options.faults * RUN_S
    sample = _qualified(old, folder / "sample", timeout_s, "--seed", seed, "--sample", str(options.faults))
    names, rows_old = list(sample), sample
    differences: list[Difference] = []
    for turn in range(1 + options.confirm):
        named = [argument for name in names for argument in ("--faults", escape(name))]
        if turn:
            rows_old = _qualified(old, folder / f"old-{turn}", timeout_s, "--seed", seed, *named)
        rows_new = _qualified(new, folder / f"new-{turn}", timeout_s, "--seed", seed, *named)
        differences = [found for name in names for found in _row_differences(name, rows_old[name], rows_new.get(name))]
        names = list(dict.fromkeys(place.removeprefix(f"{QUALIFICATION}/").rpartition("/")[0]
                                   for place, _, _ in differences))  # fmt: skip
        print(f"  {QUALIFICATION}: run {turn + 1}, {len(names)} rows differ", file=sys.stderr, flush=True)
        if not names:
            break
    yield from differences


def _row_differences(name: str, old: Mapping[str, Any], new: Mapping[str, Any] | None) -> Iterator[Difference]:
    if new is None:
        yield f"{QUALIFICATION}/{name}/outcome", old["outcome"], "(no such fault or variant)"
        return
    for member in ("outcome", "seen", "undeclared", "accused"):
        before, after = _plain(old.get(member)), _plain(new.get(member))
        if before != after:
            yield f"{QUALIFICATION}/{name}/{member}", before, after


def _plain(value: str | list[str] | None) -> str:
    return ", ".join(sorted(value)) if isinstance(value, list) else str(value)


def _qualified(checkout: Checkout, folder: Path, timeout_s: float, *more: str) -> dict[str, dict[str, Any]]:
    folder.mkdir(parents=True, exist_ok=True)
    ended = checkout.call(folder, "qualify", "--report-dir", folder, *more, timeout_s=timeout_s)
    file = folder / "qualification.json"
    if not file.is_file():
        raise Failed(f"{checkout.folder}: qualify wrote no results: {' '.join(more)}: {ended.stderr[-500:]}")
    document = json.loads(file.read_bytes())
    return {row["name"]: row for rows in ("faults", "variants") for row in document[rows]}


@dataclass
class Comparison:
    """The values that the runs of two checkouts gave, by place."""

    old: list[dict[str, Observed]] = field(default_factory=list)
    new: list[dict[str, Observed]] = field(default_factory=list)

    @property
    def unstable(self) -> int:
        """The number of counts that varied within a checkout and were not compared."""
        return sum(self._varies(place) for place in self._places() if not place.endswith(("outcome", "verdict")))

    def differences(self) -> Iterator[Difference]:
        """Yield place, old and new value of each difference."""
        for place in self._places():
            old, new = self._values(self.old, place), self._values(self.new, place)
            is_outcome = all(isinstance(value, str) for value in (*old, *new))
            if old.isdisjoint(new) and (is_outcome or not self._varies(place)):
                yield place, _text(old), _text(new)

    def _varies(self, place: str) -> bool:
        return any(len(self._values(runs, place)) > 1 for runs in (self.old, self.new))

    def _places(self) -> list[str]:
        return list(dict.fromkeys(place for run in (*self.old, *self.new) for place in run))

    @staticmethod
    def _values(runs: Sequence[Mapping[str, Observed]], place: str) -> set[Observed]:
        return {run.get(place, "(absent)") for run in runs}


def _text(values: set[Observed]) -> str:
    return " or ".join(sorted(map(str, values)))


def compare(old: Checkout, new: Checkout, options: argparse.Namespace) -> Iterator[Difference]:
    """Run the scenarios; yield place, old and new value of each difference."""
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="same-results-") as scratch:
            if name == QUALIFICATION:
                yield from qualification(old, new, Path(scratch), options)
                continue
            comparison = Comparison()
            for turn in range(options.repeat + options.confirm):
                if turn >= options.repeat and not any(comparison.differences()):
                    break
                for checkout, runs in ((old, comparison.old), (new, comparison.new)):
                    folder = Path(tempfile.mkdtemp(dir=scratch))
                    runs.append(SCENARIOS[name](checkout, folder, options.seed))
                print(f"  {name}: run {turn + 1}", file=sys.stderr, flush=True)
            for place, before, after in comparison.differences():
                yield f"{name}/{place}", before, after
            print(f"  {name}: {comparison.unstable} counts varied by themselves", file=sys.stderr, flush=True)


def main() -> int:
    """Compare, print the differences, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    everything = [*SCENARIOS, QUALIFICATION]
    parser.add_argument("--only", nargs="+", choices=everything, default=everything, metavar="SCENARIO")
    parser.add_argument("--repeat", type=int, default=2, metavar="N", help="runs of each scenario (default: 2)")
    parser.add_argument("--confirm", type=int, default=3, metavar="N", help="more runs on a difference (default: 3)")
    parser.add_argument("--faults", type=int, default=40, metavar="N", help="of the qualification (default: 40)")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--allow", nargs="+", default=[], metavar="GLOB", help="places where a difference is intended")
    options = parser.parse_args()
    intended, unintended = 0, 0
    with prepared(options.old.resolve()) as old, prepared(options.new.resolve()) as new:
        for place, before, after in compare(old, new, options):
            allowed = any(fnmatchcase(place, pattern) for pattern in options.allow)
            intended, unintended = intended + allowed, unintended + (not allowed)
            print(f"{'intended ' if allowed else ''}{place}: {before} -> {after}", flush=True)
    print(f"{unintended} differences, {intended} intended ones")
    return 1 if unintended else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"same_results: {error}")
