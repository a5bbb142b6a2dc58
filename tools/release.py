"""Prepares a release: says what is not ready, builds the distributions reproducibly, checks them, writes an SBOM.

tox -e release -- ready v0.2.0   the version, the changelog and the published score fit the tag
tox -e release -- build          wheel and sdist in dist/, built twice and compared
tox -e release -- sbom           dist/sbom.cdx.json: what a fresh installation of the wheel consists of
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
#: RFC 2606 and RFC 6761: names that nobody can own
RESERVED_DOMAINS = ("example", "invalid", "test", "localhost", "example.com", "example.net", "example.org")


class NotReadyError(Exception):
    """The release cannot be made; the message has a line for each reason."""


def ready(tag: str, root: Path = ROOT) -> None:
    """Check that everything that names the version agrees with `tag`. Raises NotReadyError with every problem."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    version = project["version"]
    problems = [] if tag == f"v{version}" else [f"the tag is {tag}, pyproject.toml has version {version}"]
    package = (root / "conformance" / "__init__.py").read_text("utf-8")
    if f'"{version}"' not in package:
        problems.append(f"conformance/__init__.py does not have version {version}")
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}$", changelog, re.MULTILINE):
        problems.append(f"CHANGELOG.md has no section '## [{version}] - DATE'")
    if f"version: {version}\n" not in (root / "CITATION.cff").read_text("utf-8"):
        problems.append(f"CITATION.cff does not have version {version}")
    problems += [
        f"project.urls.{name} is the placeholder {url}: set the address of the repository"
        for name, url in project["urls"].items()
        if is_reserved(url)
    ]
    problems += score_problems(version, root)
    if problems:
        raise NotReadyError("\n".join(problems))


def is_reserved(url: str) -> bool:
    """Whether a URL leads to a name that nobody can own."""
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in RESERVED_DOMAINS)


def score_problems(version: str, root: Path) -> list[str]:
    """What keeps the published qualification score from being that of this version."""
    scored = json.loads((root / "conformance" / "qualification.json").read_text("utf-8"))["suite"]
    catalogue = hashlib.sha256((root / "conformance" / "contract" / "catalogue.toml").read_bytes()).hexdigest()
    problems = []
    if scored["version"] != version:
        problems.append(f"qualification.json is of version {scored['version']}: run `backups-conformance qualify`")
    if scored["catalogue_sha256"] != catalogue:
        problems.append("qualification.json is of another catalogue: run `backups-conformance qualify`")
    return problems


def build(dist: Path = DIST) -> None:
    """Build wheel and sdist twice, compare them byte by byte, and check what an index will make of them."""
    shutil.rmtree(dist, ignore_errors=True)
    environ = {**os.environ, "SOURCE_DATE_EPOCH": commit_time()}
    with tempfile.TemporaryDirectory() as again:
        for folder in (dist, Path(again)):
            run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)], environ)
        if digests(dist) != digests(Path(again)):
            raise NotReadyError(f"two builds differ: {digests(dist)} and {digests(Path(again))}")
    run([sys.executable, "-m", "twine", "check", "--strict", *map(str, sorted(dist.iterdir()))])
    run(["check-wheel-contents", *map(str, dist.glob("*.whl"))])


def commit_time() -> str:
    """The time of the last commit, in seconds; that of a fixed day where there is no repository."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "1767225600"


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a folder by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def sbom(dist: Path = DIST) -> None:
    """Install the wheel into an empty environment and write what that consists of, in CycloneDX."""
    (wheel,) = dist.glob("*.whl")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        run([python, "-m", "pip", "install", "--quiet", f"{wheel}[sign]"])
        target = str(dist / "sbom.cdx.json")
        run(["cyclonedx-py", "environment", "--output-reproducible", "--of", "JSON", "-o", target, python])


def run(command: list[str], environ: dict[str, str] | None = None) -> None:
    """Run one step; its output goes to the screen. Raises CalledProcessError if it fails."""
    print("+", *command, flush=True)
    subprocess.run(command, check=True, env=environ)


def main() -> int:
    """Run one step of a release."""
    parser = argparse.ArgumentParser(description="Prepare a release.")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("ready").add_argument("tag")
    steps.add_parser("build")
    steps.add_parser("sbom")
    options = parser.parse_args()
    try:
        if options.step == "ready":
            ready(options.tag)
        elif options.step == "build":
            build()
        else:
            sbom()
    except NotReadyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
