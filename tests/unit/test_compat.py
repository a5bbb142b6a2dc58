"""The private names of other libraries: each works with the versions that are installed, and does without."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis.core
import pytest
from hypothesis import given, seed, settings, strategies
from hypothesis.internal import entropy, filtering, lambda_sources
from hypothesis.internal.conjecture import providers
from schemathesis.specs.openapi.coverage import _schema

from conformance import _compat
from conformance.cli import main
from conformance.results import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest import Pytester  # noqa: PT013 - only this name

pytest_plugins = ["pytester"]


def test_an_incompatible_library_is_named_with_its_version_and_what_works() -> None:
    error = _compat.incompatible("pytest-xdist", "xdist.scheduler.LoadScopeScheduling")
    assert str(error).startswith("pytest-xdist ")
    assert " has no xdist.scheduler.LoadScopeScheduling; this version of the suite works with pytest-xdist" in str(
        error
    )
    assert "pip install 'pytest-xdist" in str(error)


def test_a_library_that_is_not_installed_is_named_as_well() -> None:
    assert str(_compat.incompatible("no-such-library", "x")).startswith("no-such-library of unknown version has no x;")


# ---------------------------------------------------------------- httpcore


@pytest.mark.parametrize(
    ("version", "is_there", "library"),
    [("2.16.2", True, "httpcore2"), ("2.16.2", False, "httpcore"), ("3.0", True, "httpcore"), (None, True, "httpcore")],
)
def test_the_continuation_of_httpcore_is_used_where_a_known_version_is_installed(
    version: str | None, is_there: bool, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(name: str) -> str:
        assert name == "httpcore2"
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", installed)
    monkeypatch.setattr(_compat, "find_spec", lambda name: SimpleNamespace(name=name) if is_there else None)
    assert _compat.http_library() == library


def test_one_module_chooses_the_http_library_for_all() -> None:
    package = Path(_compat.__file__).parent
    importing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(
            r"^(?!.*TYPE_CHECKING)\s*(import|from) (httpcore2?|httpx2?)\b", path.read_text("utf-8"), re.MULTILINE
        )
    }
    assert importing == {
        "http/_compat.py",
        "http/deadlines.py",  # for a type alone
        "_compat.py",  # for URLs: it sends nothing
    }
    assert environment.LIBRARIES.count(_compat.http_library()) == 1


# ---------------------------------------------------------------- pytest


def test_the_options_of_pytest_and_of_a_conftest_are_known(pytester: Pytester) -> None:
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--seed', '--of-conftest')")
    config = pytester.parseconfigure()
    names = _compat.option_names(config._parser)
    assert {"--seed", "--of-conftest", "--maxfail", "-k"} <= names


def test_without_the_private_names_no_option_is_known() -> None:
    parser: Any = argparse.ArgumentParser()
    assert _compat.option_names(parser) == set()


@pytest.mark.parametrize("arguments", [("-k", "("), ("-m", "a b")])
def test_an_expression_that_pytest_would_refuse_is_refused_at_once(
    arguments: tuple[str, ...], pytester: Pytester
) -> None:
    config = pytester.parseconfigure(*arguments)
    with pytest.raises(pytest.UsageError, match="Wrong expression"):
        _compat.check_selection(config)


def test_expressions_that_pytest_takes_are_left_to_it(pytester: Pytester) -> None:
    _compat.check_selection(pytester.parseconfigure("-k", "a and not b", "-m", "slow"))


def test_without_the_plugin_of_expressions_nothing_is_checked() -> None:
    config: Any = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=lambda _: None))
    _compat.check_selection(config)


def test_the_terminal_reporter_is_silent(pytester: Pytester, capsys: pytest.CaptureFixture[str]) -> None:
    config = pytester.parseconfigure()
    _compat.silence_terminal(config)
    config.pluginmanager.getplugin("terminalreporter").write_line("not to be seen")
    captured = capsys.readouterr()
    assert "not to be seen" not in captured.out + captured.err


def test_a_reporter_without_the_private_name_is_left_alone() -> None:
    reporter = SimpleNamespace()
    config: Any = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=lambda _: reporter))
    _compat.silence_terminal(config)
    assert vars(reporter) == {}


# ---------------------------------------------------------------- pytest-xdist


def test_the_scheduling_of_scopes_is_there() -> None:
    assert _compat.scope_scheduling().__name__ == "LoadScopeScheduling"


def test_a_scheduling_without_our_hooks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduling = _compat.scope_scheduling()
    monkeypatch.delattr(scheduling, "_split_scope")
    with pytest.raises(_compat.IncompatibleError, match=r"LoadScopeScheduling\._split_scope"):
        _compat.scope_scheduling()


def test_paths_that_were_values_of_options_are_forgotten(pytester: Pytester) -> None:
    config = pytester.parseconfigure()
    config.known_args_namespace.file_or_dir = ["tests", "target.toml"]
    _compat.forget_paths(config, {"target.toml"})
    assert config.known_args_namespace.file_or_dir == ["tests"]


def test_without_the_known_arguments_nothing_is_forgotten() -> None:
    config: Any = SimpleNamespace()
    _compat.forget_paths(config, {"target.toml"})
    assert vars(config) == {}


# ---------------------------------------------------------------- argparse, hypothesis, schemathesis, uvicorn


def test_the_actions_of_a_parser_are_listed() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed")
    assert [action.dest for action in _compat.actions_of(parser)] == ["help", "seed"]


def test_without_the_private_name_no_action_is_listed() -> None:
    parser: Any = SimpleNamespace()
    assert _compat.actions_of(parser) == []


def test_hypothesis_draws_no_constants_of_loaded_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_get_local_constants", providers._get_local_constants)
    _compat.ignore_constants_of_loaded_code()
    constants = providers._get_local_constants()
    assert [len(constants.set_for_type(kind)) for kind in ("integer", "float", "bytes", "string")] == [0] * 4


def test_a_hypothesis_without_the_private_names_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(providers, "_get_local_constants")
    _compat.ignore_constants_of_loaded_code()
    assert not hasattr(providers, "_get_local_constants")


def test_lambdas_are_left_undescribed_but_filters_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_sources, "lambda_description", lambda_sources.lambda_description)
    _compat.leave_lambdas_undescribed()
    assert repr(strategies.text().map(lambda text: text + "a")) == "text().map(lambda)"
    filters: Any = filtering
    assert filters.lambda_description(lambda number: number >= 3) == "lambda number: number >= 3"


@pytest.mark.parametrize("module", ["hypothesis.internal.conjecture", "hypothesis.internal.constants_ast"])
def test_a_hypothesis_without_the_private_modules_is_left_alone(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = providers._get_local_constants
    monkeypatch.setitem(sys.modules, module, None)
    _compat.ignore_constants_of_loaded_code()
    assert providers._get_local_constants is original


@pytest.mark.parametrize(("share", "registered"), [(lambda: None, 1), (_compat.share_random_generator, 0)])
def test_threads_share_a_random_generator_of_hypothesis(
    share: Callable[[], None], registered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generators: list[object] = []
    monkeypatch.setattr(entropy, "register_random", generators.append)

    @seed(1)
    @given(strategies.integers())
    @settings(database=None, max_examples=1)
    def draw(_: int) -> None:
        pass

    def work() -> None:
        share()
        draw()

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert len(generators) == registered


def test_a_hypothesis_without_such_a_generator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypothesis.core, "threadlocal", local := SimpleNamespace())
    _compat.share_random_generator()
    assert vars(local) == {}


def test_schemathesis_gets_values_that_are_in_no_enum_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = _schema._invalid_enum_candidates()
    monkeypatch.setattr(_schema, "_invalid_enum_candidates", _schema._invalid_enum_candidates)
    _compat.leave_enum_values_undrawn()
    given_values = _schema._invalid_enum_candidates()
    assert {type(value) for value in given_values} == {type(value) for value in drawn} - {float}
    assert drawn[0] == given_values[0]


@pytest.mark.parametrize("missing", ["name", "module"])
def test_a_schemathesis_that_draws_no_such_values_is_left_alone(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "name":
        monkeypatch.delattr(_schema, "_invalid_enum_candidates")
    else:
        monkeypatch.setitem(sys.modules, "schemathesis.specs.openapi.coverage", None)
    before = getattr(_schema, "_invalid_enum_candidates", None)
    _compat.leave_enum_values_undrawn()
    assert getattr(_schema, "_invalid_enum_candidates", None) is before


def test_the_builder_of_schemathesis_is_there() -> None:
    assert callable(_compat.schemathesis_builder().create_test)


def test_the_http_protocol_of_uvicorn_is_there() -> None:
    assert _compat.http_protocol().__name__ == "HttpToolsProtocol"


@pytest.mark.parametrize(
    ("module", "name", "function"),
    [
        ("schemathesis.generation.hypothesis.builder", "create_test", _compat.schemathesis_builder),
        ("schemathesis.generation.hypothesis.builder", "HypothesisTestConfig", _compat.schemathesis_builder),
        ("uvicorn.protocols.http.httptools_impl.HttpToolsProtocol", "send_400_response", _compat.http_protocol),
    ],
)
def test_a_library_without_a_name_that_we_need_is_incompatible(
    module: str, name: str, function: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    function()  # so that the module is loaded
    monkeypatch.delattr(f"{module}.{name}")
    with pytest.raises(_compat.IncompatibleError, match=re.escape(f"{module}.{name}")):
        function()


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("schemathesis.generation.hypothesis", _compat.schemathesis_builder),
        ("uvicorn.protocols.http.httptools_impl", _compat.http_protocol),
        ("xdist.scheduler", _compat.scope_scheduling),
    ],
)
def test_a_library_without_a_module_that_we_need_is_incompatible(
    module: str, function: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(_compat.IncompatibleError, match=re.escape(module)):
        function()


def test_an_incompatible_library_ends_a_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_options: object) -> int:
        raise _compat.incompatible("uvicorn", "uvicorn.protocols")

    monkeypatch.setattr(main, "parse", lambda _: SimpleNamespace(name="clauses", command=fail))
    assert main.main([]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("backups-conformance: error: uvicorn ")


# ---------------------------------------------------------------- httpx and jsonschema


@pytest.mark.process
def test_httpx_is_imported_without_the_modules_of_its_command_line() -> None:
    script = "import sys; from conformance import _compat; _compat.httpx().URL('http://a'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "httpx" in loaded
    assert {"click", "rich", "httpx._main"}.isdisjoint(loaded)


@pytest.fixture
def fresh_jsonschema(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has loaded neither jsonschema nor a module of a format."""
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("jsonschema", *_compat._UNUSED_FORMATS):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(_compat, "jsonschema", _compat.jsonschema.__wrapped__)


