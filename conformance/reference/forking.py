"""Servers in processes of their own that are forked from one that has imported everything.

To start Python and import the server takes a quarter of a second of processor time, a fork a few milliseconds. The
forking process has one thread, applies no fault and serves no request. So each server is as isolated as one that
`launch.spawn` starts: a fault that crashes it, hangs it or changes what is global in it reaches no other server.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from conformance.reference import __main__ as server_program
from conformance.reference import launch
from conformance.reference.registry import all_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import IO

#: the size in bytes of a request to fork, and of the process id that answers it
MAX_REQUEST, PID_SIZE = 1 << 16, 8
#: seconds that a server has to end in an orderly way
ENDING_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Forked:
    """A server that was forked. `pid` stays reserved until the fork server gets its next request."""

    base_url: str
    target_file: Path
    pid: int


class ForkServer:
    """A process that forks servers. It ends with this process, however that ends, and so do its servers."""

    def __init__(self) -> None:
        own, theirs = socket.socketpair()
        with theirs:
            line = launch.isolated_python(__name__)
            self._process = subprocess.Popen(line, stdin=theirs.fileno(), stdout=subprocess.DEVNULL)  # noqa: S603
        self._requests = own
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the process."""
        self._requests.close()
        self._process.wait()

    def fork(self, arguments: Sequence[str], lifeline: socket.socket, errors: IO[str]) -> int:
        """Fork a server with these command line arguments, and return its process id.

        `lifeline` becomes its stdin and stdout, `errors` its stderr. Raises LaunchError.
        """
        with self._lock:
            try:
                request = json.dumps(arguments).encode()
                socket.send_fds(self._requests, [request], [lifeline.fileno(), errors.fileno()])
                pid = int.from_bytes(self._requests.recv(PID_SIZE), "big")
            except OSError as problem:
                raise launch.LaunchError(f"the process that forks servers cannot be reached: {problem}") from problem
        if not pid:
            raise launch.LaunchError("the process that forks servers has ended")
        return pid


@cache
def _fork_server() -> ForkServer:
    server = ForkServer()
    atexit.register(server.close)
    return server


@contextmanager
def forked(
    faults: Iterable[str] = (), variants: Iterable[str] = (), *, restore_seconds: float = launch.RESTORE_SECONDS
) -> Iterator[Forked]:
    """Run a server in a process of its own, which ends with the context and with this process, however that ends."""
    arguments = launch.arguments(faults, variants, restore_seconds=restore_seconds)
    lifeline, theirs = socket.socketpair()
    with lifeline, tempfile.TemporaryFile("w+") as errors:
        with theirs:
            pid = _fork_server().fork(arguments, theirs, errors)
        try:
            line = ""
            lifeline.settimeout(launch.STARTUP_TIMEOUT)
            with lifeline.makefile() as output, suppress(TimeoutError):
                line = output.readline()
            yield Forked(*launch.read_announcement(line, errors), pid)
        finally:
            _end(lifeline, pid)


def _end(lifeline: socket.socket, pid: int) -> None:
    """Close the server's stdin, which ends it in an orderly way; kill it if that does not help."""
    lifeline.settimeout(ENDING_TIMEOUT_S)
    try:
        lifeline.shutdown(socket.SHUT_WR)
        while lifeline.recv(4096):  # its end of the socket is closed when the process has ended
            pass
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    except OSError:  # it has ended, with something unread
        pass


def main() -> int:
    """Fork a server for each request on stdin, until stdin is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process handles Ctrl-C
    all_changes()
    gc.freeze()  # no collection in a server touches the memory that all of them share
    requests = socket.socket(fileno=os.dup(0))
    while True:
        request, streams, _, _ = socket.recv_fds(requests, MAX_REQUEST, 2)
        if not request:
            return 0
        _reap()
        if (pid := os.fork()) == 0:
            requests.close()
            _serve(json.loads(request), *streams)
        for stream in streams:
            os.close(stream)
        requests.sendall(pid.to_bytes(PID_SIZE, "big"))


def _reap() -> None:
    """Let go of the servers that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve(arguments: list[str], lifeline: int, errors: int) -> NoReturn:
    """Be a server until its stdin is closed, and end without returning to the loop of the parent."""
    code = 1
    try:
        for target, stream in ((0, lifeline), (1, lifeline), (2, errors)):
            os.dup2(stream, target)
        os.close(lifeline)
        os.close(errors)
        code = server_program.main(arguments)
    except BaseException:  # even SystemExit must not reach the parent's loop
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
