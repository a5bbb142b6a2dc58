"""Starts the server in a thread of this process, in a process of its own, or in the foreground."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

import uvicorn

from conformance.reference import defaults, target_file
from conformance.reference.app import application
from conformance.reference.data import sample_data
from conformance.reference.protocol import Protocol
from conformance.reference.registry import Change, find

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from conformance.reference.core import Behaviours
    from conformance.reference.data.store import Store

HOST = "127.0.0.1"
RESTORE_SECONDS = 0.15
STARTUP_TIMEOUT = 20.0
PACKAGE = __name__.rpartition(".")[0]
MARKER = ".backups-reference"


class LaunchError(Exception):
    """The server cannot be started; the message is one line for the user."""


@dataclass
class Running:
    """A server in this process."""

    base_url: str
    target_toml: str
    store: Store
    server: Behaviours


@dataclass
class Spawned:
    """A server in a process of its own."""

    base_url: str
    target_file: Path
    process: subprocess.Popen[str] = field(repr=False)

    @property
    def target_toml(self) -> str:
        """The text of its target file."""
        return self.target_file.read_text("utf-8")


def prepare(store: Store, changes: Iterable[Change | str]) -> Behaviours:
    """The behaviours of a server over that data, with the faults and variants applied in order."""
    applied = [find(change) if isinstance(change, str) else change for change in changes]
    server = defaults.behaviours(store)
    for change in applied:
        change.apply(server)
    return server


def listen(port: int) -> socket.socket:
    """A listening socket on the loopback interface; port 0 picks any free one."""
    # asyncio disables Nagle's algorithm only where the protocol is given explicitly
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except (OSError, OverflowError) as problem:
        listener.close()
        raise LaunchError(f"port {port} cannot be used: {problem}") from problem
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL of a server on that socket."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


async def serve(server: Behaviours, listener: socket.socket, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then abort the requests in progress."""
    config = uvicorn.Config(
        application(server),
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # ours goes by the server's clock
        timeout_keep_alive=60,
    )
    config.load()
    runner = uvicorn.Server(config)
    runner.lifespan = config.lifespan_class(config)
    await runner.startup(sockets=[listener])
    ready()
    ticking = asyncio.create_task(runner.main_loop())
    await stop.wait()
    ticking.cancel()
    for listening in runner.servers:
        listening.close()
    for connection in list(runner.server_state.connections):
        connection.transport.abort()  # uvicorn's own shutdown would wait for them


def run(main: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run a coroutine in a new event loop, uvloop's where it is installed."""
    factory = import_module("uvloop").new_event_loop if find_spec("uvloop") else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


@contextmanager
def data_folder(given: Path | None) -> Iterator[Path]:
    """The folder for archives and instances: a temporary one, or the given one if it is empty or was ours before."""
    if given is None:
        root = Path(tempfile.mkdtemp(prefix="backups-reference-"))
        try:
            yield root
        finally:
            shutil.rmtree(root, ignore_errors=True)
        return
    given = given.absolute()
    if given.exists() and (not given.is_dir() or (any(given.iterdir()) and not (given / MARKER).exists())):
        raise LaunchError(f"{given} is not empty and not a data folder of this server")
    given.mkdir(parents=True, exist_ok=True)
    (given / MARKER).touch()
    for name in ("archives", "instances"):
        shutil.rmtree(given / name, ignore_errors=True)
    yield given


@contextmanager
def serve_in_thread(
    faults: Iterable[Change | str] = (),
    variants: Iterable[Change | str] = (),
    *,
    restore_seconds: float = RESTORE_SECONDS,
) -> Iterator[Running]:
    """Run a server on a free port in a thread of this process. Several can run at the same time."""
    with data_folder(None) as root:
        server = prepare(sample_data.build(root, restore_seconds), (*variants, *faults))
        listener = listen(0)
        ready, stop = threading.Event(), asyncio.Event()
        loops: list[asyncio.AbstractEventLoop] = []

        async def main() -> None:
            loops.append(asyncio.get_running_loop())
            await serve(server, listener, ready.set, stop)

        thread = threading.Thread(target=run, args=(main,), name="reference server", daemon=True)
        thread.start()
        if not ready.wait(STARTUP_TIMEOUT):
            raise LaunchError("the server did not start")
        try:
            url = url_of(listener)
            yield Running(url, target_file.render(server.store, url), server.store, server)
        finally:
            loops[0].call_soon_threadsafe(stop.set)
            thread.join(STARTUP_TIMEOUT)


def isolated_python(module: str = f"{PACKAGE}.__main__") -> list[str]:
    """The start of a command line that runs `main` of this module, whatever folder and environment it starts in.

    Python's own modules come first, and no module of the current folder hides one of them, unless the package itself
    is imported from there.
    """
    here, own = Path.cwd(), Path(__file__).parents[2]
    places = [Path(entry).absolute() for entry in sys.path if entry]
    path = [str(place) for place in dict.fromkeys(places) if place != here or place == own]
    program = f"import sys; sys.path[:] = {path!r}; from {module} import main; sys.exit(main())"
    return [sys.executable, "-I", "-W", "ignore", "-c", program]


def arguments(
    faults: Iterable[str] = (),
    variants: Iterable[str] = (),
    *,
    port: int = 0,
    restore_seconds: float = RESTORE_SECONDS,
    write_target: Path | None = None,
) -> list[str]:
    """The arguments of a server in a process of its own."""
    line = ["--port", str(port), "--die-with-stdin", "--restore-seconds", str(restore_seconds)]
    line += [part for name in faults for part in ("--fault", name)]
    line += [part for name in variants for part in ("--variant", name)]
    return line + (["--write-target", str(write_target)] if write_target else [])


@contextmanager
def spawn(
    faults: Iterable[str] = (),
    variants: Iterable[str] = (),
    *,
    port: int = 0,
    restore_seconds: float = RESTORE_SECONDS,
    write_target: Path | None = None,
) -> Iterator[Spawned]:
    """Run a server in a process of its own, which ends with the context and with this process, however that ends."""
    own = arguments(faults, variants, port=port, restore_seconds=restore_seconds, write_target=write_target)
    line = [*isolated_python(), *own]
    pipe = subprocess.PIPE
    with tempfile.TemporaryFile("w+") as errors:  # a file: nobody reads along, so a pipe could fill up
        process = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=errors, text=True)  # noqa: S603
        try:
            yield _announced(process, errors)
        finally:
            _end(process)


def _announced(process: subprocess.Popen[str], errors: IO[str]) -> Spawned:
    """Wait for the ready line. Raises LaunchError if the server ends or hangs instead."""
    timer = threading.Timer(STARTUP_TIMEOUT, process.kill)
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()
    if not line:
        process.wait(STARTUP_TIMEOUT)
    return Spawned(*read_announcement(line, errors), process)


def read_announcement(line: str, errors: IO[str]) -> tuple[str, Path]:
    """Return the base URL and the target file from the line that a server prints when it is ready.

    Raises LaunchError where it printed none, with the last line of its `errors`.
    """
    if not line:
        errors.seek(0)
        problem = errors.read().strip()
        raise LaunchError(problem.splitlines()[-1] if problem else "the server did not start")
    ready = json.loads(line)
    return ready["base_url"], Path(ready["target_file"])


def _end(process: subprocess.Popen[str]) -> None:
    """Close its stdin, which ends it in an orderly way; kill it if that does not help."""
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
