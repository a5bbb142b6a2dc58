"""`verify DIR`: is a report folder what its sign-off record says, to the last byte, and does it agree with itself?

Each file is held against the digest that the record names. Then everything is made again from results.json: counts
and verdict from the rows, rows from their checks, and at last the record itself, which must come out the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs

from conformance.contract import catalogue
from conformance.contract.schemas import schemas_dir
from conformance.judging.outcomes import Outcome, worst
from conformance.results import sealing, signoff
from conformance.results.model import judgement
from conformance.results.text import one_line

UNREADABLE = (OSError, ValueError, RecursionError)


@dataclass
class Verification:
    """What was found: `problems` begin with the name of the file that they are about; `unproved` is always told."""

    folder: Path
    problems: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    told: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code of `verify`."""
        return 1 if self.problems else 0


def verify(folder: Path, key: sealing.PublicKey | None = None) -> Verification:
    """Examine a folder; with a key, its signature as well."""
    return _Examination(Verification(folder), folder, key).whole()


def in_words(found: Verification) -> list[str]:
    """What `verify` prints."""
    lines = [f"{one_line(str(found.folder), 1000)}: {'not whole' if found.problems else 'whole'}"]
    lines += [f"  {problem}" for problem in found.problems]
    if not found.problems:
        lines += [f"  {one_line(found.told)}"] if found.told else []
        lines.append(f"  checked: {'; '.join(found.checked)}")
        lines.append(f"  not proved by this: {'; '.join(found.unproved)}")
    return lines


