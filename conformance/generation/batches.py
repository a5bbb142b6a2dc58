"""One generated example is a batch: a case of each kind, sent side by side. Shrinking leaves cases out of it.

Hypothesis generates and shrinks, and nothing but the seed decides what: no example database, no deadline, and none of
the constants that it would otherwise collect from whatever source code happens to be imported.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, configuration
from hypothesis import strategies as st

from conformance import _compat
from conformance.config.settings import DEFAULT_EXAMPLES
from conformance.http.exchange import Request

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")

#: cases of one batch; more than `limits.concurrency` of them wait for a place at the client
MAX_SIDE_BY_SIDE = 32
#: of the cases of a property, one in this many may be of one kind: a kind shows little that its first cases do not
PARTS_OF_A_KIND = 8
#: A case whose two numbers are 0 is left out, as shrinking makes them. One of them is drawn as 0 once in sixty times,
#: since it is an end of the range.
KEPT = st.tuples(st.integers(0, 2**16), st.integers(0, 2**16))


@dataclass(frozen=True)
class Kind:
    """A kind of unusual request: its description, and the strategy of such requests."""

    label: str
    requests: SearchStrategy[Request]


Case = tuple[Kind, Request]
#: one thread at a time generates: hypothesis parses the source of functions, which Python 3.11 does not do in two
_generation_lock = threading.Lock()


@contextmanager
def generating() -> Iterator[None]:
    """Generate in this thread alone."""
    with _generation_lock:
        prepare()
        _compat.share_random_generator()
        yield


@contextmanager
def unlocked() -> Iterator[None]:
    """Let other threads generate while this one waits for responses within its own generation."""
    _generation_lock.release()
    try:
        yield
    finally:
        _generation_lock.acquire()


@cache
def prepare() -> None:
    """Make what hypothesis generates depend on the seed alone, and keep its tables in the user's cache."""
    configuration.set_hypothesis_home_dir(_cache_dir() / "backups-conformance" / "hypothesis")
    _compat.ignore_constants_of_loaded_code()
    _compat.leave_lambdas_undescribed()


def _cache_dir() -> Path:
    """The user's folder for caches; a temporary one for a user without a home.

    Relative paths in the environment do not count: they would lead into the current folder.
    """
    folders = [Path(os.environ.get("XDG_CACHE_HOME", ""))]
    with contextlib.suppress(RuntimeError):
        folders.append(Path.home() / ".cache")
    return next((folder for folder in folders if folder.is_absolute()), Path(tempfile.gettempdir()))


def settings(
    *, shrink: bool = False, examples: int = 1, **more: Any
) -> hypothesis.settings:  # Any: options of hypothesis
    """Settings for this many examples beside the empty one, which hypothesis tries first."""
    prepare()
    return hypothesis.settings(
        max_examples=examples + 1,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        deadline=None,
        database=None,
        derandomize=False,  # the seed is given, as the run has it
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        **more,
    )


@st.composite
def batches(draw: DrawFn, kinds: Sequence[Kind]) -> list[Case]:
    """A case of each kind; shrinking keeps as few as show the defect."""
    return [(kind, draw(kind.requests)) for kind in kinds if any(draw(KEPT))]


def count_of(kinds: Sequence[Kind], examples: int, *, repeated: bool = True) -> int:
    """Return how many cases to generate: one of each kind if `examples` allows it, and of few kinds some more each.

    Without `repeated` it is one of each, and more only where more than the usual number of examples is asked for.
    """
    if not repeated:
        return min(examples, len(kinds) * max(1, examples // DEFAULT_EXAMPLES))
    some_more = min(len(kinds) * max(2, examples // PARTS_OF_A_KIND), max(8, examples * 2 // 3))
    return min(examples, max(len(kinds), some_more))


def rounds(kinds: Sequence[Kind], count: int, rng: random.Random) -> list[list[Kind]]:
    """The kinds of each batch, `count` cases in all: every kind comes once before any comes again."""
    chosen: list[Kind] = []
    while (left := count - len(chosen)) > 0:
        chosen += kinds if left >= len(kinds) else rng.sample(list(kinds), left)
    return [chosen[at : at + MAX_SIDE_BY_SIDE] for at in range(0, count, MAX_SIDE_BY_SIDE)]


def run_batch(kinds: Sequence[Kind], seed: int, test: Callable[[list[Case]], None], *, shrink: bool = False) -> None:
    """Call `test` with the batch of the seed; with `shrink`, with ever smaller ones as long as it raises."""

    @hypothesis.seed(seed)
    @settings(shrink=shrink)
    @hypothesis.given(batches(kinds))
    def example(batch: list[Case]) -> None:
        with unlocked():
            test(batch)

    with generating():
        example()


def draw_values(strategy: SearchStrategy[T], seed: int, count: int = 1) -> list[T]:
    """Draw `count` values of a strategy, which depend on the seed alone."""
    values: list[T] = []

    @hypothesis.seed(seed)
    @settings(examples=count)
    @hypothesis.given(strategy)
    def example(value: T) -> None:
        values.append(value)

    with generating():
        example()
    return values[1 : count + 1] or values
