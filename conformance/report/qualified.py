"""How good the suite is that judged, in a line: from the qualification that is published with its version."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.report.model import Results

FILE = "qualification.json"


def in_words(results: Results, published: bytes | None = None) -> str | None:
    """The score of the version that wrote these results; None where it brings none, or another's."""
    text = _published() if published is None else published
    try:
        told: dict[str, Any] = json.loads(text or b"null") or {}
        of_this = all(told["suite"][name] == results["suite"][name] for name in ("version", "catalogue_sha256"))
        must, variants, score = told["summary"]["must"], told["summary"]["variants"], told["summary"]["score"]
        if not of_this or score is None:
            return None
        caught = f"{score:g} % of {must['total']:,} broken servers caught by the right MUST clause"
        return f"{caught}, {variants['accused']} of {variants['total']} legal variants accused"
    except (ValueError, KeyError, TypeError):
        return None


def _published() -> bytes | None:
    file = files("conformance").joinpath(FILE)
    return file.read_bytes() if file.is_file() else None
