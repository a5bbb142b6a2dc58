"""The legal variants: differences between conformant servers."""

from __future__ import annotations

from conformance.reference.registry import Variant, all_changes


def all_variants() -> dict[str, Variant]:
    """All variants by name."""
    return {name: change for name, change in all_changes().items() if isinstance(change, Variant)}
