"""Batches of refused requests: side by side for different backups, never for one, and none beside a proof."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from conformance.config.threads import Background
from conformance.scenarios.proofs.refusal_batches import RefusalBatches

PATIENCE_S = 30


def test_batches_of_different_backups_go_side_by_side() -> None:
    batches, together = RefusalBatches(), threading.Barrier(3, timeout=PATIENCE_S)

    def send(backup: str) -> int:
        with batches.of(backup):
            return together.wait()

    threads: Background[int] = Background("test", 3)
    assert sorted(threads.map(send, ["a", "b", "c"])) == [0, 1, 2]
    threads.close()


def test_batches_of_one_backup_go_one_after_the_other() -> None:
    batches, going_on, most = RefusalBatches(), 0, 0

    def send(_: int) -> None:
        nonlocal going_on, most
        with batches.of("a"):
            going_on += 1
            most = max(most, going_on)
            going_on -= 1

    threads: Background[None] = Background("test", 4)
    threads.map(send, range(200))
    threads.close()
    assert (most, going_on) == (1, 0)


def test_a_proof_waits_for_batches_and_keeps_new_ones_waiting() -> None:
    batches, order = RefusalBatches(), list[str]()
    threads: Background[None] = Background("test", 2)
    is_alone, go_on = threading.Event(), threading.Event()

    def prove() -> None:
        with batches.none():
            order.append("proof")
            is_alone.set()
            go_on.wait(PATIENCE_S)

    def send() -> None:
        with batches.of("b"):
            order.append("batch")

    with batches.of("a"):
        proof = threads.submit(prove)
        assert not is_alone.is_set()
        order.append("earlier batch")
    assert is_alone.wait(PATIENCE_S)
    batch = threads.submit(send)
    go_on.set()
    proof.result(PATIENCE_S)
    batch.result(PATIENCE_S)
    threads.close()
    assert order == ["earlier batch", "proof", "batch"]


def test_whoever_is_alone_may_send_batches_of_its_own() -> None:
    batches = RefusalBatches()
    with ExitStack() as stack:
        for block in (batches.none(), batches.of("a"), batches.none()):
            stack.enter_context(block)
    with batches.of("a"):  # nothing is left behind
        pass
