"""Verifies that a report folder is what its sign-off record says, and that it agrees with itself (`verify DIR`).

Each file is compared with the digest in the record. Then everything that follows from results.json is derived again:
counts and verdict from the rows, rows from their checks, and finally the record itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import jsonschema_rs

from conformance.contract import catalogue
from conformance.contract.schemas import schemas_dir
from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome, worst
from conformance.results import reading, sealing, signoff, verdicts
from conformance.results.model import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.results.model import ClauseRow, Results

UNREADABLE = (OSError, ValueError, RecursionError)
_SCHEMAS = {FORMAT: "results.json", reading.FORMAT_1: "results-1.json"}


@dataclass
class Verification:
    """What was verified of a folder.

    `problems`: each begins with the name of a file. `checked`: what holds. `unproved`: what no check of files can
    prove. `run`: headline, run ID and build, in words.
    """

    folder: Path
    problems: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    run: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code of `verify`."""
        return 1 if self.problems else 0


def verify(folder: Path, key: sealing.PublicKey | None = None) -> Verification:
    """Verify a folder; with a key, its signature as well."""
    return _Verifier(Verification(folder), folder, key).verify()


def in_words(verification: Verification) -> list[str]:
    """Return the lines that `verify` prints."""
    state = "not intact" if verification.problems else "intact"
    lines = [f"{one_line(str(verification.folder), 1000)}: {state}"]
    lines += [f"  {problem}" for problem in verification.problems]
    if not verification.problems:
        lines += [f"  {one_line(verification.run)}"] if verification.run else []
        lines.append(f"  verified: {'; '.join(verification.checked)}")
        lines.append(f"  not proved by this: {'; '.join(verification.unproved)}")
    return lines


