"""The "Preflight" section of report.html: what was found out about the target file before anything was judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from conformance.evidence.text import one_line

if TYPE_CHECKING:
    from conformance.results.model import Results

#: What each state means to a reader.
STATES = {
    "ok": "fits",
    "missing": "left out",
    "wrong": "does not fit",
    "unknown": "not known from reads",
}


def section(results: Results) -> Markup:
    """Return a table of keys and fixtures, those that do not fit first; empty without preflight."""
    rows = results.get("preflight", [])
    if not rows:
        return Markup("")
    ordered = sorted(rows, key=lambda row: row["state"] != "wrong")
    wrong = sum(row["state"] == "wrong" for row in rows)
    head = (
        f"{wrong} of {len(rows)} members of the target file do not fit"
        if wrong
        else "Keys and fixtures of the target file"
    )
    cells = Markup("").join(
        Markup('<tr><th scope="row"><code>{}</code></th><td>{}</td><td>{}</td></tr>').format(
            one_line(row["name"], 100), STATES.get(row["state"], row["state"]), one_line(row["detail"], 1000)
        )
        for row in ordered
    )
    return Markup(
        '<h2>Preflight</h2><details class="bc-fold"{}><summary>{}</summary><table class="bc-table"><thead><tr>'
        '<th scope="col">member of the target file</th><th scope="col">state</th><th scope="col">what was found</th>'
        "</tr></thead><tbody>{}</tbody></table></details>"
    ).format(Markup(" open") if wrong else Markup(""), head, cells)
