"""What a run changes about its process, and puts back."""

from __future__ import annotations

import gc

from conformance.config import hermetic


def test_the_garbage_collector_is_as_before_when_a_program_has_ended() -> None:
    thresholds = gc.get_threshold()
    with hermetic.rare_collections():
        assert gc.get_threshold() == hermetic.THRESHOLDS
    assert gc.get_threshold() == thresholds


def test_what_is_loaded_is_collected_again_when_a_run_has_ended() -> None:
    frozen = gc.get_freeze_count()
    with hermetic.loaded_is_kept():
        assert gc.get_freeze_count() > frozen + 1000
    assert gc.get_freeze_count() == 0


def test_nothing_is_collected_as_the_program_exits() -> None:
    frozen = gc.get_freeze_count()
    try:
        with hermetic.exit_without_collection():
            assert gc.get_freeze_count() == frozen
        assert gc.get_freeze_count() > frozen + 1000
    finally:
        gc.unfreeze()
