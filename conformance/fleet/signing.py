"""signoff.json of a fleet folder, and its verification: the record names each target's own record by digest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from conformance import __version__
from conformance.config import untrusted
from conformance.evidence.text import one_line
from conformance.fleet import page, table
from conformance.fleet.model import FILE, FORMAT, PAGE, Fleet
from conformance.judging.outcomes import Verdict
from conformance.results import reading, sealing, signoff, verify
from conformance.results.files import write_atomically
from conformance.results.sealing.signatories import NOBODY, Signatory, signature_problems

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.contract.json_types import JsonObject

SUMMARY = "summary.md"
_FILES = (FILE, PAGE, SUMMARY)


def write(fleet: Fleet, folder: Path, signer: sealing.Signer | None = None) -> None:
    """Write the record of a fleet folder, last of all files, and sign it.

    Raises sealing.SealError where it cannot be signed; the record is then whole and unsigned.
    """
    if signer is not None:
        signer.prepare(folder)
    text = render_record(fleet, folder)
    write_atomically(folder / signoff.FILE, text)
    if signer is not None:
        signer.sign(text.encode(), folder)


def render_record(fleet: Fleet, folder: Path) -> str:
    """Return the record's text: an in-toto statement with the test-result predicate."""
    digests = {name: signoff.sha256(folder / name) for name in _FILES}
    configuration: list[JsonObject] = [{"name": name, "digest": {"sha256": digests[name]}} for name in _FILES]
    configuration[0]["annotations"] = {
        "verdict": fleet["verdict"],
        "headline": fleet["headline"],
        "summary": fleet["summary"],
        "started": fleet["run"]["started"],
    }
    configuration += [
        {"name": f"{row['folder']}/{signoff.FILE}", "digest": {"sha256": row["signoff_sha256"]}}
        for row in fleet["targets"]
        if row["folder"]
    ]
    results = {Verdict.CONFORMANT.value: "PASSED", Verdict.PARTIAL.value: "WARNED"}
    statement = {
        "_type": signoff.STATEMENT,
        "subject": [{"name": FILE, "digest": {"sha256": digests[FILE]}}],
        "predicateType": signoff.PREDICATE,
        "predicate": {"result": results.get(fleet["verdict"], "FAILED"), "configuration": configuration},
    }
    return json.dumps(statement, indent=1, ensure_ascii=True) + "\n"


def load(folder: Path) -> Fleet:
    """Read fleet.json of a folder. Raises ValueError with the reason in one line."""
    try:
        data = untrusted.read_object(folder / FILE)
    except untrusted.UntrustedFileError as problem:
        raise ValueError(problem.reason) from None
    if data.get("format") != FORMAT:
        raise ValueError(f"is not a {FILE} that this version reads")
    if mismatch := reading.schema_mismatch(data, FILE):
        raise ValueError(mismatch)
    return cast("Fleet", data)


def verify_folder(
    folder: Path, signatory: Signatory = NOBODY, render: verify.Render | None = None
) -> verify.Verification:
    """Verify a fleet folder: its record, its table, and each report folder that it names."""
    verification = verify.Verification(folder)
    try:
        fleet = load(folder)
    except ValueError as problem:
        verification.problems.append(f"{FILE}: {problem}")
        return verification
    verification.run = fleet["headline"]
    _verify_table(fleet, verification)
    _verify_targets(fleet, folder, render, verification)
    try:
        record = untrusted.read_bytes(folder / signoff.FILE, verify.MAX_RECORD)
        if record != render_record(fleet, folder).encode():
            verification.problems.append(f"{signoff.FILE}: is not the record that follows from the files beside it")
        _verify_page(fleet, folder, verification)
    except untrusted.UntrustedFileError as problem:
        verification.problems.append(f"{problem.path.name}: {problem.reason}")
    verification.problems += signature_problems(folder, signatory, verification.checked)
    verification.checked.append(f"{FILE} from its targets")
    verification.unproved.append("that the requests were sent, and answered as recorded")
    return verification


def _verify_table(fleet: Fleet, verification: verify.Verification) -> None:
    derived = table.build(fleet["targets"], fleet["run"])
    for name in ("verdict", "headline", "summary", "suites"):
        if fleet[name] != derived[name]:
            verification.problems.append(f"{FILE}: its {name} does not follow from its targets")
    if fleet["clauses"] != derived["clauses"]:
        verification.unproved.append("that the counts of clauses follow from the targets: the catalogue may differ")


def _verify_targets(
    fleet: Fleet, folder: Path, render: verify.Render | None, verification: verify.Verification
) -> None:
    for row in fleet["targets"]:
        if not row["folder"]:
            continue
        report = folder / row["folder"]
        name = one_line(row["folder"], 200)
        if not _is_below(report, folder):
            verification.problems.append(f"{FILE}: {name} is not a folder below it")
            continue
        inner = verify.verify(report, render=render)
        verification.problems += [f"{name}/{problem}" for problem in inner.problems]
        if inner.problems:
            continue
        results = reading.load_results(report)
        derived = table.row_of(results, row["folder"], report, row["file"])
        if {**derived, "past": []} != {**row, "past": []}:
            verification.problems.append(f"{FILE}: the row of {name} does not follow from its report")
    verification.checked.append(f"{sum(bool(row['folder']) for row in fleet['targets'])} report folders, each verified")


def _verify_page(fleet: Fleet, folder: Path, verification: verify.Verification) -> None:
    """Verify that the page and the summary say what fleet.json does; another version words them differently."""
    if fleet["suites"] != [__version__]:
        verification.unproved.append(f"that {PAGE} says what {FILE} does: another version of the suite wrote it")
        return
    try:
        shown = page.render(fleet)
    except ValueError as problem:  # an invalid time
        verification.problems.append(f"{FILE}: {one_line(str(problem), 120)}")
        return
    for name, text in ((PAGE, shown), (SUMMARY, page.markdown(fleet))):
        written = untrusted.read_bytes(folder / name, verify.MAX_TEXT)
        if written.decode("utf-8", "replace").rstrip("\n") != text.rstrip("\n"):
            verification.problems.append(f"{name}: does not say what {FILE} does")
    verification.checked.append(f"{PAGE} and {SUMMARY}, rendered again")


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve() != folder.resolve() and path.resolve().is_relative_to(folder.resolve())
