"""Whole runs against hostile servers: the peak memory of the run's process, and the size of its reports.

    python benchmarks/hostile_runs.py [--minutes 5] [--depth quick] [SERVER ...]

Starts the reference server, changes every response of it as one of SERVERS says, and runs the suite against it as a
user does. A run that takes longer than `--minutes` is ended with SIGTERM, as an impatient user ends it: it writes its
reports all the same. Prints one line for each server. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.reference import launch
from conformance.reference.registry import Fault

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from conformance.reference.core import Behaviours

MB = 2**20
#: goals: the peak of a run against a server that does nothing unusual, and of any run; the sizes of reports
USUAL_MB, PEAK_MB = 160, 250
RESULTS_MB, HTML_MB = 32, 5
#: Seconds that a run may take to write its reports after SIGTERM.
GRACE_S = 120
#: Requests that are answered as they should be before bodies are replaced.
HONEST = 60
#: Turns the body of a response into another and names its content encoding, if it has one.
Change = Callable[[bytes], tuple[bytes, bytes | None]]


def padded(size: int) -> Change:
    """JSON with white space at its end: valid, so the run goes on."""
    return lambda body: (body + b" " * size, None)


def long_member(size: int) -> Change:
    """An object with one more member, a long string: clauses of the shape fail, with the body as evidence."""
    text = b"a secret of nobody " * (size // 19)
    return lambda body: (b'{"padding": "' + text + b'", ' + body[1:] if body.startswith(b'{"') else body + text, None)


def replaced(make: Callable[[], bytes], encoding: bytes | None = None) -> Change:
    """The same body for every request but the first: preflight would end the run at once."""
    made, requests = cache(make), count()
    return lambda body: (body, None) if next(requests) < HONEST else (made(), encoding)


def lists(size: int) -> bytes:
    """`[[],[],…]` of this many bytes."""
    return b"[" + b"[]," * (size // 3) + b"[]]"


def objects(number: int) -> bytes:
    """A list response of this many objects, each with one member and all with different names."""
    return b'{"data": [' + b",".join(b'{"%d": "%d"}' % (index, index) for index in range(number)) + b"]}"


def escapes(size: int) -> bytes:
    """A long string of escapes."""
    return b'{"data": "' + rb"\u0041" * (size // 6) + b'"}'


def bomb(size: int) -> bytes:
    """A gzip file of spaces that is a thousandth of this size."""
    return gzip.compress(b" " * size)


SERVERS: dict[str, Change | None] = {
    "usual": None,
    "padded to 1 MB": padded(MB),
    "padded to 15 MB": padded(15 * MB),
    "a member of 1 MB": long_member(MB),
    "a member of 15 MB": long_member(15 * MB),
    "gzip bomb of 15 MB": replaced(lambda: bomb(15 * MB), b"gzip"),
    "gzip bomb of 1 GB": replaced(lambda: bomb(1024 * MB), b"gzip"),
    "lists, 1 MB": replaced(lambda: lists(MB)),
    "lists, 2.8 MB": replaced(lambda: lists(2_800_000)),
    "lists, 15 MB": replaced(lambda: lists(15 * MB)),
    "objects, 450,000 values": replaced(lambda: objects(225_000)),
    "escapes, 15 MB": replaced(lambda: escapes(15 * MB)),
}


@dataclass(frozen=True)
class Measured:
    """One run: its exit code, wall time in seconds, requests, peak in MB, and the sizes of its reports in MB."""

    code: int
    seconds: float
    requests: int
    peak_mb: float
    results_mb: float
    html_mb: float
    folder_mb: float
    headline: str

    @property
    def is_within(self) -> bool:
        """Whether the goals for any run are met."""
        written = self.results_mb > 0 and self.html_mb > 0
        return self.peak_mb <= PEAK_MB and written and self.results_mb <= RESULTS_MB and self.html_mb <= HTML_MB


def changed(change: Change) -> Fault:
    """A fault that changes the body of every response."""

    def apply(server: Behaviours) -> None:
        inner = server.wrap_app
        server.wrap_app = lambda app: _changing(inner(app), change)

    return Fault("changed", "It changes every response.", (), (), needs_probe=False, apply=apply)


def _changing(app: ASGIApp, change: Change) -> ASGIApp:
    async def changing(scope: Scope, receive: Receive, send: Send) -> None:
        started: list[Message] = []

        async def passing(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            start = started.pop()
            body = message.get("body", b"")
            kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
            if start["status"] not in {204, 304} and scope["method"] != "HEAD":
                body, encoding = change(body)
                kept += [(b"content-encoding", encoding)] if encoding else []
            if start["status"] != 204:
                kept.append((b"content-length", str(len(body)).encode()))
            await send({**start, "headers": kept})
            await send({**message, "body": body})

        await app(scope, receive, passing)

    return changing


def measure(name: str, minutes: float, depth: str, options: list[str]) -> Measured:
    """Run the suite once against this server."""
    with tempfile.TemporaryDirectory() as place, _served(name, Path(place) / "target.toml") as target:
        folder, output = Path(place) / "report", Path(place) / "output"
        line = [sys.executable, "-m", "conformance", "run", "--target", target, "--seed", "1", "--depth", depth]
        line += [*options, "--report-dir", folder]
        begun = time.monotonic()
        with output.open("w") as written:
            process = subprocess.Popen([*map(str, line)], stdout=written, stderr=subprocess.STDOUT)
            timers = [
                threading.Timer(60 * minutes, process.send_signal, [signal.SIGTERM]),
                threading.Timer(60 * minutes + GRACE_S, process.kill),
            ]
            for timer in timers:
                timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            for timer in timers:
                timer.cancel()
        results = json.loads((folder / "results.json").read_bytes()) if (folder / "results.json").is_file() else None
        return Measured(
            process.returncode,
            time.monotonic() - begun,
            results["run"]["requests"] if results else 0,
            usage.ru_maxrss / 1024,
            _megabytes(folder / "results.json"),
            _megabytes(folder / "report.html"),
            sum(_megabytes(file) for file in folder.rglob("*") if file.is_file()),
            results["headline"] if results else output.read_text()[-100:],
        )


@contextmanager
def _served(name: str, target: Path) -> Iterator[Path]:
    """The server in a process of its own: Linux counts the memory of a parent as a peak of its child."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", target, name], stdin=subprocess.PIPE)
    try:
        while not target.is_file():
            time.sleep(0.05)
            if process.poll() is not None:
                raise RuntimeError("the server ended")
        yield target
    finally:
        process.terminate()
        process.wait()


