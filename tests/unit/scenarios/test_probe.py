"""A probe may print, and wait, as much as it likes: what is read of it is bounded."""

from __future__ import annotations

import sys
import time
import tracemalloc

import pytest

from conformance.config.target import FixtureIds, Probe, Target
from conformance.judging.expectations import CannotTellError
from conformance.scenarios import probe

pytestmark = pytest.mark.process


def digest_of(script: str, timeout_s: float = 20.0) -> str:
    settings = Probe((sys.executable, "-c", script, "{instance_id}"), timeout_s=timeout_s)
    return probe.digest_of(Target("t", "http://127.0.0.1", "h", fixtures=FixtureIds("c"), probe=settings), "i1")


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("stdout", "the probe printed more than 65,536 bytes; print a hash, and no more"),
        ("stderr", "the probe wrote more than 67,108,864 bytes to standard error; print a hash, and no more"),
    ],
)
def test_a_probe_without_end_is_ended_and_costs_no_memory(stream: str, message: str) -> None:
    begun = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(CannotTellError) as raised:
            digest_of(f"import sys\nwhile True: sys.{stream}.write('x' * 1_000_000)")
        assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    finally:
        tracemalloc.stop()
    assert str(raised.value) == message
    assert time.monotonic() - begun < 300  # it writes without end


def test_much_on_standard_error_is_no_fault_and_its_end_is_quoted() -> None:
    chatter = "import sys; sys.stderr.write('x' * 3_000_000 + '\\nlast words\\n')"
    assert digest_of(f"{chatter}; print(sys.argv[1])") == "i1"
    with pytest.raises(CannotTellError, match=r"exit code 3: last words$"):
        digest_of(f"{chatter}; sys.exit(3)")


def test_a_child_that_keeps_the_streams_open_is_not_waited_for() -> None:
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    begun = time.monotonic()
    assert digest_of(f"{child}; print('d')") == "d"
    assert time.monotonic() - begun < 45
