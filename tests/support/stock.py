"""Reference servers whose main container holds any number of backups."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.config.target_file import load_target
from conformance.reference import launch
from conformance.reference.data.sample_data import Builder
from conformance.reference.registry import Variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.reference.core import Behaviours


@contextmanager
def stocked(count: int, folder: Path, *, largest_page: int | None = None) -> Iterator[Target]:
    """Serve a main container of `count` backups, with pages of at most `largest_page`; yield the target.

    Fixtures of the target file that the container does not hold are left out of it.
    """

    def stock(server: Behaviours) -> None:
        store = server.store
        container = store.containers[store.fixtures.container_id]
        kept = list(container.backups.items())[:count]
        container.backups.clear()
        container.backups.update(kept)
        builder = Builder(store.root, store.integrations)
        own = [one for one in store.integrations if one.hub_id == container.hub_id]
        for number in range(1000, 1000 + count - len(kept)):
            builder.backup(container, number, own[number % len(own)].id)
        if largest_page is not None:
            wanted = server.parse_page

            def capped(call: object) -> tuple[int, int]:
                number, size = wanted(call)  # type: ignore[arg-type] # whatever the server's own takes
                return number, min(size, largest_page)

            server.parse_page = capped
        there.update(container.backups)

    there: set[str] = set()
    variant = Variant("stock", f"{count} backups", "a container may hold any number of backups", stock)
    with launch.serve_in_thread((), [variant], restore_seconds=0.02) as server:
        file = folder / "target.toml"
        file.write_text(server.target_toml, "utf-8")
        target = load_target(file, os.environ)
        fixtures = target.fixtures
        held = replace(
            fixtures,
            backup_id=_held(fixtures.backup_id, there),
            failing_backup_id=_held(fixtures.failing_backup_id, there),
            not_live_backup_id=_held(fixtures.not_live_backup_id, there),
            deletable_backup_ids=tuple(backup for backup in fixtures.deletable_backup_ids if backup in there),
        )
        yield replace(target, fixtures=held)


def _held(backup: str | None, there: set[str]) -> str | None:
    return backup if backup in there else None
