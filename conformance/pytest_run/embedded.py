"""The target of a run: the one that was given, or the embedded reference server."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance.config.target_file import load_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.config.settings import Settings
    from conformance.config.target import Target


@contextmanager
def target_of(settings: Settings) -> Iterator[tuple[Target, Path | None]]:
    """Yield the target and its file; without a target, start the reference server in a process of its own.

    The file is None for a target that options describe. Raises reference.launch.LaunchError.
    """
    if settings.target is not None:
        yield settings.target, settings.target_file
        return
    from conformance.reference import launch  # noqa: PLC0415 - loads the server, which few runs need

    with launch.spawn() as server:
        yield load_target(server.target_file, os.environ), server.target_file
