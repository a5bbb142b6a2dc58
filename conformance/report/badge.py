"""badge.svg: the verdict as a small picture for a README or a dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from conformance.judging.outcomes import Verdict

if TYPE_CHECKING:
    from conformance.results.model import Results

LABEL = "backups API"
#: dark enough for white letters
_COLOURS = {
    Verdict.CONFORMANT: "#17663a",
    Verdict.PARTIAL: "#4a5560",
    Verdict.NON_CONFORMANT: "#b3261e",
    Verdict.INCONCLUSIVE: "#7d4e00",
}
_LETTER = 6.6  # the width of an average letter at this size; textLength makes the renderer keep to it
_PADDING = 7


def render(results: Results) -> str:
    """The badge as SVG; its title is for screen readers."""
    words = message(results)
    left, right = (round(len(text) * _LETTER) + 2 * _PADDING for text in (LABEL, words))
    title = f"{LABEL}: {words}"
    size = f'width="{left + right}" height="20"'
    colour = _COLOURS[Verdict(results["verdict"])]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(title)}>',
        f"<title>{escape(title)}</title>",
        f'<clipPath id="r"><rect {size} rx="3"/></clipPath>',
        '<g clip-path="url(#r)">',
        f'<rect width="{left}" height="20" fill="#3d444d"/>',
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>',
        '</g><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">',
        _text(LABEL, _PADDING, left - 2 * _PADDING),
        _text(words, left + _PADDING, right - 2 * _PADDING),
        "</g></svg>",
    ]
    return "\n".join(parts)


def message(results: Results) -> str:
    """Return the verdict and the share of the MUST clauses that passed or failed."""
    summary, verdict = results["summary"], Verdict(results["verdict"])
    if verdict in (Verdict.CONFORMANT, Verdict.PARTIAL):
        return f"{verdict.value} {summary['must_passed']}/{summary['must_applicable']}"
    if verdict is Verdict.NON_CONFORMANT and summary["must_failed"]:
        return f"non-conformant, {summary['must_failed']} failed"
    return str(verdict.value)


def _text(text: str, x: int, width: int) -> str:
    return f'<text x="{x}" y="14" textLength="{width}">{escape(text)}</text>'
