"""The score of the suite that judged, in one line: from the qualification that is published with its version."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from conformance.config.settings import Depth

if TYPE_CHECKING:
    from conformance.contract.json_types import JsonObject
    from conformance.results.model import Results

FILE = "qualification.json"


def in_words(results: Results, published: bytes | None = None) -> str | None:
    """Return the score of the version that wrote these results.

    None if no score is packaged, or it belongs to another version, to a partial qualification or to another depth.
    """
    text = _published() if published is None else published
    try:
        document: JsonObject = json.loads(text or b"null") or {}
        of_this = all(document["suite"][name] == results["suite"][name] for name in ("version", "catalogue_sha256"))
        run, must, variants = document["run"], document["summary"]["must"], document["summary"]["variants"]
        score = document["summary"]["score"]
        if not of_this or score is None or run["interrupted"] or run["only"] or run["faults"]:
            return None
        if run.get("depth", Depth.STANDARD) != Depth.STANDARD:
            return None
        servers = f"{must['total']:,} broken servers" + (", a sample," if run["sample"] else "")
        return (
            f"{score:g} % of {servers} caught by the right MUST clause, "
            f"{variants['accused']} of {variants['total']} legal variants accused (qualified {run['started'][:10]})"
        )
    except (ValueError, KeyError, TypeError):
        return None


def _published() -> bytes | None:
    file = files("conformance").joinpath(FILE)
    return file.read_bytes() if file.is_file() else None
