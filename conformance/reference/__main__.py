"""`python -m conformance.reference`: run the server in the foreground. It prints one line of JSON when it is ready."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from conformance.reference import launch, target_file
from conformance.reference.data import sample_data
from conformance.reference.registry import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with 2."""
        self.exit(2, f"{message}\n")


def seconds(text: str) -> float:
    """Parse a duration in seconds."""
    value = float(text)
    if not 0 <= value < 3600:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds under an hour")
    return value


def parser() -> Parser:
    """The parser of the command line."""
    arguments = Parser(prog="python -m conformance.reference", description=__doc__)
    arguments.add_argument("--port", type=int, default=0, help="the port to listen on; 0 picks any free one")
    arguments.add_argument("--fault", action="append", default=[], metavar="NAME")
    arguments.add_argument("--variant", action="append", default=[], metavar="NAME")
    arguments.add_argument("--restore-seconds", type=seconds, default=launch.RESTORE_SECONDS)
    arguments.add_argument("--data", type=Path, metavar="DIR", help="the folder for archives and instances")
    arguments.add_argument("--write-target", type=Path, metavar="FILE", help="the target file to write")
    arguments.add_argument("--die-with-stdin", action="store_true", help="exit when stdin closes")
    return arguments


def print_address(base_url: str, file: Path) -> None:
    """Print where the server listens and the path of its target file, as a line of JSON."""
    sys.stdout.write(json.dumps({"base_url": base_url, "target_file": str(file)}) + "\n")
    sys.stdout.flush()


def serve(options: argparse.Namespace, announce: Callable[[str, Path], None] = print_address) -> None:
    """Serve until a signal arrives or stdin ends.

    `announce` gets the base URL and the absolute path of the target file as soon as the server answers.
    """
    with launch.data_folder(options.data) as root:
        server = launch.prepare(sample_data.build(root, options.restore_seconds), (*options.variant, *options.fault))
        listener = launch.listen(options.port)
        url = launch.url_of(listener)
        file = (options.write_target or root / "target.toml").absolute()
        target_file.write(file, target_file.render(server.store, url))

        async def main() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            if options.die_with_stdin:
                threading.Thread(target=_wait_for_end, args=(loop, stop), daemon=True).start()
            await launch.serve(server, listener, lambda: announce(url, file), stop)

        launch.run(main)


def _wait_for_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # only the end of the stream matters, not its content
        pass
    loop.call_soon_threadsafe(stop.set)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server, by default with the arguments of the command line.

    Wrong usage prints one line and exits with 2.
    """
    try:
        serve(parser().parse_args(arguments))
    except (launch.LaunchError, UnknownNameError, OSError) as problem:
        sys.stderr.write(f"{problem.args[0] if isinstance(problem, UnknownNameError) else problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
