"""What a run changes about its process, and puts back."""

from __future__ import annotations

import gc

from conformance.config import hermetic


def test_the_garbage_collector_is_as_before_when_a_run_has_ended() -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    with hermetic.rare_collections():
        assert gc.get_threshold() == hermetic.THRESHOLDS
        assert gc.get_freeze_count() > frozen + 1000
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, 0)


def test_between_many_runs_of_a_process_what_is_loaded_is_spared_once() -> None:
    hermetic.spare_loaded_objects.cache_clear()
    gc.unfreeze()
    try:
        hermetic.spare_loaded_objects()
        spared = gc.get_freeze_count()
        made = [[number] for number in range(1000)]
        hermetic.spare_loaded_objects()
        assert spared > len(made)
        assert gc.get_freeze_count() <= spared
    finally:
        gc.unfreeze()


def test_nothing_is_collected_as_the_program_exits() -> None:
    frozen = gc.get_freeze_count()
    try:
        with hermetic.exit_without_collection():
            assert gc.get_freeze_count() == frozen
        assert gc.get_freeze_count() > frozen + 1000
    finally:
        gc.unfreeze()