def _serve(name: str, target: Path) -> None:
    change = SERVERS[name]
    with launch.serve_in_thread([] if change is None else [changed(change)]) as server:
        fresh = target.with_suffix(".part")
        fresh.write_text(server.target_toml)
        fresh.replace(target)
        sys.stdin.read()  # until the benchmark ends, however it does


def _megabytes(file: Path) -> float:
    return file.stat().st_size / MB if file.is_file() else 0.0


def main() -> int:
    """Print the table."""
    options, more = _options()
    if options.serve:
        _serve(options.servers[0], options.serve)
        return 0
    missed = False
    print("| server | requests | s | exit | peak MB | results.json MB | report.html MB | folder MB | verdict |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in options.servers or SERVERS:
        run = measure(name, options.minutes, options.depth, more)
        missed |= not run.is_within or (SERVERS[name] is None and run.peak_mb > USUAL_MB)
        sizes = f"{run.results_mb:.1f} | {run.html_mb:.1f} | {run.folder_mb:.1f}"
        figures = f"{run.requests} | {run.seconds:.0f} | {run.code} | {run.peak_mb:.0f} | {sizes}"
        print(f"| {name} | {figures} | {run.headline[:60]} |", flush=True)
    return int(missed)


def _options() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--depth", default="quick", choices=("quick", "standard", "deep"))
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=", ".join(SERVERS))
    return parser.parse_known_args()


if __name__ == "__main__":
    sys.exit(main())
