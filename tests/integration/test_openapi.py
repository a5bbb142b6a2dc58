"""Tools that others wrote take the OpenAPI document as it is: validators, linters, a mock server and schemathesis."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
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


#: calls every operation of a generated client, and prints the status and what the client made of the body
DRIVER = """
import json, sys
from container_backups_client import AuthenticatedClient, models
from container_backups_client.api.backups import delete, get, list_, logs, restore
from container_backups_client.api.jobs import job

base_url, hub, full, view, container, backup, instance, deletable = json.load(sys.stdin)
client, reader = (AuthenticatedClient(base_url, key, headers={"X-Hub-Id": hub}) for key in (full, view))
request = models.JobRequest.from_dict({"action": "restore", "contents": {"instance_id": instance}})
listed = list_.sync_detailed(
    container, client=client, include=list(models.ListIncludeItem), sort=[models.ListSortItem("-id")]
)
restored = restore.sync_detailed(container, backup, client=client, body=request)
for response in (
    listed,
    get.sync_detailed(container, backup, client=client),
    logs.sync_detailed(container, backup, client=client),
    restored,
    job.sync_detailed(restored.parsed.data.job.id, client=client),
    delete.sync_detailed(container, deletable, client=client),
    restore.sync_detailed(container, backup, client=reader, body=request),
):
    print(int(response.status_code), type(response.parsed).__name__)
"""


def test_a_generated_client_uses_the_reference_server(tmp_path: Path) -> None:
    """With the generator that most Python clients of OpenAPI documents come from."""
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += ["--path", str(openapi.BUNDLE), "--output-path", str(tmp_path / "container_backups_client")]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it formats the client with ruff
    environ = {**os.environ, "PATH": path}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout, done.stdout
    with launch.serve_in_thread([], [], restore_seconds=0.05) as server:
        target = tomllib.loads(server.target_toml)
        keys, fixtures = target["keys"], target["fixtures"]
        ids = [fixtures[name] for name in ("container_id", "backup_id", "instance_id")]
        values = [server.base_url, target["target"]["hub_id"], keys["full"], keys["view"], *ids]
        asked = json.dumps([*values, fixtures["deletable_backup_ids"][0]])
        command = [sys.executable, "-c", DRIVER]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.splitlines() == [
        *("200 AnswerOfList", "200 AnswerOfGet", "200 AnswerOfLogs", "202 AnswerOfRestore", "200 AnswerOfJob"),
        *("202 AnswerOfDelete", "403 ErrorEnvelope"),
    ], done.stderr


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