@pytest.mark.usefixtures("fresh_jsonschema")
def test_jsonschema_is_imported_without_the_modules_of_unused_formats() -> None:
    library = _compat.jsonschema()
    assert sys.modules["jsonschema"] is library
    assert sys.modules.keys().isdisjoint(_compat._UNUSED_FORMATS)


@pytest.mark.usefixtures("fresh_jsonschema")
def test_a_module_of_a_format_that_is_loaded_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: Any = ModuleType(_compat._UNUSED_FORMATS[0])
    loaded.is_valid_syntax = None
    monkeypatch.setitem(sys.modules, loaded.__name__, loaded)
    _compat.jsonschema()
    assert sys.modules[loaded.__name__] is loaded


# ---------------------------------------------------------------- everywhere else

ROOT = Path(_compat.__file__).parent
#: modules that the documentation of their library leaves out
UNDOCUMENTED = re.compile(
    r"(_pytest|hypothesis\.internal|schemathesis\.generation|uvicorn\.protocols|xdist\.scheduler)\b"
)
#: how a library is asked for an attribute by name
BY_NAME = {"getattr", "hasattr", "setattr", "delattr"}


#: a function of `os` that its documentation describes
DOCUMENTED = "_exit"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != DOCUMENTED


def names_defined_in(trees: Iterable[ast.Module]) -> set[str]:
    """The private names that are ours: of functions, classes, attributes and variables."""
    found: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Attribute(attr=name, ctx=ast.Store(), value=ast.Name(id="self" | "cls")):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
    return found


