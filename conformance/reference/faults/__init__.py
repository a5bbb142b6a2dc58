"""The faults: named violations of the contract, in one module per chapter."""

from __future__ import annotations

from conformance.reference.registry import Fault, all_changes


def all_faults() -> dict[str, Fault]:
    """All faults by name."""
    return {name: change for name, change in all_changes().items() if isinstance(change, Fault)}
