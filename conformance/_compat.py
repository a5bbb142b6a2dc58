"""The private names of other libraries that this project uses, in one place.

Each function here uses a name or a module that its library does not promise to keep: `_names`, and modules that its
documentation leaves out. Where the name is missing, the
function does without it and says so in its docstring, or it raises `IncompatibleError`, which names the library, its
version and the versions that are known to work. The upper bounds in pyproject.toml exist because of this module.

Every import is inside a function, so that importing this module costs nothing.
"""

from __future__ import annotations

import contextlib
import functools
import io
import sys
from importlib import metadata
from importlib.util import find_spec
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Container, Iterator
    from types import ModuleType

    import pytest
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class IncompatibleError(RuntimeError):
    """A library has changed in a way that this version of the suite cannot work with."""


def incompatible(distribution: str, name: str) -> IncompatibleError:
    """Build the error for a private name that `distribution` no longer has."""
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = "of unknown version"
    known = next((line for line in _requirements() if line.startswith(distribution)), distribution)
    return IncompatibleError(
        f"{distribution} {version} has no {name}; this version of the suite works with {known}: pip install '{known}'"
    )


def _requirements() -> list[str]:
    try:
        return metadata.requires("backups-conformance") or []
    except metadata.PackageNotFoundError:
        return []


# ---------------------------------------------------------------- httpcore


def http_library() -> str:
    """Return the name of the library that sends requests: httpcore2, the continuation of httpcore, or httpcore.

    A later major version of httpcore2, which another program may have brought along, is not used.
    """
    try:
        is_known = metadata.version("httpcore2").partition(".")[0] == "2" and find_spec("httpcore2") is not None
    except metadata.PackageNotFoundError:
        is_known = False
    return "httpcore2" if is_known else "httpcore"


# ---------------------------------------------------------------- pytest


def silence_terminal(config: pytest.Config) -> None:
    """Send the output of pytest's terminal reporter nowhere; pytest has no option that silences all of it.

    The reporter stays registered, because other plugins ask for it. Without the private names its output stays.
    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or not hasattr(reporter, "_tw"):
        return
    with contextlib.suppress(ImportError):
        from _pytest._io import TerminalWriter  # noqa: PLC0415 - private, so imported where it is used

        reporter._tw = TerminalWriter(io.StringIO())  # noqa: SLF001 - the purpose of this module


def option_names(parser: pytest.Parser) -> set[str]:
    """Return the names of all options that are registered, such as `--seed`.

    Without the private names the result is empty; a clash with another plugin's option is then an error of pytest's.
    """
    groups = [*getattr(parser, "_groups", ()), *filter(None, [getattr(parser, "_anonymous", None)])]
    return {name for group in groups for option in getattr(group, "options", ()) for name in option.names()}


def forget_paths(config: pytest.Config, paths: Container[str]) -> None:
    """Let pytest forget arguments that it took for paths of tests, since it did not know their options yet.

    It would look for conftest files beside them, and not in the current folder. Without the private name it does.
    """
    known: Any = getattr(config, "known_args_namespace", None)  # Any: a private name
    if isinstance(getattr(known, "file_or_dir", None), list):
        known.file_or_dir = [path for path in known.file_or_dir if path not in paths]


def check_selection(config: pytest.Config) -> None:
    """Raise pytest.UsageError for a `-k` or `-m` expression that pytest would refuse once it has collected tests.

    Without pytest's plugin `mark` the expression is only looked at when tests are collected.
    """
    mark: object = config.pluginmanager.getplugin("mark")
    if mark is not None and hasattr(mark, "pytest_collection_modifyitems"):
        mark.pytest_collection_modifyitems(items=[], config=config)


# ---------------------------------------------------------------- pytest-xdist


def scope_scheduling() -> type[object]:
    """Return xdist's LoadScopeScheduling, with the members that our scheduling overrides or reads.

    Raises IncompatibleError where one of them is missing: changes of the target would be spread over workers.
    """
    try:
        from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # noqa: PLC0415 - no types
    except ImportError:
        raise incompatible("pytest-xdist", "xdist.scheduler.LoadScopeScheduling") from None
    for name in ("_split_scope", "_reschedule"):
        if not hasattr(LoadScopeScheduling, name):
            raise incompatible("pytest-xdist", f"LoadScopeScheduling.{name}")
    return LoadScopeScheduling  # type: ignore[no-any-return]


# ---------------------------------------------------------------- argparse


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the options and positional arguments of a parser; argparse has no public way to list them.

    Without the private name the list is empty.
    """
    return list(getattr(parser, "_actions", ()))


# ---------------------------------------------------------------- hypothesis


def ignore_constants_of_loaded_code() -> None:
    """Let hypothesis draw no constants that it finds in the code of loaded modules; it has no setting for it.

    With them the same seed would generate other values in another environment. Without the private names it does.
    """
    with contextlib.suppress(ImportError):
        from hypothesis.internal.conjecture import providers  # noqa: PLC0415 - private
        from hypothesis.internal.constants_ast import Constants  # noqa: PLC0415 - private

        if hasattr(providers, "_get_local_constants"):
            nothing = Constants()
            providers._get_local_constants = lambda: nothing  # noqa: SLF001 - the purpose of this module


