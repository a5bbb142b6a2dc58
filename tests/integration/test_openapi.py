"""Tools that others wrote take the OpenAPI document as it is: validators, linters, a mock server and schemathesis."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from openapi_spec_validator import validate
from sitegen import openapi
from support import nodejs

from conformance.contract.error_codes import published_codes
from conformance.contract.validation import mismatches
from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: npx fetches each once and finds it in its cache from then on
SPECTRAL = "@stoplight/spectral-cli@6.16.3"
REDOCLY = "@redocly/cli@2.77.0"
TYPESCRIPT = "openapi-typescript@7.13.0"

DOCUMENT: dict[str, Any] = yaml.safe_load(openapi.BUNDLE.read_text("utf-8"))


def objects(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document, at any depth."""
    if isinstance(part, dict):
        yield part
    for item in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from objects(item)


def test_the_bundle_is_what_the_sources_make() -> None:
    assert openapi.BUNDLE.read_text("utf-8") == openapi.rendered(openapi.bundle()), (
        "run `python docs/sitegen/openapi.py`"
    )


def test_the_bundle_needs_no_other_file() -> None:
    assert all(part["$ref"].startswith("#/") for part in objects(DOCUMENT) if isinstance(part.get("$ref"), str))
    assert not [part for part in objects(DOCUMENT) if {"$id", "$schema"} & part.keys()]


def test_the_bundle_is_a_valid_openapi_document() -> None:
    validate(DOCUMENT)


def test_two_shapes_of_one_title_are_an_error(tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text('{"title": "Backup", "type": "object"}', "utf-8")
    (tmp_path / "openapi.yaml").write_text("a: {$ref: one.json}\nb: {$ref: two.json}\ncomponents: {}\n", "utf-8")
    with pytest.raises(ValueError, match="has the title of another schema: 'Backup'"):
        openapi.bundle(tmp_path / "openapi.yaml")


def test_examples_name_published_codes_only() -> None:
    codes = [
        part["code"] for part in objects(DOCUMENT) if {"status", "code", "title"} == part.keys() - {"source", "extra"}
    ]
    codes = [code for code in codes if isinstance(code, str)]
    assert len(codes) >= 10
    assert set(codes) - {"504.not-available"} <= set(published_codes())


def test_ids_are_lower_case_in_paths_and_of_either_case_in_answers() -> None:
    upper, lower = "66F0AA10BB20CC30DD40EE50", "66f0aa10bb20cc30dd40ee50"
    paths = [
        part["schema"]["pattern"] for part in DOCUMENT["components"]["parameters"].values() if part["in"] == "path"
    ]
    assert len(paths) == 3
    for pattern in paths:
        assert re.search(pattern, lower)
        assert not re.search(pattern, upper)
    assert mismatches("oid", upper) == mismatches("oid", lower) == []


def test_lists_are_arrays_that_generated_clients_repeat() -> None:
    """A server need only know one form for several values; for one value both are the same."""
    for name in ("include", "sort"):
        parameter = DOCUMENT["components"]["parameters"][name]
        assert parameter["schema"]["type"] == "array"
        assert (parameter["style"], parameter["explode"]) == ("form", True)


def test_every_operation_needs_the_key_and_the_hub_together() -> None:
    assert DOCUMENT["security"] == [{"bearer": [], "hub": []}]
    assert all("security" not in operation for path in DOCUMENT["paths"].values() for operation in path.values())


def npx(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A pinned tool of the npm registry, which reads nothing of ours but its arguments."""
    command = [nodejs.program("npx"), "--yes", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=300)
    if trouble := re.search(r"^npm (?:ERR!|error) (.*)", done.stderr, re.MULTILINE):
        nodejs.unavailable(f"npx cannot fetch {arguments[0]} ({trouble[1]})")
    return done


@pytest.mark.node
def test_spectral_has_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "ruleset.yaml").write_text('extends: ["spectral:oas"]\n', "utf-8")
    done = npx(SPECTRAL, "lint", "-r", "ruleset.yaml", "--fail-severity", "hint", openapi.BUNDLE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.node
def test_redocly_has_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "redocly.yaml").write_text("extends: [recommended]\ntelemetry: 'off'\n", "utf-8")
    done = npx(REDOCLY, "lint", "--config", "redocly.yaml", "--format", "json", openapi.BUNDLE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"errors": 0' in done.stdout, done.stdout
    assert '"warnings": 0' in done.stdout, done.stdout


@pytest.mark.node
def test_types_for_clients_can_be_generated(tmp_path: Path) -> None:
    done = npx(TYPESCRIPT, openapi.BUNDLE, "-o", "types.ts", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    types = (tmp_path / "types.ts").read_text("utf-8")
    assert 'includes?: components["schemas"]["Includes"] | null;' in types


def test_schemathesis_finds_nothing_in_the_reference_server(tmp_path: Path) -> None:
    """Its own checks, some of which are stricter than the contract, with ids that lead past the 404."""
    with launch.serve_in_thread([], [], restore_seconds=0.05) as server:
        target = tomllib.loads(server.target_toml)
        ids = {name: target["fixtures"][f"{name}_id"] for name in ("container", "backup")}
        parameters = "\n".join(f'"path.{name}Id" = "{value}"' for name, value in ids.items())
        (tmp_path / "schemathesis.toml").write_text(f"[parameters]\n{parameters}\n", "utf-8")
        headers = {"Authorization": f"Bearer {target['keys']['full']}", "X-Hub-Id": target["target"]["hub_id"]}
        command = [sys.executable, "-m", "schemathesis.cli", "run", str(openapi.BUNDLE), "--url", server.base_url]
        command += ["--seed", "1", "--max-examples", "20", "--generation-database", "none", "--no-color"]
        command += [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout
    generated, passed = map(int, re.findall(r"(\d+) generated, (\d+) passed", done.stdout)[0])
    assert passed > 0.9 * generated > 100, "what is left was skipped"
