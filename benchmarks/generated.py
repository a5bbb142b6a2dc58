"""Our generated checks against `schemathesis run`, on the same servers in the same run.

    python benchmarks/generated.py [--max-examples N] [--latency MS] [--faults NAME,… | --sample N]
        [--variants NAME,… | all]

Prints requests per second (as the server counts them, start-up included for both, and about as many requests of each),
without and with latency (0: not with any); how many of the faults that only odd input shows, or of a sample of those
written by hand, each finds, in what time and with how many requests; and how many right servers each accuses. What
schemathesis says of the reference as it is counts as an accusation; on a faulty server only what it says beyond that
counts as found. Exit code 1 where we are not four times as fast, accuse anyone, or find less.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.contract.schemas import schemas_dir
from conformance.reference import launch
from conformance.reference.faults import all_faults
from conformance.reference.registry import Fault, Variant, find
from conformance.reference.variants import all_variants

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from conformance.reference.core import Behaviours

GOAL = 4.0
#: the depth at which a run generates about as many requests as schemathesis does, and the one that most runs have
MANY, USUAL = "deep", "standard"
BIN = Path(sys.executable).parent
ODD = (
    *("long_id_breaks_down", "nul_resets", "ids_are_folded", "other_digits_break_down", "instance_may_be_a_number"),
    *("null_contents_break_down", "array_of_one_is_taken", "lone_surrogate_breaks_down", "negative_page_breaks_down"),
    *("page_size_zero_breaks_down", "huge_page_resets", "include_twice_breaks_down"),
)


@dataclass(frozen=True)
class Outcome:
    """What one tool came to on one server."""

    requests: int
    seconds: float
    said: frozenset[str]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def slowed(milliseconds: float) -> Variant:
    """A variant that takes so much longer for each answer."""

    def apply(server: Behaviours) -> None:
        inner = server.wrap_app

        def wrap(app: ASGIApp) -> ASGIApp:
            wrapped = inner(app)

            async def late(scope: Scope, receive: Receive, send: Send) -> None:
                await asyncio.sleep(milliseconds / 1000)
                await wrapped(scope, receive, send)

            return late

        server.wrap_app = wrap

    return Variant(f"slow_by_{milliseconds:g}", "Every answer is late.", "how long an answer takes", apply)


def ours(server: launch.Running, folder: Path, depth: str) -> Outcome:
    """The generated checks alone, as the command runs them."""
    target = folder / "target.toml"
    target.write_text(server.target_toml)
    command = [BIN / "backups-conformance", "run", "--target", target, "--seed", "1", "--report-dir", folder / "report"]
    return _timed(
        server, [*map(str, command), "--depth", depth, "--", "-k", "generated"], r"^  *([A-Z]+-[0-9]+) .* wanted "
    )


def theirs(server: launch.Running, folder: Path, most: int) -> Outcome:
    """Schemathesis with the full key, run by its own command."""
    stock = server.store.fixtures
    command = ["run", str(schemas_dir() / "openapi.yaml"), "--url", server.base_url, "--seed", "1", "--no-color"]
    command += ["-H", f"Authorization: Bearer {server.store.token('full')}", "-H", f"X-Hub-Id: {stock.hub_id}"]
    command += ["--max-examples", str(most), "--workers", "8", "--generation-database", "none"]
    return _timed(server, [str(BIN / "schemathesis"), *command], r"^  . (ST[0-9]+ .*): [0-9]+$", cwd=folder)


def _timed(server: launch.Running, command: list[str], failure: str, cwd: Path | None = None) -> Outcome:
    before, started = server.store.counters.requests, time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    seconds = time.monotonic() - started
    said = frozenset(re.findall(failure, done.stdout, re.MULTILINE)) if done.returncode == 1 else frozenset()
    return Outcome(server.store.counters.requests - before, seconds, said or _code(done.returncode))


def _code(code: int) -> frozenset[str]:
    return frozenset({f"exit {code}"} if code else ())


def both(changes: Iterable[Any], most: int, depth: str = USUAL) -> tuple[Outcome, Outcome]:
    """Both tools, one after the other, each on a new server with these changes."""
    found = []
    for tool in (partial(ours, depth=depth), partial(theirs, most=most)):
        with tempfile.TemporaryDirectory() as folder, _serve(list(changes)) as server:
            found.append(tool(server, Path(folder)))
    return found[0], found[1]


def _serve(changes: list[Any]) -> Any:
    faults = [change for change in changes if isinstance(change, Fault)]
    variants = [change for change in changes if isinstance(change, Variant)]
    return launch.serve_in_thread(faults, variants, restore_seconds=0.05)


def main(arguments: list[str]) -> int:
    """The benchmark."""
    options = _options(arguments)
    plain = both([], options.max_examples, MANY)
    ratios = [_compare("as it is", *plain)]
    if options.latency:
        far = both([slowed(options.latency)], options.max_examples, MANY)
        ratios.append(_compare(f"{options.latency:g} ms away", *far))
    baseline = plain[1].said
    caught = [0, 0]
    seconds, requests = [0.0, 0.0], [0, 0]
    for name in options.faults:
        mine, other = both([find(name)], options.max_examples)
        for index, (found, outcome) in enumerate(((mine.said, mine), (other.said - baseline, other))):
            caught[index] += bool(found)
            seconds[index] += outcome.seconds
            requests[index] += outcome.requests
        print(f"{name}: we {sorted(mine.said) or 'nothing'}, schemathesis {sorted(other.said - baseline) or 'nothing'}")
    for name, count, took, sent in zip(("we", "schemathesis"), caught, seconds, requests, strict=True):
        rates = f"{60 * count / max(took, 1):.1f} a minute, {1000 * count / max(sent, 1):.2f} per 1,000 requests"
        print(f"{name}: {count} of {len(options.faults)} faults in {took:.0f} s: {rates}")
    accused = _accusations(plain, options)
    return 0 if ratios[0] >= GOAL and not accused[0] and caught[0] >= caught[1] else 1


def _accusations(plain: tuple[Outcome, Outcome], options: argparse.Namespace) -> list[int]:
    accused = [int(bool(one.said)) for one in plain]
    for name in options.variants:
        for index, outcome in enumerate(both([find(name)], options.max_examples)):
            accused[index] += bool(outcome.said)
    print(f"accused of {1 + len(options.variants)} right servers: by us {accused[0]}, by schemathesis {accused[1]}")
    return accused


def _compare(what: str, mine: Outcome, other: Outcome) -> float:
    ratio = mine.rate / other.rate
    print(
        f"{what}: we {mine.requests} requests in {mine.seconds:.1f} s ({mine.rate:.0f}/s), schemathesis "
        f"{other.requests} in {other.seconds:.1f} s ({other.rate:.0f}/s): {ratio:.1f} times"
    )
    return ratio


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument(
        "--max-examples", type=int, default=180, help="of schemathesis, so that both send about as much"
    )
    parser.add_argument("--latency", type=float, default=50.0, metavar="MS")
    parser.add_argument("--faults", type=lambda text: text.split(",") if text else [], default=list(ODD))
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="of the faults written by hand, instead")
    parser.add_argument("--variants", type=lambda text: text.split(",") if text else [], default=[])
    found = parser.parse_args(arguments)
    if found.variants == ["all"]:
        found.variants = sorted(all_variants())
    if found.sample:
        names = sorted(all_faults())
        found.faults = names[:: max(1, len(names) // found.sample)][: found.sample]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
