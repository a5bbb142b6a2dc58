"""Bounds the records of checks, so that no target makes a report that is too large to read.

The evidence of a check goes first: the ends of bodies, then exchanges, then steps; its outcome never does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.evidence.text import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.evidence.rows import ExchangeRow, ResponseRow
    from conformance.judging.outcomes import CheckRow, FindingRow, StepRow

#: What one JSON value counts beside its characters, in bytes: readers bound the number of values as well.
VALUE = 48


@dataclass(frozen=True, slots=True)
class _Step:
    """How much of a record is kept: exchanges with bodies of this length, steps, findings, and characters of texts."""

    exchanges: int
    body: int
    steps: int
    findings: int
    text: int


#: Tried in this order until the record is small enough; the last makes any record small enough.
_STEPS = (
    _Step(exchanges=120, body=4000, steps=200, findings=50, text=4000),
    _Step(exchanges=40, body=1000, steps=100, findings=50, text=2000),
    _Step(exchanges=8, body=500, steps=30, findings=12, text=500),
    _Step(exchanges=1, body=200, steps=5, findings=5, text=200),
    _Step(exchanges=0, body=0, steps=0, findings=2, text=100),
)
_HEADERS, _HEADER = 20, 200


def weight(value: object) -> int:
    """Return a size in bytes which the value does not exceed in any JSON file of ours."""
    return len(json.dumps(value)) + VALUE * _values(value)


def bounded(row: CheckRow, limit: int) -> tuple[CheckRow, int]:
    """Return the record with as much of its evidence as the limit, in bytes, has room for, and its weight."""
    shortened, size = row, weight(row)
    for step in _STEPS:
        if size <= limit:
            break
        shortened = _shortened(row, step)
        size = weight(shortened)
    return shortened, size


def fair_share(sizes: Sequence[int], limit: int) -> int:
    """Return the size to which the largest must be cut so that all together keep to the limit."""
    left = limit
    for index, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - index)
        if size > share:
            return share
        left -= size
    return max(sizes, default=limit)


def _values(value: object) -> int:
    if isinstance(value, dict):
        return sum(1 + _values(member) for member in value.values())
    if isinstance(value, list | tuple):
        return 1 + sum(map(_values, value))
    return 1


def _shortened(row: CheckRow, step: _Step) -> CheckRow:
    return {
        **row,
        "reason": cut(row["reason"], 2 * step.text),
        "findings": [_finding(finding, step) for finding in row["findings"][: step.findings]],
        "exchanges": [_exchange(exchange, step) for exchange in row["exchanges"][: step.exchanges]],
        "timeline": [_timeline_step(line, step) for line in row["timeline"][: step.steps]],
    }


def _finding(finding: FindingRow, step: _Step) -> FindingRow:
    index, pointer = finding["exchange"], finding["pointer"]
    return {
        **finding,
        "wanted": cut(finding["wanted"], step.text),
        "got": cut(finding["got"], step.text),
        "pointer": None if pointer is None else cut(pointer, step.text),
        "exchange": index if index is not None and index < step.exchanges else None,
        "related": [other for other in finding.get("related", ()) if other < step.exchanges],
    }


def _exchange(exchange: ExchangeRow, step: _Step) -> ExchangeRow:
    request, response = exchange["request"], exchange["response"]
    shortened: ExchangeRow = {
        **exchange,
        "request": {
            **request,
            "url": cut(request["url"], step.text),
            "headers": _headers(request["headers"]),
            "body": None if request["body"] is None else cut(request["body"], step.body),
        },
        "curl": exchange["curl"] if len(exchange["curl"]) <= 2 * step.text else "# left out: it is too long",
    }
    if response is not None:
        response_row: ResponseRow = {
            **response,
            "headers": _headers(response["headers"]),
            "body": response["body"][: step.body],
            "body_cut": response["body_cut"] or len(response["body"]) > step.body,
        }
        if len(response.get("body_end", "")) > step.body:
            del response_row["body_end"]
        shortened["response"] = response_row
    return shortened


def _headers(headers: dict[str, str]) -> dict[str, str]:
    return {name[:_HEADER]: cut(value, _HEADER) for name, value in list(headers.items())[:_HEADERS]}


def _timeline_step(line: StepRow, step: _Step) -> StepRow:
    shortened: StepRow = {**line, "what": cut(line["what"], step.text)}
    if answer := line.get("answer"):
        shortened["answer"] = cut(answer, step.text)
    if concluded := line.get("concluded"):
        shortened["concluded"] = cut(concluded, step.text)
    return shortened
