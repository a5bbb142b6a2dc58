"""Whole report folders, of results that no run made and of real runs, for the tests of what reads them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from conformance.report import write_all, write_page
from conformance.results import sealing, signoff
from conformance.results.files import write_json

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, results: Any, key: sealing.PrivateKey | None = None) -> Path:
    """A folder as a run with these results leaves it."""
    write_all(results, folder)
    write_page(results, folder)
    write_json(folder / "target.json", {**results["target"], "keys": {"full": "given"}})
    lines = [{"format": "backups-conformance/exchanges/1"}]
    (folder / "exchanges.ndjson.gz").write_bytes(gzip.compress("".join(json.dumps(x) + "\n" for x in lines).encode()))
    signoff.write(results, folder, key)
    return folder


def resign(folder: Path) -> None:
    """What a forger does who can count: a new record over whatever the folder now says."""
    signoff.write(json.loads((folder / "results.json").read_text()), folder)
