"""`python -m conformance.reference`: the server in the foreground. It says one line of JSON when it is ready."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from conformance.reference import launch, stock, target
from conformance.reference.registry import UnknownNameError


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end with 2."""
        self.exit(2, f"{message}\n")


def seconds(text: str) -> float:
    """A duration."""
    value = float(text)
    if not 0 <= value < 3600:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds under an hour")
    return value


def parser() -> Parser:
    """The command line."""
    found = Parser(prog="python -m conformance.reference", description=__doc__)
    found.add_argument("--port", type=int, default=0, help="0 takes any free port")
    found.add_argument("--fault", action="append", default=[], metavar="NAME")
    found.add_argument("--variant", action="append", default=[], metavar="NAME")
    found.add_argument("--restore-seconds", type=seconds, default=launch.RESTORE_SECONDS)
    found.add_argument("--data", type=Path, metavar="DIR", help="where archives and instances go")
    found.add_argument("--write-target", type=Path, metavar="FILE", help="where the target file goes")
    found.add_argument("--die-with-stdin", action="store_true", help="end when stdin closes")
    return found


def serve(options: argparse.Namespace) -> None:
    """Serve until a signal, or the end of stdin, says so."""
    with launch.data_folder(options.data) as root:
        server = launch.prepare(stock.build(root, options.restore_seconds), (*options.variant, *options.fault))
        listener = launch.listen(options.port)
        url = launch.url_of(listener)
        file = (options.write_target or root / "target.toml").absolute()
        target.write(file, target.render(server.world, url))

        def ready() -> None:
            sys.stdout.write(json.dumps({"base_url": url, "target_file": str(file)}) + "\n")
            sys.stdout.flush()

        async def main() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            if options.die_with_stdin:
                threading.Thread(target=_wait_for_end, args=(loop, stop), daemon=True).start()
            await launch.serve(server, listener, ready, stop)

        launch.run(main)


def _wait_for_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # what is said does not matter, only that the other end is there
        pass
    loop.call_soon_threadsafe(stop.set)


def main() -> int:
    """Serve; what was asked wrongly is one line and 2."""
    try:
        serve(parser().parse_args())
    except (launch.LaunchError, UnknownNameError, OSError) as problem:
        sys.stderr.write(f"{problem.args[0] if isinstance(problem, UnknownNameError) else problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
