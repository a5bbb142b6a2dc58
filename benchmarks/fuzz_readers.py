"""Fuzzes what reads foreign files: report folders (verify, rejudge, compare, index, report) and target files.

    python benchmarks/fuzz_readers.py [--minutes 10] [--seed 1] [--keep FOLDER]

Each round changes one file of a sound folder, in its bytes or in its JSON, and runs every reader. A reader may refuse
the file in one line; a traceback, an exit code that it does not have, or more than MAX_S seconds is a finding. So is a
peak of the process above MAX_MB. `--keep` gets the file of each finding; tests/unit/results/fuzzed/ holds those of
earlier rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import folders, reporting  # noqa: E402 - tests/ is on the path from here on

from conformance.cli import main  # noqa: E402
from conformance.config.target_file import load_target  # noqa: E402
from conformance.config.toml_file import FileProblemsError  # noqa: E402
from conformance.results import build, signoff  # noqa: E402

MAX_S, MAX_MB = 10.0, 250
#: the exit codes that each reader has for a file that it takes or refuses
CODES = {"verify": {0, 1}, "rejudge": {0, 1, 2}, "compare": {0, 1, 2}, "index": {0, 2}, "report": {1, 2, 3, 0}}
FILES = ("results.json", "signoff.json", "exchanges.ndjson.gz", "target.json", "junit.xml", "report.html", "summary.md")
STATE = ("run.json", "journal-main.ndjson", "exchanges-main.ndjson")
TARGET = ROOT / "docs" / "examples" / "target.toml"
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 10**30, "", "x", "\ud800", "\0", "9999-99-99T00:00:00Z",
    "2026-01-01T00:00:00Z", "passed", "failed", "waived", "../../x", [], {}, [[]], [None], {"": ""}, "a" * 5000,
    ["a"] * 300, "NaN", "[key full]",
)  # fmt: skip
BYTES = (
    b"",
    b"\0",
    b"\xff",
    b'"',
    b"{",
    b"[",
    b"}",
    b"]",
    b",",
    b":",
    b"\n",
    b"null",
    b"1e999",
    b"\\ud800",
    b"[" * 3000,
)


class Fuzzer:
    """Changes files and watches their readers."""

    def __init__(self, sound: Path, work: Path, keep: Path | None, seed: int) -> None:
        self.sound, self.work, self.keep = sound, work, keep
        self.rng = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self.rounds: Counter[str] = Counter()
        self.findings: list[str] = []
        self.slowest = 0.0

    def round(self) -> None:
        """Change one file and run its readers."""
        kind = self.rng.choice(("folder", "folder", "folder", "state", "target"))
        folder = self.work / "run"
        shutil.rmtree(folder, ignore_errors=True)
        if kind == "target":
            self._target()
            return
        shutil.copytree(self.sound / kind, folder)
        file = self.rng.choice(FILES) if kind == "folder" else f".state/{self.rng.choice(STATE)}"
        changed = self._changed(file, (folder / file).read_bytes())
        (folder / file).write_bytes(changed)
        if kind == "folder" and self.rng.random() < 0.7:
            self._resign(folder, file)
        for command in ("report",) if kind == "state" else ("verify", "rejudge", "compare", "index"):
            arguments = [str(self.sound / "folder")] if command == "compare" else []
            place = str(self.work) if command == "index" else str(folder)
            self._read(command, [command, *arguments, place], file, changed)

    def _resign(self, folder: Path, file: str) -> None:
        """What a forger does: the digest of the changed file in the record."""
        if file == signoff.FILE:
            return
        record = json.loads((folder / signoff.FILE).read_bytes())
        for entry in record["predicate"]["configuration"]:
            if entry["name"] == file:
                entry["digest"]["sha256"] = signoff.sha256(folder / file)
        (folder / signoff.FILE).write_text(json.dumps(record))

    def _read(self, command: str, arguments: list[str], file: str, changed: bytes) -> None:
        errors, begun = io.StringIO(), time.monotonic()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            code = main.main(arguments)
        self.rounds[f"{command} {file}"] += 1
        self._judge(f"{command} {file}", code, CODES[command], errors.getvalue(), time.monotonic() - begun, changed)

    def _target(self) -> None:
        changed = self._bytes(TARGET.read_bytes())
        path = self.work / "target.toml"
        path.write_bytes(changed)
        errors, begun, code = "", time.monotonic(), 0
        try:
            load_target(path, {})
        except FileProblemsError:
            code = 2
        except Exception as error:
            errors = f"Traceback: {type(error).__name__}: {error}"
        self.rounds["target file"] += 1
        self._judge("target file", code, {0, 2}, errors, time.monotonic() - begun, changed)

    def _judge(self, what: str, code: int, known: set[int], errors: str, took_s: float, changed: bytes) -> None:  # noqa: PLR0917
        self.slowest = max(self.slowest, took_s)
        if code in known and "Traceback" not in errors and took_s <= MAX_S:
            return
        line = errors.strip().splitlines()[-2:] or [""]
        self.findings.append(f"{what}: exit {code}, {took_s:.1f} s: {' | '.join(line)[:300]}")
        if self.keep is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / f"{len(self.findings):03}-{what.replace(' ', '-').replace('/', '-')}").write_bytes(changed)

    # ------------------------------------------------------------ changes

    def _changed(self, file: str, content: bytes) -> bytes:
        if file.endswith(".gz"):
            if self.rng.random() < 0.2:
                return self._bytes(content)
            return gzip.compress(self._lines(gzip.decompress(content)), compresslevel=1)
        if file.endswith(".ndjson"):
            return self._lines(content)
        return self._json(content) if file.endswith(".json") else self._bytes(content)

    def _lines(self, content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        index = self.rng.randrange(len(lines))
        lines[index] = self._json(lines[index].rstrip(b"\n")) + b"\n"
        return b"".join(lines)

    def _json(self, content: bytes) -> bytes:
        if self.rng.random() < 0.2:
            return self._bytes(content)
        value = json.loads(content)
        for _ in range(self.rng.choice((1, 1, 1, 2, 5))):
            value = self._with_change(value)
        return json.dumps(value).encode()

    def _with_change(self, value: Any) -> Any:
        """The value with something else at a place that is chosen at random."""
        if isinstance(value, dict) and value and self.rng.random() < 0.85:
            name = self.rng.choice(list(value))
            return self._with_member(value, name)
        if isinstance(value, list) and value and self.rng.random() < 0.85:
            index = self.rng.randrange(len(value))
            return [*value[:index], self._with_change(value[index]), *value[index + 1 :]]
        return self.rng.choice(ODD)

    def _with_member(self, value: dict[str, Any], name: str) -> dict[str, Any]:
        match self.rng.randrange(12):
            case 0:
                return {key: member for key, member in value.items() if key != name}
            case 1:
                return {**value, self.rng.choice(("more", "", "\ud800", "__proto__")): self.rng.choice(ODD)}
            case 2:
                return {**value, name: self.rng.choice(list(value.values()))}
            case _:
                return {**value, name: self._with_change(value[name])}

    def _bytes(self, content: bytes) -> bytes:
        start = self.rng.randrange(len(content) + 1)
        end = min(len(content), start + self.rng.choice((0, 1, 5, 100, 10**6)))
        return content[:start] + self.rng.choice(BYTES) + content[end:]


def sound_folders(place: Path) -> None:
    """A folder of a run with all outcomes, and the state of one that was killed."""
    results = reporting.red()
    results["suite"] = build.identity()
    folder = folders.make(place / "folder", results)
    lines = [json.dumps({"format": "backups-conformance/exchanges/1"}), *(json.dumps(folders.RECORD) for _ in range(5))]
    (folder / "exchanges.ndjson.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    folders.resign(folder)
    state = folders.unfinished(place / "state") / ".state"
    with (state / "journal-main.ndjson").open("a") as journal:
        journal.write(json.dumps({"kind": "check", "value": folders.CHECK}) + "\n")


def run(minutes: float, seed: int, keep: Path | None) -> int:
    """Fuzz for this number of minutes, print the findings, and return 1 if there are any."""
    with tempfile.TemporaryDirectory() as place:
        sound_folders(Path(place) / "sound")
        fuzzer = Fuzzer(Path(place) / "sound", Path(place) / "work", keep, seed)
        fuzzer.work.mkdir()
        end, rounds = time.monotonic() + 60 * minutes, 0
        while time.monotonic() < end:
            fuzzer.round()
            rounds += 1
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if peak_mb > MAX_MB:
        fuzzer.findings.append(f"peak memory {peak_mb:.0f} MB, at most {MAX_MB} wanted")
    reads = sum(fuzzer.rounds.values())
    print(f"{rounds} files changed, {reads} reads, slowest {fuzzer.slowest:.2f} s, peak {peak_mb:.0f} MB")
    for finding in fuzzer.findings:
        print(finding)
    return 1 if fuzzer.findings else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    sys.exit(run(given.minutes, given.seed, given.keep))
