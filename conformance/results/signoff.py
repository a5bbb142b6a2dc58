"""signoff.json: the run as an in-toto statement with the test-result predicate, naming the other files by digest.

It is made from results.json and the files beside it and from nothing else, always in the same spelling. So whoever
has the folder can make it again: a byte changed anywhere, in this file as well, shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from markupsafe import escape

from conformance.config import untrusted
from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome, Verdict
from conformance.results import sealing
from conformance.results.environment import generators_of
from conformance.results.files import write_atomically
from conformance.results.model import SubjectRow
from conformance.results.queries import clauses_in_order
from conformance.results.waivers import STUB_FILE

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from conformance.contract.json_types import JsonObject
    from conformance.results.model import Results

_PACKAGE = "backups-conformance"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
FILE, ENVELOPE, PUBLIC_KEY, BUNDLE = "signoff.json", sealing.ENVELOPE, sealing.PUBLIC_KEY, sealing.BUNDLE
#: The record and its signatures, which it cannot name itself.
RECORDS = (FILE, ENVELOPE, BUNDLE)
#: The files of every report folder, apart from the record itself.
REQUIRED = ("results.json", "report.html", "junit.xml", "summary.md")
#: The files that most report folders have as well.
OPTIONAL = ("target.json", "badge.svg", STUB_FILE, "exchanges.ndjson.gz", PUBLIC_KEY)
#: All files of a report folder, apart from the scripts.
NAMES = (*RECORDS, *REQUIRED, *OPTIONAL)
MEDIA_TYPES = {
    "results.json": "application/json",
    "report.html": "text/html",
    "junit.xml": "application/xml",
    "summary.md": "text/markdown",
    "target.json": "application/json",
    "badge.svg": "image/svg+xml",
    STUB_FILE: "application/toml",
    "exchanges.ndjson.gz": "application/gzip",
    PUBLIC_KEY: "application/x-pem-file",
}
#: bytes of the largest file that a report may have
MAX_FILE = 512 * 2**20
#: a script for each clause that broke, which sends its requests again
_SCRIPTS, _SCRIPT_TYPE = re.compile(r"repro/[A-Z]+-[0-9]+\.sh"), "application/x-sh"


#: the digests that name a build, and how many hexadecimal digits they have
_DIGESTS = {"sha256": (64,), "gitCommit": (40, 64)}


class SubjectError(ValueError):
    """The value of `--subject` names no build by its digest; the message is one line."""


def parse_subject(text: str) -> dict[str, str]:
    """Parse `NAME@sha256:HEX` or `NAME@gitCommit:HEX` to what results.json has. Raises SubjectError."""
    name, _, given = text.rpartition("@")
    algorithm, _, digest = given.partition(":")
    lengths = _DIGESTS.get(algorithm, ())
    if not name.strip() or not name.isprintable() or not re.fullmatch("[0-9a-fA-F]+", digest):
        raise SubjectError(f"expected NAME@sha256:HEX or NAME@gitCommit:HEX, got {text[:200]!r}")
    if len(digest) not in lengths:
        wanted = "sha256: and 64, or gitCommit: and 40 or 64, hexadecimal digits"
        raise SubjectError(f"expected NAME@{wanted}, got {text[:200]!r}")
    return {"name": name, algorithm: digest.lower()}


def write(results: Results, folder: Path, signer: sealing.Signer | None = None) -> None:
    """Write the record, last of all files, and sign it.

    Raises sealing.SealError where it cannot be signed; the record is then whole and unsigned.
    """
    if signer is not None:
        signer.prepare(folder)
    text = render(results, {name: sha256(folder / name) for name in present(folder)})
    write_atomically(folder / FILE, text)
    if signer is not None:
        signer.sign(text.encode(), folder)


def present(folder: Path) -> list[str]:
    """The files of a report that a folder has, in the order in which the record names them."""
    fixed = [name for name in (*REQUIRED, *OPTIONAL) if is_regular(folder / name)]
    scripts = folder / "repro"
    names = [f"repro/{path.name}" for path in scripts.iterdir()] if is_folder(scripts) else []
    return fixed + sorted(name for name in names if is_report_file(name) and is_regular(folder / name))


def is_regular(path: Path) -> bool:
    """Whether a path is a regular file, and no link to one."""
    return path.is_file() and not path.is_symlink()


def is_folder(path: Path) -> bool:
    """Whether a path is a folder, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def is_report_file(name: object) -> bool:
    """Whether a report has files of that name, beside the record."""
    return isinstance(name, str) and (name in MEDIA_TYPES or _SCRIPTS.fullmatch(name) is not None)


