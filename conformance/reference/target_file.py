"""The target file of a running server."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.reference.data import digest

if TYPE_CHECKING:
    from conformance.reference.data.store import Store

KEY_NAMES = ("full", "view", "manage", "unrelated", "expired", "other_hub")


def render(store: Store, base_url: str) -> str:
    """The text of the target file, with the keys in clear."""
    fixtures = {
        name: getattr(store.fixtures, name)
        for name in (
            "container_id",
            "backup_id",
            "instance_id",
            "second_instance_id",
            "empty_container_id",
            "other_container_id",
            "foreign_backup_id",
            "foreign_instance_id",
            "failing_backup_id",
            "not_live_backup_id",
            "deletable_backup_ids",
        )
    }
    probe = [sys.executable, "-I", "-S", str(Path(digest.__file__).resolve()), str(store.root / "instances")]
    tables: dict[str, dict[str, object]] = {
        "target": {"name": "reference", "base_url": base_url, "hub_id": store.fixtures.hub_id, "verify_tls": True},
        "keys": {**{name: store.token(name) for name in KEY_NAMES}, "other_hub_id": store.fixtures.other_hub_id},
        "fixtures": fixtures,
        "restore": {"allow": True, "max_restores": 40, "timeout_s": 20, "poll_s": 0.05},
        "limits": {
            "requests_per_second": 0,
            "concurrency": 8,
            "timeout_s": 10,
            "max_body_mb": 16,
            "bad_auth_max": 20,
        },
        "jobs": {"follow": True},
        "probe": {"command": [*probe, "{instance_id}"], "expected": store.fixtures.expected_digest},
    }
    return "\n".join(_table(name, members) for name, members in tables.items())


def _table(name: str, members: dict[str, object]) -> str:
    lines = [f"{member} = {json.dumps(value, ensure_ascii=False)}\n" for member, value in members.items()]
    return f"[{name}]\n{''.join(lines)}"


def write(path: Path, text: str) -> None:
    """Write the target file, readable by its owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        path.chmod(0o600)
        file.write(text)
