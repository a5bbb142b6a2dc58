"""The score of the suite that judged, in one line: from the qualification that is published with its version."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from conformance.config.settings import Depth
from conformance.evidence.text import one_line

if TYPE_CHECKING:
    from conformance.contract.json_types import JsonObject
    from conformance.results.model import Results

FILE = "qualification.json"
NOT_MEASURED = "not measured for this version"


def score_sentence(results: Results, published: bytes | None = None) -> str:
    """Return the score of the version that wrote these results.

    Of another version, the score is returned with its number. Without a packaged score, or with that of a partial
    qualification or of another depth, the sentence says that nothing was measured.
    """
    text = _published() if published is None else published
    try:
        document: JsonObject = json.loads(text or b"null") or {}
        suite, score, day = document["suite"], _score(document), document["run"]["started"][:10]
    except (ValueError, KeyError, TypeError):
        return NOT_MEASURED
    if score is None:
        return NOT_MEASURED
    if suite["version"] != results["suite"]["version"]:
        return f"{NOT_MEASURED}; version {one_line(suite['version'], 40)}: {score} ({day})"
    if suite["catalogue_sha256"] != results["suite"]["catalogue_sha256"]:
        return f"not measured with these clauses; before they changed: {score} ({day})"
    return f"{score} (qualified {day})"


def _score(document: JsonObject) -> str | None:
    """The score in words; None for that of a partial qualification or of another depth."""
    run, summary = document["run"], document["summary"]
    must, variants = summary["must"], summary["variants"]
    is_partial = run["interrupted"] or run["only"] or run["faults"]
    if is_partial or run.get("depth", Depth.STANDARD) != Depth.STANDARD or summary["score"] is None:
        return None
    servers = f"{must['total']:,} broken servers" + (", a sample," if run["sample"] else "")
    return (
        f"{summary['score']:g} % of {servers} caught by the right MUST clause, "
        f"{variants['accused']} of {variants['total']} correct servers accused"
    )


def _published() -> bytes | None:
    file = files("conformance").joinpath(FILE)
    return file.read_bytes() if file.is_file() else None