def leave_lambdas_undescribed() -> None:
    """Keep hypothesis from parsing source files to describe the lambdas of strategies, which takes half a second.

    The descriptions are for messages that this project does not print. What hypothesis learns from the source of a
    filter it still learns. Without the private names they are described.
    """
    with contextlib.suppress(ImportError):
        from hypothesis.internal import filtering, lambda_sources  # noqa: PLC0415 - private

        if hasattr(lambda_sources, "lambda_description") and hasattr(filtering, "lambda_description"):
            lambda_sources.lambda_description = lambda _function: "lambda"


@functools.cache
def _random_of_all_threads() -> Random:
    return Random()  # noqa: S311 - it makes test data, and only where no seed is given


def share_random_generator() -> None:
    """Let this thread use the same random generator of hypothesis as the others, for what has no seed.

    Otherwise hypothesis makes one for each thread, and walks through all objects of the process to register it. For
    each example it saves, seeds and restores all of them. Without the private names it does.
    """
    local: Any = getattr(sys.modules.get("hypothesis.core"), "threadlocal", None)  # Any: a private name
    if getattr(local, "_hypothesis_global_random", local) is None:
        local._hypothesis_global_random = _random_of_all_threads()  # noqa: SLF001 - the purpose of this module


# ---------------------------------------------------------------- schemathesis


def leave_enum_values_undrawn() -> None:
    """Give schemathesis a few values for a wrong member of an enum.

    It would draw a thousand, which takes a third of a second. Without the private name it does.
    """
    with contextlib.suppress(ImportError):
        from schemathesis.specs.openapi.coverage import _schema  # noqa: PLC0415 - private

        if hasattr(_schema, "_invalid_enum_candidates"):
            found = functools.cache(lambda: ("AAA", -1, False, None))
            _schema._invalid_enum_candidates = found  # noqa: SLF001 - the purpose of this module


def schemathesis_builder() -> ModuleType:
    """Return the module in which schemathesis builds the hypothesis test of an operation.

    Raises IncompatibleError where one of the names that we use is missing: there is no other way to its cases.
    """
    where = "schemathesis.generation.hypothesis.builder"
    try:
        from schemathesis.generation.hypothesis import builder  # noqa: PLC0415 - takes half a second
    except ImportError:
        raise incompatible("schemathesis", where) from None
    for name in ("create_test", "HypothesisTestConfig", "HypothesisTestMode"):
        if not hasattr(builder, name):
            raise incompatible("schemathesis", f"{where}.{name}")
    return builder


# ---------------------------------------------------------------- httpx and jsonschema


#: Modules that jsonschema imports where they are installed, for formats that the contract does not use.
_UNUSED_FORMATS = ("rfc3987_syntax", "isoduration")


@contextlib.contextmanager
def _without_modules(*names: str) -> Iterator[None]:
    """Let an import of these modules fail meanwhile, for which the library that asks for them is prepared.

    Modules that are loaded already stay.
    """
    blocked = [name for name in names if name not in sys.modules]
    # None makes an import of the name raise ImportError
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type] # the stubs know modules only
    try:
        yield
    finally:
        for name in blocked:
            sys.modules.pop(name, None)


@functools.cache
def httpx() -> ModuleType:
    """Import httpx, but not its command line, which imports click, rich and pygments where they are installed.

    Without the private name all of it is imported.
    """
    with _without_modules("httpx._main"):
        import httpx  # noqa: PLC0415 - slow to load, which errors of usage need not wait for
    return httpx


@functools.cache
def jsonschema() -> ModuleType:
    """Import jsonschema, but none of the modules that it needs for formats like `iri` and `duration` alone.

    One of them compiles a grammar when it is imported, which takes more than a second. All of jsonschema stays where it
    is loaded already.
    """
    with _without_modules(*_UNUSED_FORMATS):
        import jsonschema.validators  # noqa: PLC0415 - takes a fifth of a second
    return jsonschema


# ---------------------------------------------------------------- uvicorn


def http_protocol() -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol for HTTP/1.1 over httptools, which the embedded server extends.

    Raises IncompatibleError where a method that the embedded server overrides is missing.
    """
    where = "uvicorn.protocols.http.httptools_impl.HttpToolsProtocol"
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: PLC0415 - only the server needs it
    except ImportError:
        raise incompatible("uvicorn", where) from None
    for name in ("on_message_begin", "send_400_response"):
        if not hasattr(HttpToolsProtocol, name):
            raise incompatible("uvicorn", f"{where}.{name}")
    return HttpToolsProtocol


# ---------------------------------------------------------------- distributed


def stop_profiler(worker: Any) -> None:  # Any: annotated in part only
    """Stop the sampling profiler of a Dask worker, if it has one.

    The profiler reads the frames of all threads every 10 ms. Where garbage is collected in the meantime, that hangs the
    process for good with Python 3.11.8 and older (python/cpython#106883), and a trial has many threads.
    """
    callbacks = getattr(worker, "periodic_callbacks", {})
    for name in ("profile", "profile-cycle"):
        # removed as well as stopped: a worker that is just starting starts all callbacks that it has
        if (callback := callbacks.pop(name, None)) is not None:
            callback.stop()
