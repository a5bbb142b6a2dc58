"""summary.md: what a pull request or a job summary shows, safe in GitHub's Markdown whatever a target answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.report import qualified
from conformance.results.queries import counts, not_tested_by_reason, shown, with_outcome
from conformance.results.waivers import stubs
from conformance.results.wording import (
    LABELS,
    counted,
    running_words,
    seed_comment,
    selection_words,
    throttled_words,
    waivers_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.results.model import ClauseRow, Results

_TABLES = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED, Outcome.WAIVED)


def render(results: Results) -> str:
    """The document as text."""
    results = shown(results)
    parts = [
        f"# {escape(results['headline'])}",
        _facts(results),
        table(["outcome", "clauses"], [[label, str(number)] for _, label, number in counts(results)]),
        *_alerts(results),
        *_outcome_tables(results),
        *_not_tested(results),
        "## How to reproduce",
        _fenced(f"{seed_comment(results)}\n{results['run']['command']}"),
        *_waiver_stubs(results),
    ]
    return "\n\n".join(parts)


def escape(text: str, limit: int = 400) -> str:
    """Escape text for Markdown: no markup, HTML, end of a table cell, mention or link survives."""
    text = re.sub(r"[\\`*\[\]|~<>&]", _escape_mark, one_line(text, limit))
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
    text = re.sub(r"(?i)(?<=\w):(?=//)|(?<=www)\.", r"\\\g<0>", text)
    # GitHub finds mentions and formulas after it has processed escapes, but not within code.
    return re.sub(r"[@$]", r"`\g<0>`", text)


def _escape_mark(match: re.Match[str]) -> str:
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(match.group(), "\\" + match.group())


def _prose(text: str) -> str:
    """Escape a text of the catalogue outside of its code spans."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("*", "\\*") for part in parts[::2]]
    return "`".join(parts)


def _facts(results: Results) -> str:
    target, run, suite = results["target"], results["run"], results["suite"]
    rows = {
        "target": f"{target['name']} ({target['base_url']})",
        "suite": f"backups-conformance {suite['version']}",
        "run": f"{run['id']}, {run['started']}, {run['duration_s']:.1f} s",
        "profile": run["profile"],
        "selection": selection_words(run["selection"]),
        "edition": results.get("edition", "unknown"),
        "seed": str(run["seed"]),
        "requests": f"{run['requests']:,}, {counted(run['restores_accepted'], 'restore')} accepted",
        "rate limited": throttled_words(run),
        "waivers": waivers_words(results),
        "what this suite catches": qualified.score_sentence(results),
    }
    return "\n".join(f"- **{name}**: {escape(value)}" for name, value in rows.items())


def _alerts(results: Results) -> list[str]:
    run = results["run"]
    alerts = [f"The run was interrupted: {escape(run['interruption'])}"] if run["interrupted"] else []
    alerts += [
        f"Waiver of {escape(waiver['clause'])} is {escape(waiver['state'])}: {escape(waiver['reason'])}"
        for waiver in results["waivers"]
        if waiver["state"] != "used"
    ]
    alerts += [escape(words, 2000) for words in running_words(run)]
    return ["\n".join(f"> **Note:** {alert}\n>" for alert in alerts).removesuffix("\n>")] if alerts else []


def _outcome_tables(results: Results) -> list[str]:
    parts = []
    for outcome in _TABLES:
        rows = with_outcome(results, outcome)
        if rows:
            parts += [
                f"## {LABELS[outcome].capitalize()}",
                table(["clause", "level", "text", "reason"], (_clause(row) for row in rows)),
            ]
    return parts


def _clause(row: ClauseRow) -> list[str]:
    half = f" SHOULD: {_prose(row['should'])}." if row["outcome"] == Outcome.WARNED and row["should"] else ""
    return [row["id"], row["level"], _prose(row["title"]) + half, escape(row["reason"])]


def _not_tested(results: Results) -> list[str]:
    groups = not_tested_by_reason(results)
    if not groups:
        return []
    rows = ([escape(hint), ", ".join(row["id"] for row in clauses)] for hint, clauses in groups.items())
    return ["## Not tested", table(["why, or what enables it", "clauses"], rows)]


def _waiver_stubs(results: Results) -> list[str]:
    text = stubs(results)
    if not text:
        return []
    about = "For a deviation that is known and accepted: give the reason and pass the file with `--waivers`."
    return ["<details><summary>Waiver stubs</summary>", about, _fenced(text, "toml"), "</details>"]


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _fenced(text: str, language: str = "sh") -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
