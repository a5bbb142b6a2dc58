"""Keeps a run apart from the folder and the environment that it is started in.

What a user configures on purpose stays: keys, proxies, CA bundles, colours and the width of the terminal. What other
tools leave around does not take part: variables of pytest and hypothesis, modules and packages of the current folder.
"""

from __future__ import annotations

import gc
import os
import re
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

#: variables of tools that a run uses, and that would otherwise change what it sends or which plugins take part
FOREIGN = ("PYTEST_", "HYPOTHESIS_", "SCHEMATHESIS_")
#: set while pytest runs, for its workers as well
OWN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "HYPOTHESIS_NO_PLUGINS": "1"}

#: Sizes of the terminal that can be used.
SIZES = {"COLUMNS": range(10, 10_000), "LINES": range(1, 10_000)}

#: Thresholds of the garbage collector: new objects until it scans the youngest generation, and how often older ones.
#: A run makes fewer objects, of which a tenth becomes garbage, about 15 MB.
THRESHOLDS = (500_000, 2, 2)


@contextmanager
def environment() -> Iterator[None]:
    """Hide the variables of pytest and its plugins from this process and its children, within the context."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(FOREIGN) or name == "PY_COLORS"]:
        del os.environ[name]
    os.environ.update(OWN)
    try:
        yield
    finally:
        for name in OWN:
            os.environ.pop(name, None)
        os.environ.update({name: value for name, value in before.items() if name.startswith(FOREIGN)})
        if "PY_COLORS" in before:
            os.environ["PY_COLORS"] = before["PY_COLORS"]


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage rarely, within the context: nearly all that a program loads and a run makes is kept."""
    thresholds = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@contextmanager
def loaded_is_kept() -> Iterator[None]:
    """Exclude the objects that exist already from garbage collection, within the context.

    hypothesis asks for a full collection on each thread that generates, and pytest for several at the end, which would
    look at every module, class and function each time.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def drop_unusable_sizes(environ: MutableMapping[str, str]) -> None:
    """Remove sizes of the terminal that no terminal has; the size is then the terminal's own.

    A width of 0 would leave tables without any text, and other values would end the program.
    """
    for name, sizes in SIZES.items():
        if name in environ and not (re.fullmatch("[0-9]{1,4}", environ[name]) and int(environ[name]) in sizes):
            del environ[name]


@contextmanager
def exit_without_collection() -> Iterator[None]:
    """Spare the garbage collector everything that exists at the end of the program.

    The interpreter collects several times as it exits, and would look at all that a run has kept.
    """
    try:
        yield
    finally:
        gc.freeze()


def ignore_warnings() -> None:
    """Ignore warnings of libraries, which PYTHONWARNINGS could make errors."""
    sys.warnoptions.clear()
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
