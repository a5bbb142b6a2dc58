"""`Any` switches type checking off: few uses, each with its reason."""

from __future__ import annotations

import ast
from pathlib import Path

import conformance

ROOT = Path(conformance.__file__).parent
MAX_USES = 45


def lines_with_any(file: Path) -> list[int]:
    """The numbers of the lines that use `Any`, imports apart."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Name) and node.id == "Any"
    ]


def test_any_is_used_rarely_and_each_use_states_its_reason() -> None:
    """In a comment `# Any: …` on the same line, or on a line beside it."""
    uses = [(file, line) for file in sorted(ROOT.rglob("*.py")) for line in lines_with_any(file)]
    assert 0 < len(uses) <= MAX_USES
    unexplained = []
    for file, line in uses:
        beside = file.read_text("utf-8").splitlines()[max(line - 3, 0) : line + 1]
        if not any("Any:" in text.partition("#")[2] for text in beside):
            unexplained.append(f"{file.relative_to(ROOT)}:{line}")
    assert unexplained == []