@dataclass
class _Verifier:
    """Verifies step by step; a file whose digest is wrong is not read."""

    verification: Verification
    folder: Path
    key: sealing.PublicKey | None

    def verify(self) -> Verification:
        if self._files():
            results = self._results()
            if results is not None:
                self._page_and_junit(results)
                self._record(results)
                self._list_unproved(results)
        self._signature()
        self._other_files()
        return self.verification

    # ------------------------------------------------------------ the files, by their digests

    def _files(self) -> bool:
        """Whether the record can be read and every file has the digest that it names."""
        try:
            record = json.loads((self.folder / signoff.FILE).read_bytes())
            digests = {entry["name"]: entry["digest"]["sha256"] for entry in record["predicate"]["configuration"]}
        except UNREADABLE as problem:
            return self._problem(signoff.FILE, f"cannot be read: {_words(problem)}")
        except (KeyError, TypeError):
            return self._problem(signoff.FILE, "is not a test-result statement")
        if (record.get("_type"), record.get("predicateType")) != (signoff.STATEMENT, signoff.PREDICATE):
            self._problem(signoff.FILE, "is not an in-toto statement with the test-result predicate")
        for name in signoff.REQUIRED:
            if name not in digests:
                self._problem(name, f"is not named by {signoff.FILE}")
        files = [name for name in digests if signoff.is_report_file(name)]
        for name in files:
            self._digest(name, digests[name])
        if not self.verification.problems:
            self.verification.checked.append(f"{len(files)} files by their SHA-256")
        return not self.verification.problems

    def _digest(self, name: str, recorded: object) -> None:
        try:
            actual = signoff.sha256(self.folder / name)
        except OSError as problem:
            self._problem(name, f"cannot be read: {problem.strerror or problem}")
            return
        if actual != recorded:
            text = one_line(str(recorded), 64)
            self._problem(name, f"is not the file that {signoff.FILE} names (sha256 {actual}, recorded {text})")

    # ------------------------------------------------------------ what they say

    def _results(self) -> Results | None:
        """The results, once their rows were verified to support the verdict; None where they cannot be read."""
        data = json.loads((self.folder / "results.json").read_bytes())
        problem = _schema_problem(data)
        if problem:
            self._problem("results.json", problem)
            return None
        results = reading.parse_results(data)
        rows, run = results["clauses"], results["run"]
        self._all_clauses(results)
        for row in rows:
            if row["checks"] and worst(Outcome(check["outcome"]) for check in row["checks"]) != row["outcome"]:
                self._problem("results.json", f"{row['id']} is {row['outcome']}, and its checks do not say so")
        for row in rows:
            if not row["applies"] and row["outcome"] != Outcome.NOT_TESTED:
                self._problem("results.json", f"{row['id']} does not apply, and its outcome is {row['outcome']}")
        for row in _waived_without_waiver(results):
            self._problem("results.json", f"{row['id']} is waived, and no waiver in use names it")
        if data["format"] != FORMAT:
            text = f"that the verdict follows from the rows: suite {_suite(results)} had other verdicts"
            self.verification.unproved.append(text)
            return {**results, "verdict": data["verdict"], "headline": data["verdict_words"]}
        judgement = verdicts.judge(rows, strict=run["strict"], interrupted=run["interrupted"], problem=run["problem"])
        for name, value in judgement.items():
            if results.get(name) != value:
                self._problem("results.json", f"its {name} does not follow from its rows, which give {value!r}")
        self.verification.checked.append("counts and verdict from the rows")
        return results

    def _all_clauses(self, results: Results) -> None:
        known, ids = catalogue.load(), [row["id"] for row in results["clauses"]]
        if len(set(ids)) < len(ids):
            self._problem("results.json", "has two rows of one clause")
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
        page = (self.folder / "report.html").read_text(encoding="utf-8", errors="replace")
        if page.count(signoff.page_marks(run, verdict)) != 1:
            self._problem("report.html", "does not carry the run and the verdict of results.json")
        try:
            root = ElementTree.parse(self.folder / "junit.xml").getroot()  # noqa: S314 - its digest is right
            properties = {(element.get("name"), element.get("value")) for element in root.iter("property")}
        except ElementTree.ParseError:
            properties = set()
        stated = {name: {value for key, value in properties if key == name} for name in ("run", "verdict")}
        if stated != {"run": {run}, "verdict": {verdict}}:
            self._problem("junit.xml", "does not carry the run and the verdict of results.json")
        self.verification.checked.append("run and verdict in report.html and junit.xml")

    def _record(self, results: Results) -> None:
        """Verify that the record follows from the files, so that nothing in it was changed either."""
        if self.verification.problems:
            return
        written = json.loads((self.folder / "results.json").read_bytes())["format"]
        if written != FORMAT:
            self.verification.unproved.append(f"that {signoff.FILE} follows from the files: an older version wrote it")
            return
        digests = {name: signoff.sha256(self.folder / name) for name in signoff.present(self.folder)}
        if (self.folder / signoff.FILE).read_bytes() != signoff.render(results, digests).encode():
            self._problem(signoff.FILE, "is not the record that follows from the files beside it")
        else:
            self.verification.checked.append(f"{signoff.FILE}, derived again")

    # ------------------------------------------------------------ who signed it

    def _signature(self) -> None:
        path = self.folder / signoff.ENVELOPE
        if not path.exists():
            if self.key is not None:
                self._problem(signoff.ENVELOPE, "is missing: the record is not signed")
            return
        try:
            enclosed = sealing.load_public((self.folder / signoff.PUBLIC_KEY).read_bytes(), signoff.PUBLIC_KEY)
            problem = sealing.check(path.read_bytes(), (self.folder / signoff.FILE).read_bytes(), self.key or enclosed)
        except OSError as missing:
            problem = f"{Path(missing.filename).name} cannot be read: {missing.strerror}"
        except sealing.SealError as reason:
            problem = str(reason)
        if problem:
            self._problem(signoff.ENVELOPE, problem)
            return
        name = sealing.key_id(self.key or enclosed)[:16]
        origin = f"the key in {signoff.PUBLIC_KEY}" if self.key is None else "the key given"
        self.verification.checked.append(f"the signature, by {origin} ({name}…)")

    def _other_files(self) -> None:
        for path in sorted([*self.folder.glob("*"), *self.folder.glob("repro/*")]):
            name = path.relative_to(self.folder).as_posix()
            is_known = signoff.is_report_file(name) or name in (signoff.FILE, signoff.ENVELOPE, "repro")
            if name == ".state":
                text = "is there: a run has not finished; `backups-conformance report DIR` finishes it"
                self._problem(".state", text)
            elif not is_known and not path.name.startswith("."):
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
        if not (self.folder / signoff.ENVELOPE).exists():
            unproved.append("who made it: unsigned, so the whole folder may have been made by anybody")
        elif self.key is None:
            unproved.append("who made it: give the signer's public key with --key")

    def _problem(self, file: str, words: str) -> bool:
        self.verification.problems.append(f"{file}: {words}")
        return False


def _waived_without_waiver(results: Results) -> Iterable[ClauseRow]:
    used = {waiver["clause"] for waiver in results["waivers"] if waiver["state"] == "used"}
    return [row for row in results["clauses"] if row["outcome"] == Outcome.WAIVED and row["id"] not in used]


def _suite(results: Results) -> str:
    return one_line(results["suite"]["version"], 40)


def _schema_problem(data: object) -> str | None:  # JSON of any shape
    """Where results.json departs from the schema of its format."""
    written = data.get("format") if isinstance(data, dict) else None
    schema = json.loads((schemas_dir() / _SCHEMAS.get(str(written), "results.json")).read_bytes())
    try:
        jsonschema_rs.Draft202012Validator(schema).validate(data)
    except jsonschema_rs.ValidationError as problem:
        place = "/".join(map(str, problem.instance_path)) or "the whole file"
        return f"does not match its schema: {one_line(place, 80)}: {one_line(problem.message, 120)}"
    except UNREADABLE as problem:
        return f"cannot be read: {_words(problem)}"
    return None


def _words(problem: Exception) -> str:
    if isinstance(problem, OSError):
        return problem.strerror or "it cannot be opened"
    return f"it is not JSON ({type(problem).__name__})"