def private_uses(tree: ast.Module, ours: set[str]) -> list[str]:
    """The private names of other libraries that a module uses, with their lines."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                found += [(node.lineno, alias.name) for alias in aliases if is_foreign_private(alias.name)]
            case ast.ImportFrom(module=str(module), names=aliases) if not module.startswith("conformance"):
                names = [f"{module}.{alias.name}" for alias in aliases]
                found += [(node.lineno, name) for name in names if is_foreign_private(name)]
            case ast.Attribute(attr=name) if is_private(name) and name not in ours:
                found.append((node.lineno, name))
            case ast.Call(func=ast.Name(id=function), args=[_, ast.Constant(value=str(name)), *_]):
                if function in BY_NAME and is_private(name) and name not in ours:
                    found.append((node.lineno, name))
    return [f"{line}: {name}" for line, name in found]


def is_foreign_private(module: str) -> bool:
    return bool(UNDOCUMENTED.match(module)) or any(
        is_private(part) for part in module.split(".") if part != "_typeshed"
    )


def test_no_other_module_uses_private_names_of_a_library() -> None:
    trees = {file: ast.parse(file.read_text("utf-8")) for file in ROOT.rglob("*.py")}
    ours = names_defined_in(trees.values())
    assert private_uses(trees.pop(ROOT / "_compat.py"), ours) != []  # so that the scan is known to see something
    uses = {str(file.relative_to(ROOT)): private_uses(tree, ours) for file, tree in trees.items()}
    assert {file: names for file, names in uses.items() if names} == {}
