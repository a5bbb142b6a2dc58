"""Every file that anybody may have made is read through `config.untrusted`: what reads otherwise is listed here."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "conformance"
#: methods and functions that read, or open for reading
READS = {"read_text", "read_bytes", "open", "GzipFile", "fdopen", "load"}
#: modules whose functions of these names read files
LIBRARIES = {"json", "tomllib", "gzip", "tarfile", "os", "pickle"}
#: such calls that read no file
NO_READS = {"webbrowser.open", "catalogue.load", "archive.open", "templates.load", "target_file.load"}

OWN = "a file of this package"
STATE = "the state of a run, which holds a lock on it"
NULL = "the null device"
#: by module and function: why the read needs no bound
ALLOWED = {
    "cli/commands/verify.py:_signatory": "the bounded read of config.untrusted, imported by its name",
    "cli/fleet_options.py:_run": "a waivers file, which its bounded reader has read before",
    "cli/streams.py:_open_if_closed": NULL,
    "cli/streams.py:protect_streams": NULL,
    "config/toml_file.py:_read_text": "reads 1 MB at most",
    "config/untrusted.py:open_regular": "the bounds themselves",
    "config/untrusted.py:read_json": "the bounds themselves",
    "contract/catalogue.py:load": OWN,
    "contract/catalogue.py:sections": OWN,
    "contract/error_codes.py:*": OWN,
    "contract/schemas.py:*": OWN,
    "contract/vocabulary.py:*": OWN,
    "evidence/archive.py:close": STATE,
    "evidence/archive.py:read": "unpacks a file that config.untrusted opened, line by line, each of bounded length",
    "execution/depth.py:_quick": OWN,
    "execution/depth.py:standard_inputs": OWN,
    "execution/shared_state.py:*": STATE,
    "fleet/archives.py:unpack": "bounds the sizes of members before it extracts any",
    "fleet/child.py:hold_lifeline": NULL,
    "fleet/command.py:_description": "a target file, which its bounded reader has read before",
    "http/bodies.py:content": "a body of at most limits.max_body_mb, in the temporary folder of the run",
    "pytest_run/finalize.py:sign_off": "the page and the summary that this run has just written",
    "qualification/cover.py:read": "what the same command has recorded",
    "qualification/page.py:render": OWN,
    "report/carrier.py:pytest_sessionfinish": "the page that pytest-html has just written",
    "report/html.py:*": OWN,
    "report/qualified.py:_published": OWN,
    "results/environment.py:rendering_sha256": OWN,
    "results/sealing/keys.py:_read": "reads 100 kB at most",
    "suite/registry.py:places_that_name": OWN,
}


def calls(tree: ast.AST, function: str = "<module>") -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the name of the function that it is in."""
    for node in ast.iter_child_nodes(tree):
        inner = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(node, ast.Call):
            yield function, node
        yield from calls(node, inner)


def reads(call: ast.Call) -> bool:
    """Whether a call reads a file, or opens one in a mode that can be read."""
    name = ast.unparse(call.func)
    owner, _, method = name.rpartition(".")
    if method not in READS or name in NO_READS or owner.split(".")[-1] == "untrusted":
        return False
    if method in ("load", "GzipFile") and owner not in LIBRARIES:
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    words = [value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    return not any(word in ("w", "wb", "a", "ab", "x", "w:gz") for word in words)


def found() -> set[str]:
    """Module and function of each read."""
    places = set()
    for file in PACKAGE.rglob("*.py"):
        module = file.relative_to(PACKAGE).as_posix()
        if not module.startswith("reference/"):  # which reads its own data
            tree = ast.parse(file.read_text(encoding="utf-8"))
            places |= {f"{module}:{function}" for function, call in calls(tree) if reads(call)}
    return places


def is_allowed(place: str) -> bool:
    return place in ALLOWED or f"{place.partition(':')[0]}:*" in ALLOWED


def test_each_read_of_a_file_is_bounded_or_has_its_reason() -> None:
    assert sorted(place for place in found() if not is_allowed(place)) == []


def test_no_exception_is_left_over() -> None:
    places = found()
    known = places | {f"{place.partition(':')[0]}:*" for place in places}
    assert sorted(ALLOWED.keys() - known) == []
