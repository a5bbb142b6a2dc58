"""The recipes for fleets: each is valid for the system that it is for, and each command of the suite parses."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft7Validator

from conformance.cli import main
from conformance.fleet import executors

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GITHUB, GITLAB = ROOT / "docs/examples/fleet-github.yml", ROOT / "docs/examples/fleet-gitlab.yml"
MANIFESTS = (ROOT / "deploy/kubernetes.yaml", ROOT / "deploy/kubernetes-merge.yaml")
GUIDE = ROOT / "docs/guides/fleet.md"
#: the version of the published schemas of Kubernetes
KUBERNETES = "1.37"


def document(path: Path) -> Any:
    """A file of YAML, in which YAML 1.1 reads a key `on` as true."""
    return {("on" if name is True else name): value for name, value in yaml.safe_load(path.read_text("utf-8")).items()}


@pytest.mark.parametrize(("path", "schema"), [(GITHUB, "github-workflows"), (GITLAB, "gitlab-ci")])
def test_a_pipeline_fits_the_published_schema(path: Path, schema: str) -> None:
    published = files("check_jsonschema").joinpath(f"builtin_schemas/vendor/{schema}.json").read_text("utf-8")
    assert [error.message for error in Draft7Validator(json.loads(published)).iter_errors(document(path))] == []


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_fits_the_published_schema(path: Path) -> None:
    kubernetes_validate.validate(document(path), KUBERNETES, strict=True)


def container(path: Path) -> Any:
    """The one container of a Job."""
    (only,) = document(path)["spec"]["template"]["spec"]["containers"]
    return only


def commands() -> Iterator[list[str]]:
    """The arguments of every command of the suite in a recipe."""
    yield from (container(path)["args"] for path in MANIFESTS)
    texts = [GITHUB.read_text("utf-8"), GITLAB.read_text("utf-8"), GUIDE.read_text("utf-8").replace("\\\n", "")]
    for text in texts:
        for line in re.findall(r"^\W*(?:run: )?backups-conformance (.*)$", text, re.MULTILINE):
            yield shlex.split(line)


def test_every_command_of_a_recipe_parses() -> None:
    given = [[re.sub(r"\$\(?\w+\)?", "0", word) for word in words] for words in commands()]
    assert len(given) > 8
    for words in given:
        options = main.parse(words)
        if getattr(options, "on", None) is not None:
            executors.parse(options.on)


def test_the_jobs_of_kubernetes_share_their_volume_user_and_image() -> None:
    run, merge = (document(path)["spec"]["template"]["spec"] for path in MANIFESTS)
    assert run["securityContext"] == merge["securityContext"]
    assert container(MANIFESTS[0])["image"] == container(MANIFESTS[1])["image"]
    volumes = [{each["name"]: each for each in spec["volumes"]}["reports"] for spec in (run, merge)]
    assert volumes[0] == volumes[1]
    parts = [word for word in container(MANIFESTS[1])["args"] if re.fullmatch(r"/reports/\d+", word)]
    assert len(parts) == document(MANIFESTS[0])["spec"]["completions"]


def test_the_github_recipe_numbers_the_target_files(tmp_path: Path) -> None:
    """Its own script, and the one that makes a folder for each target before the merge."""
    (tmp_path / "targets").mkdir()
    for name in ("a", "b", "with a space"):
        (tmp_path / f"targets/{name}.toml").touch()
    jobs = document(GITHUB)["jobs"]
    (number,) = [step["run"] for step in jobs["list"]["steps"] if step.get("id") == "list"]
    (merge,) = [step["run"] for step in jobs["merge"]["steps"] if step.get("name") == "Merge"]
    folders = merge.splitlines()[0]
    script = f'{number}\nINDICES=$(sed s/indices=// "$GITHUB_OUTPUT")\n{folders}\n'
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env={"GITHUB_OUTPUT": "out", "PATH": "/usr/bin:/bin"},
        check=True,
    )  # fmt: skip
    assert (tmp_path / "out").read_text() == "indices=[0,1,2]\n"
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["0", "1", "2"]
