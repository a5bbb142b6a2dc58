"""Whole report folders, of results that no run made and of real runs, for the tests of what reads them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from conformance.report import write_all, write_page
from conformance.results import signoff
from conformance.results.files import write_json
from conformance.results.sealing import keys

if TYPE_CHECKING:
    from pathlib import Path


#: An exchange in the format of the archive.
RECORD: dict[str, Any] = {
    "request": {
        "operation": "list", "method": "GET", "path": "/v1/containers/c/backups", "query": "", "key": "full",
        "authorization": "Bearer [key full]", "hub_id": "h", "headers": [["accept", "application/json"]],
        "body": None, "expected": "documented", "throttled": "retry", "sender": "member", "denied": None,
        "ownership": "own", "resources": {"container": "c"}, "asked": {}, "without": [],
    },
    "response": {
        "status": 200, "headers": [["content-type", "application/json"]], "body": '{"data":[]}',
        "secrets_shown": False, "elapsed_s": 0.01, "problem": None, "too_large": False,
    },
    "failure": None, "started": 1795642098.2, "seen": None, "unanswered": False, "key_died": False, "left_out": False,
    "shown": {"url": "http://t/v1/containers/c/backups", "headers": {"Accept": "application/json"}, "curl": "curl"},
}  # fmt: skip
#: A check record in the format of the journal.
CHECK = {
    "id": "LIST-1/list", "operation": "list", "outcome": "passed", "reason": "", "duration_s": 0.1, "findings": [],
    "exchanges": [], "timeline": [], "requests": 1, "inputs": 1, "applies": True,
}  # fmt: skip


def make(folder: Path, results: Any, key: keys.PrivateKey | None = None) -> Path:
    """Write the report folder of a run with these results, signed if a key is given."""
    write_all(results, folder)
    write_page(results, folder)
    write_json(folder / "target.json", {**results["target"], "keys": {"full": "given"}})
    lines = [{"format": "backups-conformance/exchanges/1"}]
    (folder / "exchanges.ndjson.gz").write_bytes(gzip.compress("".join(json.dumps(x) + "\n" for x in lines).encode()))
    signoff.write(results, folder, keys.KeySigner(key) if key is not None else None)
    return folder


def resign(folder: Path) -> None:
    """Write a new sign-off record over the current files, as a forger would."""
    signoff.write(json.loads((folder / "results.json").read_text()), folder)


def unfinished(folder: Path) -> Path:
    """A folder of a run that was killed before it recorded anything."""
    state = folder / ".state"
    state.mkdir(parents=True)
    facts = {
        "id": "r", "started": "2026-01-01T00:00:00+00:00", "seed": 1, "profile": "read", "command": "run",
        "subjects": [], "waivers_sha256": None, "versions": {}, "ci": None,
    }  # fmt: skip
    write_json(
        state / "run.json",
        {
            "format": "backups-conformance/run/1",
            "target": {"name": "t", "base_url": "http://127.0.0.1:1", "hub_id": "h"},
            "deletable_backup_ids": [],
            "shown_target": {"name": "t", "base_url": "http://127.0.0.1:1", "hub_id": "h"},
            "selected": ["LIST-1"],
            "settings": {
                "only": [],
                "skip": [],
                "examples": 5,
                "depth": "standard",
                "strict": False,
                "edition": None,
                "waivers": [],
            },
            "facts": facts,
        },
    )
    (state / "exchanges-main.ndjson").write_text(f"{json.dumps(RECORD)}\n")
    (state / "journal-main.ndjson").write_text('{"kind": "facts", "value": {"requests": 1}}\n')
    return folder
