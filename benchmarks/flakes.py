"""The flake hunt: the suite against conformant servers, by many seeds, under processor load and with jitter.

    python benchmarks/flakes.py [--seeds FIRST-LAST] [--load PROCESSES] [--jitter MIN-MAX] [--examples N]

Each seed judges the reference server with the next of its conformant variants, or as it is. Each request is delayed by
a time between MIN and MAX milliseconds, short times being the more frequent, while other processes keep the processor
busy. Prints one JSON line per run, then the totals. Exit code 1 where a clause failed, warned or ended in error that
the variant does not declare: each is a false positive, or a bug of the suite.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import math
import os
import random
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conformance.config.target_file import load_target
from conformance.execution.run import Run
from conformance.qualification.measure import RESTORE_SECONDS, Result, judge, problems
from conformance.reference import launch
from conformance.reference.variants import all_variants

if TYPE_CHECKING:
    from collections.abc import Iterator

#: No busy process outlives this, whatever happens to the hunt, in seconds.
MAX_LOAD_S = 1800
CHUNK = 65_536
BUSY = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"


class Jitter:
    """A relay on a free loopback port that delays each request by a random time, in seconds."""

    def __init__(self, base_url: str, shortest: float, longest: float, seed: int) -> None:
        self._upstream = urlsplit(base_url)
        self._exponents = math.log(shortest), math.log(longest)
        self._rng = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._relay, "127.0.0.1", 0))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """End the relay with all its connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        relays = asyncio.all_tasks() - {asyncio.current_task()}
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        there = self._copy(reader, upstream[1], delayed=True)
        back = self._copy(upstream[0], writer, delayed=False)
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(there, back)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, delayed: bool) -> None:
        try:
            while chunk := await source.read(CHUNK):
                if delayed:
                    await asyncio.sleep(math.exp(self._rng.uniform(*self._exponents)))
                sink.write(chunk)
                await sink.drain()
        finally:
            sink.close()


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep the processor busy with this number of processes."""
    command = [sys.executable, "-c", BUSY, str(MAX_LOAD_S)]
    started = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def hunt(name: str | None, seed: int, jitter: tuple[float, float], examples: int) -> tuple[Result, list[str]]:
    """Judge one server with one seed; return the result, and what is wrong with it."""
    started = time.monotonic()
    with ExitStack() as stack:
        names = [] if name is None else [name]
        server = stack.enter_context(launch.spawn([], names, restore_seconds=RESTORE_SECONDS))
        target = load_target(server.target_file, os.environ)
        relay = Jitter(target.base_url, *jitter, seed)
        stack.callback(relay.close)
        target = replace(target, base_url=relay.base_url)
        clauses = judge(target, seed=seed, begin=functools.partial(Run, examples=examples))
    result = Result(name, clauses, time.monotonic() - started)
    return result, problems(result)


def main(options: argparse.Namespace) -> int:
    """Run the hunt; return the exit code."""
    conformant = [name for name, variant in sorted(all_variants().items()) if variant.expected == "conformant"]
    turns = cycle([None, *conformant])
    wrong = runs = 0
    for seed in range(options.seeds[1] + 1):
        name = next(turns)
        if seed < options.seeds[0]:
            continue
        with busy(options.load):
            result, found = hunt(name, seed, options.jitter, options.examples)
        runs, wrong = runs + 1, wrong + bool(found)
        line = {"seed": seed, "variant": name, "seconds": round(result.seconds, 1), "problems": found}
        print(json.dumps(line), flush=True)
    print(json.dumps({"runs": runs, "with_problems": wrong}))
    return 1 if wrong else 0


def _range_of(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _seconds_of(text: str) -> tuple[float, float]:
    shortest, longest = _range_of(text)
    return shortest / 1000, longest / 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Hunt for false positives that depend on chance.")
    parser.add_argument("--seeds", type=_range_of, default=(1, 200), metavar="FIRST-LAST")
    parser.add_argument("--load", type=int, default=1, metavar="PROCESSES")
    parser.add_argument("--jitter", type=_seconds_of, default=(0.005, 0.4), metavar="MIN-MAX", help="in milliseconds")
    parser.add_argument("--examples", type=int, default=4, metavar="N")
    sys.exit(main(parser.parse_args()))
