"""A lost worker is reported as lost, not as an error of the machine or of the suite."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import execnet
import pytest
from support.waiting import wait_until

from conformance.pytest_run.scheduling import is_lost_worker

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def worker() -> Iterator[execnet.Gateway]:
    group = execnet.Group()
    yield group.makegateway("popen")
    group.terminate(timeout=1)


def error_of(worker: execnet.Gateway, code: str, *sent: object) -> BaseException:
    """Run code in the worker that ends it, send to it until that fails, and receive; return what was raised."""
    channel = worker.remote_exec(code)
    with pytest.raises((OSError, EOFError)) as caught:
        channel.receive(timeout=10)
    if sent:
        with pytest.raises(OSError, match="closed") as caught:
            wait_until(lambda: channel.send(sent[0]))
    return caught.value


@pytest.mark.process
def test_a_worker_that_can_no_longer_be_heard_is_lost(worker: execnet.Gateway) -> None:
    assert is_lost_worker(error_of(worker, "import os; os._exit(9)"))


@pytest.mark.process
def test_a_worker_that_can_no_longer_be_sent_to_is_lost(worker: execnet.Gateway) -> None:
    assert is_lost_worker(error_of(worker, "import os; os._exit(9)", "more"))


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError("cannot send"), EOFError(), ValueError("execnet")],
    ids=repr,
)
def test_an_error_from_elsewhere_is_not_a_lost_worker(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        raise error
    assert not is_lost_worker(caught.value)
