"""Facts about the environment of a run: versions of libraries, and its CI job."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import conformance
from conformance._compat import http_library

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conformance.results.model import CiRow

#: the libraries on which a run's requests and judgements depend
LIBRARIES = ("hypothesis", "schemathesis", "jsonschema-rs", "httpx", http_library(), "pytest", "pytest-xdist")
#: the libraries that generate requests from a seed
GENERATORS = ("hypothesis", "schemathesis")
#: the libraries that judge responses
JUDGES = ("jsonschema-rs",)
#: variables that hold a CI job's URL, in systems that have one variable for it
_URLS = ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL", "TRAVIS_BUILD_WEB_URL",
         "DRONE_BUILD_LINK", "CIRRUS_TASK_URL", "SEMAPHORE_WORKFLOW_URL")  # fmt: skip
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILD_SOURCEVERSION", "CIRCLE_SHA1", "BUILDKITE_COMMIT",
            "BITBUCKET_COMMIT", "TRAVIS_COMMIT", "DRONE_COMMIT_SHA", "SEMAPHORE_GIT_SHA")  # fmt: skip
_MAX_URL = 2000
#: what reports are rendered with: folders of the package, and libraries
_RENDERING, _RENDERERS = ("report", "results", "contract", "evidence", "judging"), ("jinja2", "markupsafe")
_SOURCES = (".py", ".toml", ".txt", ".jinja2", ".css")


def versions() -> dict[str, str]:
    """Return the versions of the libraries that take part, by name; one that is not installed is left out."""
    by_name = {}
    for name in LIBRARIES:
        try:
            by_name[name] = version(name)
        except PackageNotFoundError:
            continue
    return by_name


def generators_of(recorded: Mapping[str, str]) -> dict[str, str]:
    """Return those of a run's versions on which the requests of a seed depend."""
    return {name: recorded[name] for name in GENERATORS if name in recorded}


def changed_versions(names: Iterable[str], old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Describe, a line each, which of these libraries have another version; one that a side lacks does not count."""
    return [
        f"{name} {old[name]} → {new[name]}" for name in names if name in old and name in new and old[name] != new[name]
    ]


@cache
def rendering_sha256() -> str:
    """Return a digest over everything that reports are rendered with: equal digests render equal reports."""
    package = Path(conformance.__file__).parent
    sources = [path for part in _RENDERING for path in (package / part).rglob("*") if path.suffix in _SOURCES]
    digest = hashlib.sha256("".join(f"{name} {version(name)}\n" for name in _RENDERERS).encode())
    for path in sorted([*sources, package / "qualification.json"]):
        digest.update(f"{path.relative_to(package).as_posix()}\n".encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def ci_job(environ: Mapping[str, str] = os.environ) -> CiRow | None:
    """Return the URL and commit of the CI job; None where the environment names neither."""
    job: CiRow = {}
    if url := _url(environ):
        job["url"] = url
    commit = next((environ[name] for name in _COMMITS if environ.get(name)), "")
    if re.fullmatch(r"[0-9a-fA-F]{7,64}", commit):
        job["commit"] = commit.lower()
    return job or None


def _url(environ: Mapping[str, str]) -> str | None:
    """The job's page; nothing that is not a URL, or that holds a password."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    if all(environ.get(name) for name in names):
        server, repository, run = (environ[name] for name in names)
        candidate = f"{server}/{repository}/actions/runs/{run}"
    elif environ.get("SYSTEM_COLLECTIONURI") and environ.get("BUILD_BUILDID"):
        project = environ.get("SYSTEM_TEAMPROJECT", "")
        build = environ["BUILD_BUILDID"]
        candidate = f"{environ['SYSTEM_COLLECTIONURI']}{project}/_build/results?buildId={build}"
    else:
        candidate = next((environ[name] for name in _URLS if environ.get(name)), "")
    try:
        parts = urlsplit(candidate)
        is_plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        return None
    return candidate if is_plain and len(candidate) <= _MAX_URL and re.fullmatch(r"[!-~]+", candidate) else None
