"""The faults: one module for each chapter of the contract, one function for each fault."""

from __future__ import annotations

from conformance.reference.registry import Fault, all_changes


def all_faults() -> dict[str, Fault]:
    """All faults, by their names."""
    return {name: change for name, change in all_changes().items() if isinstance(change, Fault)}