@dataclass
class _Examination:
    """One after the other, and no further than what came before allows: a file that was changed is not read."""

    found: Verification
    folder: Path
    key: sealing.PublicKey | None

    def whole(self) -> Verification:
        if self._named_files():
            self._results()
            self._carriers()
            self._same_record()
        self._signature()
        self._surplus()
        if not self.found.problems:
            self._unproved()
        return self.found

    # ------------------------------------------------------------ the files, by their digests

    def _named_files(self) -> bool:
        """Whether the record can be read and every file is the one that it names."""
        try:
            record = json.loads((self.folder / signoff.FILE).read_bytes())
            named = {one["name"]: one["digest"]["sha256"] for one in record["predicate"]["configuration"]}
        except UNREADABLE as problem:
            return self._problem(signoff.FILE, f"cannot be read: {_words(problem)}")
        except (KeyError, TypeError):
            return self._problem(signoff.FILE, "is no test-result statement")
        if (record.get("_type"), record.get("predicateType")) != (signoff.STATEMENT, signoff.PREDICATE):
            self._problem(signoff.FILE, "is no in-toto statement with the test-result predicate")
        for name in signoff.REQUIRED:
            if name not in named:
                self._problem(name, f"is not named by {signoff.FILE}")
        files = [name for name in named if signoff.is_ours(name)]
        for name in files:
            self._digest(name, named[name])
        if not self.found.problems:
            self.found.checked.append(f"{len(files)} files by their SHA-256")
        return not self.found.problems

    def _digest(self, name: str, wanted: object) -> None:
        try:
            came = signoff.sha256(self.folder / name)
        except OSError as problem:
            self._problem(name, f"cannot be read: {problem.strerror or problem}")
            return
        if came != wanted:
            told = one_line(str(wanted), 64)
            self._problem(name, f"is not the file that {signoff.FILE} names (sha256 {came}, there {told})")

    # ------------------------------------------------------------ what they say

    @cached_property
    def results(self) -> dict[str, Any]:
        """results.json, whose digest is right."""
        return dict(json.loads((self.folder / "results.json").read_bytes()))

    def _results(self) -> None:
        """That the rows carry the verdict."""
        problem = _schema_problem(self.folder / "results.json")
        if problem:
            self._problem("results.json", problem)
            return
        rows, run = self.results["clauses"], self.results["run"]
        self._all_clauses([row["id"] for row in rows])
        for row in rows:
            if row["checks"] and worst(Outcome(check["outcome"]) for check in row["checks"]) != row["outcome"]:
                self._problem("results.json", f"{row['id']} is {row['outcome']}, and its checks do not say so")
        for row in self._waived_without_waiver():
            self._problem("results.json", f"{row['id']} is waived, and no waiver in use names it")
        again = judgement(rows, strict=run["strict"], interrupted=run["interrupted"], problem=run.get("problem", ""))
        for name, value in again.items():
            if self.results[name] != value:
                self._problem("results.json", f"its {name} does not follow from its rows, which give {value!r}")
        self.found.checked.append("counts and verdict from the rows")

    def _waived_without_waiver(self) -> list[dict[str, Any]]:
        used = {waiver["clause"] for waiver in self.results["waivers"] if waiver["state"] == "used"}
        return [row for row in self.results["clauses"] if row["outcome"] == Outcome.WAIVED and row["id"] not in used]

    def _all_clauses(self, ids: list[str]) -> None:
        known = catalogue.load()
        if len(set(ids)) < len(ids):
            self._problem("results.json", "has two rows of one clause")
        if self.results["suite"]["catalogue_sha256"] != known.sha256:
            version = one_line(self.results["suite"]["version"], 40)
            self.found.unproved.append(f"that every clause has its row: suite {version} had another catalogue")
            return
        if missing := [clause.id for clause in known if clause.id not in ids]:
            self._problem("results.json", f"has no row of {', '.join(missing)}")
        if strange := [clause_id for clause_id in ids if clause_id not in known.clauses]:
            self._problem("results.json", f"has rows of unknown clauses: {', '.join(strange)}")
        self.found.checked.append(f"a row for each of {len(known.clauses)} clauses")

    def _carriers(self) -> None:
        """That the page and the JUnit file are of this run and say the same."""
        run, verdict = self.results["run"]["id"], self.results["verdict"]
        page = (self.folder / "report.html").read_text(encoding="utf-8", errors="replace")
        if page.count(signoff.page_marks(run, verdict)) != 1:
            self._problem("report.html", "does not carry the run and the verdict of results.json")
        try:
            root = ElementTree.parse(self.folder / "junit.xml").getroot()  # noqa: S314 - its digest is right
            told = {(one.get("name"), one.get("value")) for one in root.iter("property")}
        except ElementTree.ParseError:
            told = set()
        ours = {name: {value for key, value in told if key == name} for name in ("run", "verdict")}
        if ours != {"run": {run}, "verdict": {verdict}}:
            self._problem("junit.xml", "does not carry the run and the verdict of results.json")
        self.found.checked.append("run and verdict in report.html and junit.xml")

    def _same_record(self) -> None:
        """That the record is what these files give: so nothing in it was changed either."""
        if self.found.problems:
            return
        digests = {name: signoff.sha256(self.folder / name) for name in signoff.present(self.folder)}
        again = signoff.render(self.results, digests)
        if (self.folder / signoff.FILE).read_bytes() != again.encode():
            self._problem(signoff.FILE, "is not the record that the files beside it give")
        else:
            self.found.checked.append(f"{signoff.FILE}, made anew")

    # ------------------------------------------------------------ who says so

    def _signature(self) -> None:
        path = self.folder / signoff.ENVELOPE
        if not path.exists():
            if self.key is not None:
                self._problem(signoff.ENVELOPE, "is not there: the record is not signed")
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
        if self.key is not None:
            self.found.checked.append(f"the signature, by the key given ({name}…)")
        else:
            self.found.checked.append(f"the signature, by the key in {signoff.PUBLIC_KEY} ({name}…)")

    def _surplus(self) -> None:
        for path in sorted([*self.folder.glob("*"), *self.folder.glob("repro/*")]):
            name = path.relative_to(self.folder).as_posix()
            ours = signoff.is_ours(name) or name in (signoff.FILE, signoff.ENVELOPE, "repro")
            if name == ".state":
                self._problem(".state", "is there: a run was not finished; `backups-conformance report DIR` ends it")
            elif not ours and not path.name.startswith("."):
                self.found.unproved.append(f"anything of {one_line(name, 80)}, which is no file of a report")

    def _unproved(self) -> None:
        """What no check of files can tell."""
        lacking, subjects = self.found.unproved, self.results["run"].get("subjects")
        about = f" of {', '.join(one['name'] for one in subjects)}" if subjects else ""
        self.found.told = f"{self.results['verdict_words']} (run {self.results['run']['id']}{about})"
        if not subjects:
            lacking.insert(0, "which build was tested: the run was given no --subject")
        else:
            lacking.insert(0, "that the target was of the build that --subject named")
        lacking.append("that the requests were sent, and answered as written here")
        if not (self.folder / signoff.ENVELOPE).exists():
            lacking.append("who made it: unsigned, so the whole folder may have been made anew")
        elif self.key is None:
            lacking.append("who made it: give the signer's public key with --key")

    def _problem(self, file: str, words: str) -> bool:
        self.found.problems.append(f"{file}: {words}")
        return False


def _schema_problem(path: Path) -> str | None:
    """Where results.json departs from its schema."""
    schema = json.loads((schemas_dir() / "results.json").read_bytes())
    try:
        jsonschema_rs.Draft202012Validator(schema).validate(json.loads(path.read_bytes()))
    except jsonschema_rs.ValidationError as problem:
        place = "/".join(map(str, problem.instance_path)) or "the whole file"
        return f"is not of its schema: {one_line(place, 80)}: {one_line(problem.message, 120)}"
    except UNREADABLE as problem:
        return f"cannot be read: {_words(problem)}"
    return None


def _words(problem: Exception) -> str:
    if isinstance(problem, OSError):
        return problem.strerror or "it cannot be opened"
    return f"it is no JSON ({type(problem).__name__})"
