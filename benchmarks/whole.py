"""A whole run: how soon it begins, how long it takes, and how near it comes to a bare loop and to the latency's limit.

    python benchmarks/whole.py [--latency MS]

Prints the seconds from the command's start to its first request, the wall time, requests per second against a loop of
httpx over the same server, and the wall time on a target that is some milliseconds away against what its requests
must take at the concurrency of the target file. What a run waits for restores, while no request is in progress, counts
apart. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from generated import BIN, slowed

from conformance.reference import launch
from conformance.reference.registry import Variant

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from conformance.reference.core import Behaviours

START_S, WALL_S, OF_A_LOOP, OF_LATENCY = 1.5, 10.0, 0.6, 1.5
CONCURRENCY = 8
LOOP = 1_000
#: a pause that is no wait for a restore, but the client's own work between two requests, in seconds
OWN_WORK_S = 0.1


@dataclass(frozen=True)
class Timed:
    """One run of the command: seconds, and what the server counted."""

    start: float
    wall: float
    requests: int


class Pauses:
    """Measures how long a server had no request in progress, between its first and its last."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._in_progress = 0
        self._idle_since: float | None = None

    def variant(self) -> Variant:
        """The variant that measures it."""
        return Variant("pauses", "The server measures its pauses.", "nothing", self._apply)

    def _apply(self, server: Behaviours) -> None:
        inner = server.wrap_app

        def wrap(app: ASGIApp) -> ASGIApp:
            wrapped = inner(app)

            async def measured(scope: Scope, receive: Receive, send: Send) -> None:
                if self._idle_since is not None and (pause := time.monotonic() - self._idle_since) > OWN_WORK_S:
                    self.seconds += pause
                self._in_progress, self._idle_since = self._in_progress + 1, None
                try:
                    await wrapped(scope, receive, send)
                finally:
                    self._in_progress -= 1
                    if not self._in_progress:
                        self._idle_since = time.monotonic()

            return measured

        server.wrap_app = wrap


def run(server: launch.Running) -> Timed:
    """The command as a user starts it, on a target file of this server."""
    counters = server.store.counters
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "target.toml"
        target.write_text(server.target_toml)
        before, started, first = counters.requests, time.monotonic(), 0.0
        command = [BIN / "backups-conformance", "run", "--target", target, "--seed", "1", "--report-dir", f"{folder}/r"]
        with subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and counters.requests == before:
                time.sleep(0.005)
            first = time.monotonic() - started
            process.wait()
        return Timed(first, time.monotonic() - started, counters.requests - before)


def loop(server: launch.Running) -> float:
    """Requests per second of one httpx client that does nothing but ask for a backup."""
    stock = server.store.fixtures
    headers = {"Authorization": f"Bearer {server.store.token('full')}", "X-Hub-Id": stock.hub_id}
    path = f"{server.base_url}/v1/containers/{stock.container_id}/backups/{stock.backup_id}"
    with httpx.Client(headers=headers) as client:
        started = time.monotonic()
        for _ in range(LOOP):
            client.get(path).raise_for_status()
        return LOOP / (time.monotonic() - started)


def main(milliseconds: float) -> int:
    """The benchmark."""
    with launch.serve_in_thread(restore_seconds=0.05) as server:
        timed, bare = run(server), loop(server)
    pauses = Pauses()
    with launch.serve_in_thread([], [slowed(milliseconds), pauses.variant()], restore_seconds=0.05) as server:
        far = run(server)
    rate = timed.requests / timed.wall
    limit = far.requests * milliseconds / 1000 / CONCURRENCY
    busy = far.wall - pauses.seconds
    print(f"first request after {timed.start:.2f} s (goal {START_S:g}), whole run {timed.wall:.1f} s (goal {WALL_S:g})")
    part = rate / bare
    print(f"{timed.requests} requests, {rate:.0f} a second; a bare loop {bare:.0f}: {part:.2f} (goal {OF_A_LOOP:g})")
    print(
        f"{milliseconds:g} ms away: {far.requests} requests in {far.wall:.1f} s, {pauses.seconds:.1f} s of it without "
        f"any, to wait for restores; at {CONCURRENCY} at once {limit:.1f} s: {busy / limit:.2f} (goal {OF_LATENCY:g})"
    )
    good = timed.start <= START_S and timed.wall <= WALL_S and part >= OF_A_LOOP and busy / limit <= OF_LATENCY
    return 0 if good else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=50.0, metavar="MS")
    sys.exit(main(parser.parse_args().latency))