def render(results: Results, digests: dict[str, str]) -> str:
    """The record's text, for files with these digests."""
    return json.dumps(statement(results, digests), indent=1, ensure_ascii=True) + "\n"


def statement(results: Results, digests: dict[str, str]) -> JsonObject:
    """The statement. Without a named build, its subject is results.json itself."""
    subjects = results["run"]["subjects"] or [SubjectRow(name="results.json", sha256=digests["results.json"])]
    url = results["run"].get("ci", {}).get("url")
    return {
        "_type": STATEMENT,
        "subject": [{"name": subject["name"], "digest": _digest_set(subject)} for subject in subjects],
        "predicateType": PREDICATE,
        "predicate": {
            "result": result_of(results),
            "configuration": [_suite_and_target(results), *_configuration(results, digests)],
            **({"url": url} if url else {}),
            "passedTests": _clauses(results, {Outcome.PASSED}),
            "warnedTests": _clauses(results, {Outcome.WARNED}),
            "failedTests": _clauses(results, {Outcome.FAILED}),
        },
    }


def result_of(results: Results) -> str:
    """Return PASSED for a conformant run, WARNED for a partial one, FAILED for any other."""
    return {Verdict.CONFORMANT.value: "PASSED", Verdict.PARTIAL.value: "WARNED"}.get(results["verdict"], "FAILED")


def page_marks(run_id: str, verdict: str) -> str:
    """Return the elements in the head of report.html that name its run and verdict, for programs."""
    names = {"run": run_id, "verdict": verdict}
    marks = (f'<meta name="backups-conformance-{name}" content="{escape(value)}"/>' for name, value in names.items())
    return "".join(marks)


def sha256(path: Path) -> str:
    """A regular file's digest in hexadecimal. Raises UntrustedFileError."""
    with untrusted.open_regular(path, MAX_FILE) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_set(subject: SubjectRow) -> dict[str, str]:
    digests = {name: subject.get(name) for name in _DIGESTS}
    return {name: str(digest) for name, digest in digests.items() if digest}


def _suite_and_target(results: Results) -> JsonObject:
    """What tested what, by which catalogue: the entry that policies look for.

    The predicate has no member for the clauses that must not count as passed, nor for counts, so that its annotations
    have them.
    """
    suite, run = results["suite"], results["run"]
    return {
        "name": f"{_PACKAGE}/{one_line(results['target']['name'])}",
        "uri": f"pkg:pypi/{_PACKAGE}@{suite['version']}",
        "digest": {"sha256": suite["catalogue_sha256"]},
        "annotations": {
            "run": run["id"],
            "started": run["started"],
            "target": one_line(results["target"]["name"]),
            "suite": suite["version"],
            "edition": results.get("edition", ""),
            "profile": run["profile"],
            "seed": run["seed"],
            "generators": generators_of(run["versions"]),
            "verdict": results["verdict"],
            "headline": one_line(results["headline"]),
            "summary": results["summary"],
            "selection": run["selection"],
            "notTested": _clauses(results, {Outcome.NOT_TESTED}),
            "waived": _clauses(results, {Outcome.WAIVED}),
            "error": _clauses(results, {Outcome.ERROR}),
        },
    }


def _configuration(results: Results, digests: dict[str, str]) -> list[JsonObject]:
    files = [
        {"name": name, "digest": {"sha256": digest}, "mediaType": MEDIA_TYPES.get(name, _SCRIPT_TYPE)}
        for name, digest in digests.items()
    ]
    judged_by = {
        "schemas": results["suite"]["schemas_sha256"],
        "catalogue": results["suite"]["catalogue_sha256"],
        "waivers": results["run"]["waivers_sha256"],
    }
    parts = {f"{part['run']}/{FILE}": part["signoff_sha256"] for part in results["run"].get("parts", ())}
    named = {**judged_by, **parts}
    return files + [{"name": name, "digest": {"sha256": digest}} for name, digest in named.items() if digest]


def _clauses(results: Results, outcomes: Collection[Outcome]) -> list[str]:
    return [row["id"] for row in clauses_in_order(results) if row["outcome"] in outcomes]
