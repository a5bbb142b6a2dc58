"""Verifies that a report folder is what its sign-off record says, and that it agrees with itself (`verify DIR`).

Each file is compared with the digest in the record. Then everything that follows from results.json is derived again:
counts and verdict from the rows, rows from their checks, and finally the record itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from xml.parsers import expat

from conformance.config import untrusted
from conformance.contract import catalogue
from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome, of_clause
from conformance.results import build, reading, signoff, verdicts
from conformance.results.model import FORMAT
from conformance.results.sealing.signatories import NOBODY, Signatory, signature_problems

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from conformance.results.model import ClauseRow, Results, RunRow

#: bytes of a record, and of a report
MAX_RECORD, MAX_TEXT = 4 * 2**20, 64 * 2**20
#: Times and durations are rounded independently.
_ROUNDING_S = 0.002


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the reports of some results say: whole files by their names, and our part of report.html.

    `parts_of_page`: the part as each way of writing the page has it; the page holds one of them.
    """

    files: Mapping[str, str]
    parts_of_page: tuple[str, ...]


Render = Callable[["Results"], Rendering]


@dataclass
class Verification:
    """What was verified of a folder.

    `problems`: each begins with the name of a file. `checked`: what holds. `unproved`: what no check of files can
    prove. `run`: a line each for headline, run ID and build. `results`: what results.json says, where it can be read.
    `results_sha256`: the digest of results.json, where it is the one that the record names.
    """

    folder: Path
    problems: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    run: str = ""
    results: Results | None = None
    results_sha256: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code of `verify`."""
        return 1 if self.problems else 0


def verify(folder: Path, signatory: Signatory = NOBODY, render: Render | None = None) -> Verification:
    """Verify a folder, and that the signatory signed it; with `render`, what each report says."""
    return _Verifier(Verification(folder), folder, signatory, render).verify()


def report_lines(verification: Verification) -> list[str]:
    """Return the lines that `verify` prints."""
    state = "not intact" if verification.problems else "intact"
    lines = [f"{one_line(str(verification.folder), 1000)}: {state}"]
    lines += [f"  {problem}" for problem in verification.problems]
    if not verification.problems:
        lines += [f"  {one_line(verification.run)}"] if verification.run else []
        lines.append(f"  verified: {'; '.join(verification.checked)}")
        lines.append(f"  not proved by this: {'; '.join(verification.unproved)}")
    return lines


def contradictions(results: Results) -> list[str]:
    """Return where results contradict themselves: each a sentence about results.json."""
    return [*row_contradictions(results), *verdict_contradictions(results)]


def row_contradictions(results: Results) -> Iterator[str]:
    """Yield where a row does not follow from its checks and from the waivers."""
    rows, edition = results["clauses"], results.get("edition", "")
    for row in rows:
        checks = [(Outcome(check["outcome"]), check.get("left_out", False)) for check in row["checks"]]
        if checks and of_clause(checks) != row["outcome"]:
            yield f"{row['id']} is {row['outcome']}, and its checks do not say so"
        if not row["applies"] and row["outcome"] != Outcome.NOT_TESTED:
            yield f"{row['id']} does not apply, and its outcome is {row['outcome']}"
        if edition and row.get("decides", True) != catalogue.load().decides(row["id"], edition):
            yield f"{row['id']} is marked as if it came with another edition"
    for row in _waived_without_waiver(results):
        yield f"{row['id']} is waived, and no waiver in use names it"


def verdict_contradictions(results: Results) -> Iterator[str]:
    """Yield where counts and verdict do not follow from the rows; those of format 1 are derived when it is read."""
    run = results["run"]
    judgement = verdicts.judge(
        results["clauses"], strict=run["strict"], interrupted=run["interrupted"], problem=run["problem"]
    )
    for name, value in judgement.items():
        if results.get(name) != value:
            yield f"its {name} does not follow from its rows, which give {value!r}"


@dataclass
class _Verifier:
    """Verifies step by step; a file whose digest is wrong is not read."""

    verification: Verification
    folder: Path
    signatory: Signatory
    render: Render | None
    written: str = FORMAT

    def verify(self) -> Verification:
        if self._files():
            self.verification.results = results = self._results()
            if results is not None:
                self._page_and_junit(results)
                self._target(results)
                self._rendered(results)
                self._record(results)
                self._list_unproved(results)
        self._signature()
        self._other_files()
        return self.verification

    # ------------------------------------------------------------ the files, by their digests

    def _files(self) -> bool:
        """Whether the record can be read and every file has the digest that it names."""
        try:
            record = untrusted.read_object(self.folder / signoff.FILE, MAX_RECORD)
            entries = [(entry["name"], entry["digest"]["sha256"]) for entry in record["predicate"]["configuration"]]
            digests = dict(entries)
        except untrusted.UntrustedFileError as problem:
            return self._problem(signoff.FILE, problem.reason)
        except (KeyError, TypeError):
            return self._problem(signoff.FILE, "is not a test-result statement")
        if (record.get("_type"), record.get("predicateType")) != (signoff.STATEMENT, signoff.PREDICATE):
            self._problem(signoff.FILE, "is not an in-toto statement with the test-result predicate")
        if len(digests) < len(entries):
            self._problem(signoff.FILE, "names a file twice")
        for name in signoff.REQUIRED:
            if name not in digests:
                self._problem(signoff.FILE, f"does not name {name}")
        files = [name for name in digests if signoff.is_report_file(name)]
        for name in files:
            self._digest(name, digests[name])
        self.verification.results_sha256 = str(digests.get("results.json", ""))
        if not self.verification.problems:
            self.verification.checked.append(f"{len(files)} files by their SHA-256")
        return not self.verification.problems

    def _digest(self, name: str, recorded: object) -> None:
        if "/" in name and not signoff.is_folder((self.folder / name).parent):
            self._problem(name, "is not in a folder of the report")
            return
        try:
            actual = signoff.sha256(self.folder / name)
        except untrusted.UntrustedFileError as problem:
            self._problem(name, problem.reason)
            return
        if actual != recorded:
            text = one_line(str(recorded), 64)
            self._problem(name, f"is not the file that {signoff.FILE} names (sha256 {actual}, recorded {text})")

    # ------------------------------------------------------------ what they say

    def _results(self) -> Results | None:
        """The results, once their rows were verified to support the verdict; None where they cannot be read."""
        try:
            data = untrusted.read_object(self.folder / "results.json")
            results = reading.parse_results(data)
        except untrusted.UntrustedFileError as unreadable:
            self._problem("results.json", unreadable.reason)
            return None
        except reading.ResultsError as mismatch:
            self._problem("results.json", str(mismatch))
            return None
        self._all_clauses(results)
        for problem in row_contradictions(results):
            self._problem("results.json", problem)
        if data["format"] != FORMAT:
            text = f"that the verdict follows from the rows: suite {_suite(results)} had other verdicts"
            self.verification.unproved.append(text)
            self.written = data["format"]
            older: Results = {**results, "verdict": data["verdict"], "headline": data["verdict_words"]}
            return older
        if not _has_matching_duration(results["run"]):
            self._problem("results.json", "its duration is not the time between its start and its end")
        for problem in verdict_contradictions(results):
            self._problem("results.json", problem)
        self.verification.checked.append("counts and verdict from the rows")
        return results

    def _all_clauses(self, results: Results) -> None:
        known, ids = catalogue.load(), [row["id"] for row in results["clauses"]]
        if results["suite"]["catalogue_sha256"] != known.sha256:
            text = f"that every clause has its row: suite {_suite(results)} had another catalogue"
            self.verification.unproved.append(text)
            return
        if missing := [clause.id for clause in known if clause.id not in ids]:
            self._problem("results.json", f"has no row of {', '.join(missing)}")
        if unknown := [clause_id for clause_id in ids if clause_id not in known.clauses]:
            self._problem("results.json", f"has rows of unknown clauses: {', '.join(unknown)}")
        self.verification.checked.append(f"a row for each of {len(known.clauses)} clauses")

    def _page_and_junit(self, results: Results) -> None:
        """Verify that report.html and junit.xml are of this run and have its verdict."""
        run, verdict = results["run"]["id"], results["verdict"]
        page = self._text("report.html")
        if page.count(signoff.page_marks(run, verdict)) != 1:
            self._problem("report.html", "does not carry the run and the verdict of results.json")
        stated = _properties_of(self._text("junit.xml"), {"run", "verdict"})
        if stated != {("run", run), ("verdict", verdict)}:
            self._problem("junit.xml", "does not carry the run and the verdict of results.json")
        self.verification.checked.append("run and verdict in report.html and junit.xml")

    def _target(self, results: Results) -> None:
        """Verify that target.json, where the report has one, describes the target that results.json names."""
        path = self.folder / "target.json"
        if not signoff.is_regular(path):
            return
        try:
            shown = untrusted.read_json(path, MAX_RECORD)
        except untrusted.UntrustedFileError as problem:
            self._problem("target.json", problem.reason)
            return
        target = {name: results["target"].get(name) for name in ("name", "base_url", "hub_id")}
        stated = {name: shown.get(name) for name in target} if isinstance(shown, dict) else {}
        wrong = [name for name, value in target.items() if value is not None and stated.get(name) != value]
        for name in wrong:
            self._problem("target.json", f"names another {name} than results.json")

    def _rendered(self, results: Results) -> None:
        """Verify that the reports say what results.json says, by rendering them again.

        Another version renders otherwise, so only what this one wrote can be compared.
        """
        if self.render is None or results["suite"] != build.identity():
            text = "that every report says what results.json says: another build of the suite wrote them"
            self.verification.unproved.append(text)
            return
        rendering = self.render(results)
        for name, text in rendering.files.items():
            if self._text(name) != text:
                self._problem(name, "does not say what results.json says")
        scripts = {name for name in signoff.present(self.folder) if name.startswith("repro/")}
        for name in sorted(scripts - rendering.files.keys()):
            self._problem(name, "does not follow from results.json")
        page = self._text("report.html")
        if not any(part in page for part in rendering.parts_of_page):
            self._problem("report.html", "does not say what results.json says")
        self.verification.checked.append("what the reports say, rendered again")

    def _text(self, name: str) -> str:
        """A file of the report as text; empty where it cannot be read, which is then a problem of that file."""
        try:
            return untrusted.read_bytes(self.folder / name, MAX_TEXT).decode("utf-8", "replace")
        except untrusted.UntrustedFileError as problem:
            self._problem(name, problem.reason)
            return ""

    def _record(self, results: Results) -> None:
        """Verify that the record follows from the files, so that nothing in it was changed either."""
        if self.verification.problems:
            return
        if self.written != FORMAT:
            self.verification.unproved.append(f"that {signoff.FILE} follows from the files: an older version wrote it")
            return
        digests = {name: signoff.sha256(self.folder / name) for name in signoff.present(self.folder)}
        if self._text(signoff.FILE) != signoff.render(results, digests):
            self._problem(signoff.FILE, "is not the record that follows from the files beside it")
        else:
            self.verification.checked.append(f"{signoff.FILE}, derived again")

    # ------------------------------------------------------------ who signed it

    def _signature(self) -> None:
        self.verification.problems += signature_problems(self.folder, self.signatory, self.verification.checked)

    def _other_files(self) -> None:
        if not self.folder.is_dir():
            return
        scripts = self.folder / "repro"
        for path in sorted([*self.folder.iterdir(), *(scripts.iterdir() if signoff.is_folder(scripts) else ())]):
            name = path.relative_to(self.folder).as_posix()
            is_known = signoff.is_report_file(name) or name in signoff.RECORDS
            if name == ".state":
                text = "is there: a run has not finished; `backups-conformance report DIR` finishes it"
                self._problem(".state", text)
            elif name == "repro" and not signoff.is_folder(path):
                self._problem(name, "is not a folder of the report")
            elif is_known and not signoff.is_regular(path):
                if not any(problem.startswith(f"{name}: ") for problem in self.verification.problems):
                    self._problem(name, "is not a regular file")
            elif not is_known and name != "repro" and not path.name.startswith("."):
                self.verification.unproved.append(f"anything about {one_line(name, 80)}, which is not part of a report")

    def _list_unproved(self, results: Results) -> None:
        """List what no check of files can prove."""
        unproved, subjects = self.verification.unproved, results["run"]["subjects"]
        builds = f" of {', '.join(subject['name'] for subject in subjects)}" if subjects else ""
        self.verification.run = f"{results['headline']} (run {results['run']['id']}{builds})"
        if not subjects:
            unproved.insert(0, "which build was tested: the run was given no --subject")
        else:
            unproved.insert(0, "that the target was of the build that --subject named")
        unproved.append("that the requests were sent, and answered as recorded")
        ways = {signoff.ENVELOPE: "public key with --key", signoff.BUNDLE: "identity with --identity and --issuer"}
        signatures = [words for name, words in ways.items() if os.path.lexists(self.folder / name)]
        if not signatures:
            unproved.append("who made it: the record is unsigned, so anybody may have made the folder")
        elif self.signatory == NOBODY:
            unproved.append(f"who made it: give the signer's {' or '.join(signatures)}")

    def _problem(self, file: str, words: str) -> bool:
        self.verification.problems.append(f"{file}: {words}")
        return False


def _has_matching_duration(run: RunRow) -> bool:
    """Whether the run's duration is the time between its start and its end, to the millisecond."""
    lasted = datetime.fromisoformat(run["finished"]) - datetime.fromisoformat(run["started"])
    return abs(lasted.total_seconds() - run["duration_s"]) < _ROUNDING_S


def _waived_without_waiver(results: Results) -> Iterable[ClauseRow]:
    used = {waiver["clause"] for waiver in results["waivers"] if waiver["state"] == "used"}
    return [row for row in results["clauses"] if row["outcome"] == Outcome.WAIVED and row["id"] not in used]


def _suite(results: Results) -> str:
    return one_line(results["suite"]["version"], 40)


def _properties_of(document: str, names: Collection[str]) -> set[tuple[str, str]]:
    """Names and values of the properties in junit.xml; empty where it is not XML, or declares entities."""
    stated: set[tuple[str, str]] = set()

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "property" and attributes.get("name") in names:
            stated.add((attributes["name"], attributes.get("value", "")))

    def refuse(*_: object) -> None:
        raise expat.ExpatError("a document type, which reports never contain")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, refuse
    try:
        parser.Parse(document.encode(), True)
    except (expat.ExpatError, ValueError):
        return set()
    return stated
