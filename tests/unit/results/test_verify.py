"""An intact report folder is called intact; a file that was changed, by accident or by art, is named."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer._key import SSlibKey
from support import folders, reporting

from conformance.cli import main
from conformance.contract import catalogue
from conformance.judging.outcomes import Outcome
from conformance.report import html
from conformance.results import signoff
from conformance.results.files import write_json
from conformance.results.sealing import keys as sealing
from conformance.results.sealing.signatories import Signatory
from conformance.results.verify import Verification, report_lines, verify

if TYPE_CHECKING:
    from collections.abc import Callable

KEY, OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32)), Ed25519PrivateKey.from_private_bytes(bytes(31) + b"1")
SUBJECT = {"name": "registry.example.test/backups", "sha256": "b" * 64}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed folder of a run with all outcomes."""
    return folders.make(tmp_path_factory.mktemp("signed") / "run", reporting.red(), KEY)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to do harm to."""
    return Path(shutil.copytree(original, tmp_path / "run"))


@pytest.fixture
def unsigned(folder: Path) -> Path:
    for name in (signoff.ENVELOPE, signoff.PUBLIC_KEY):
        (folder / name).unlink()
    folders.resign(folder)
    return folder


def named(found: Verification, file: str) -> bool:
    return any(problem.startswith(f"{file}: ") or f" {file} " in problem for problem in found.problems)


def test_an_intact_folder_is_intact(original: Path) -> None:
    found = verify(original)
    assert (found.problems, found.exit_code) == ([], 0)
    assert found.checked == [
        f"{len(files_of(original)) - 2} files by their SHA-256",
        f"a row for each of {len(catalogue.load().clauses)} clauses",
        "counts and verdict from the rows",
        "run and verdict in report.html and junit.xml",
        "signoff.json, derived again",
        f"the signature, by the key in signoff.pub ({sealing.key_id(KEY)[:16]}…)",
    ]
    assert "which build was tested: the run was given no --subject" in found.unproved
    assert "who made it: give the signer's public key with --key" in found.unproved


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_folder_has_every_file_that_a_run_leaves(original: Path) -> None:
    fixed = [*signoff.REQUIRED, *signoff.OPTIONAL, signoff.FILE, signoff.ENVELOPE]
    assert [name for name in files_of(original) if not name.startswith("repro/")] == sorted(fixed)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_any_byte_of_any_file_changed_is_found_and_its_file_named(original: Path, data: st.DataObject) -> None:
    file = original / data.draw(st.sampled_from(files_of(original)))
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    bits = data.draw(st.integers(1, 255))
    try:
        file.write_bytes(whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :])
        found = verify(original)
    finally:
        file.write_bytes(whole)
    assert found.exit_code == 1
    assert named(found, file.relative_to(original).as_posix()), found.problems


@pytest.mark.parametrize("harm", ["longer", "shorter", "empty", "missing", "a folder"])
@pytest.mark.parametrize("name", [*signoff.REQUIRED, *signoff.OPTIONAL, signoff.FILE, signoff.ENVELOPE])
def test_a_file_of_another_length_or_none_is_found(name: str, harm: str, folder: Path) -> None:
    path = folder / name
    whole = path.read_bytes()
    path.unlink()
    if harm == "a folder":
        path.mkdir()
    elif harm != "missing":
        path.write_bytes({"longer": whole + b"\n", "shorter": whole[:-1], "empty": b""}[harm])
    if (name, harm) == (signoff.ENVELOPE, "missing"):
        # An unsigned folder is whole as well: only who asks for the signature can miss it.
        assert named(verify(folder, Signatory(KEY.public_key())), name)
    else:
        assert named(verify(folder), name)


# ------------------------------------------------------------ forgeries with right digests


def forged(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Verification:
    """results.json changed, and everything that only has digests made to fit."""
    results = json.loads((folder / "results.json").read_text())
    change(results)
    write_json(folder / "results.json", results)
    folders.resign(folder)
    return verify(folder)


def row(results: Any, clause: str) -> Any:
    return dict(next(one for one in results["clauses"] if one["id"] == clause))


def set_outcome(results: Any, clause: str, outcome: Outcome) -> None:
    for one in results["clauses"]:
        if one["id"] == clause:
            one["outcome"] = outcome.value


FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another verdict": (lambda r: r.update(verdict="conformant"), "its verdict does not follow from its rows"),
    "other words": (lambda r: r.update(headline="conformant"), "its headline does not follow"),
    "another count": (lambda r: r["summary"].update(failed=0), "its summary does not follow"),
    "a failure called a pass": (lambda r: set_outcome(r, "CAP-4", Outcome.PASSED), "CAP-4 is passed, and its checks"),
    "a failure called waived": (lambda r: set_outcome(r, "CAP-4", Outcome.WAIVED), "CAP-4 is waived, and no waiver"),
    "a row less": (lambda r: r["clauses"].pop(5), "has no row of HTTP-6"),
    "a row twice": (lambda r: r["clauses"].append(r["clauses"][0]), "has two rows of one clause"),
    "an unknown clause": (
        lambda r: r["clauses"].append({**row(r, "CAP-4"), "id": "CAP-99"}),
        "unknown clauses: CAP-99",
    ),
    "a failure that does not apply": (
        lambda r: next(one for one in r["clauses"] if one["id"] == "CAP-4").update(applies=False),
        "CAP-4 does not apply, and its outcome is failed",
    ),
    "no format": (lambda r: r.pop("format"), "it names no format"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forger_who_makes_the_digests_fit_is_found_by_counting(name: str, unsigned: Path) -> None:
    change, words = FORGERIES[name]
    found = forged(unsigned, change)
    assert any(problem.startswith("results.json: ") and words in problem for problem in found.problems), found.problems


@pytest.mark.parametrize("name", ["report.html", "junit.xml"])
def test_the_page_of_another_run_is_found(name: str, unsigned: Path) -> None:
    found = forged(unsigned, lambda results: results["run"].update(id="another"))
    assert f"{name}: does not carry the run and the verdict of results.json" in found.problems


def test_an_unclosed_junit_file_is_found(unsigned: Path) -> None:
    (unsigned / "junit.xml").write_text("<testsuites>")
    assert forged(unsigned, lambda _: None).problems == [
        "junit.xml: does not carry the run and the verdict of results.json"
    ]


def test_another_catalogue_is_reported_and_is_no_fault(unsigned: Path) -> None:
    found = forged(unsigned, lambda results: results["suite"].update(version="9.9", catalogue_sha256="0" * 64))
    assert found.problems == []
    assert "that every clause has its row: suite 9.9 had another catalogue" in found.unproved


def test_an_unfinished_run_and_an_unknown_file_are_reported(unsigned: Path) -> None:
    (unsigned / "notes.txt").write_text("x")
    assert "anything about notes.txt, which is not part of a report" in verify(unsigned).unproved
    (unsigned / ".state").mkdir()
    assert named(verify(unsigned), ".state")


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "[" * 100_000, '{"predicate": {"configuration": [{"name": [], "digest": 1}]}}', "\udcff"]
)
def test_an_invalid_record_is_refused(text: str, unsigned: Path) -> None:
    (unsigned / signoff.FILE).write_text(text, errors="surrogateescape")
    assert named(verify(unsigned), signoff.FILE)


# ------------------------------------------------------------ what the record says


@pytest.mark.parametrize("seed", range(24))
def test_the_record_holds_every_mix_of_outcomes(seed: int) -> None:
    results = reporting.mixed(seed, strict=seed % 3 == 0)
    told = signoff.statement(results, {"results.json": "a" * 64})
    predicate, kept = told["predicate"], told["predicate"]["configuration"][0]["annotations"]
    lists = {
        "passed": predicate["passedTests"],
        "warned": predicate["warnedTests"],
        "failed": predicate["failedTests"],
        "not_tested": kept["notTested"],
        "waived": kept["waived"],
        "error": kept["error"],
    }
    for outcome, clauses in lists.items():
        assert clauses == [one["id"] for one in results["clauses"] if one["outcome"] == outcome]
    assert predicate["result"] == {"conformant": "PASSED", "partial": "WARNED"}.get(results["verdict"], "FAILED")


def test_nothing_is_passed_that_was_not() -> None:
    told = signoff.statement(
        reporting.results({"CAP-1": Outcome.NOT_TESTED, "CAP-2": Outcome.WAIVED, "CAP-3": Outcome.ERROR}),
        {"results.json": "a" * 64},
    )
    assert told["predicate"]["result"] == "FAILED"  # inconclusive: never PASSED
    assert not {"CAP-1", "CAP-2", "CAP-3"} & set(told["predicate"]["passedTests"])


def test_the_subject_is_what_was_named_and_else_the_results_themselves() -> None:
    results, digests = reporting.green(), {"results.json": "a" * 64}
    assert signoff.statement(results, digests)["subject"] == [{"name": "results.json", "digest": {"sha256": "a" * 64}}]
    results["run"]["subjects"] = [SUBJECT]
    told = signoff.statement(results, digests)
    assert told["subject"] == [{"name": SUBJECT["name"], "digest": {"sha256": SUBJECT["sha256"]}}]
    assert (told["_type"], told["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://in-toto.io/attestation/test-result/v0.1",
    )


def test_the_first_entry_says_what_tested_what() -> None:
    results = reporting.green()
    results["edition"] = "2026.2"
    results["run"]["ci"] = {"url": "https://ci.example.test/runs/7"}
    predicate = signoff.statement(results, {"results.json": "a" * 64})["predicate"]
    entry = predicate["configuration"][0]
    assert entry["name"] == "backups-conformance/staging-eu"
    assert entry["uri"] == f"pkg:pypi/backups-conformance@{results['suite']['version']}"
    assert entry["digest"] == {"sha256": results["suite"]["catalogue_sha256"]}
    assert entry["annotations"]["summary"] == results["summary"]
    assert entry["annotations"]["edition"] == "2026.2"
    assert predicate["url"] == "https://ci.example.test/runs/7"
    del results["run"]["ci"]
    assert "url" not in signoff.statement(results, {"results.json": "a" * 64})["predicate"]


@pytest.mark.parametrize("results", [reporting.green(), reporting.red(), *map(reporting.mixed, range(4))])
def test_the_record_is_valid_by_the_definitions_of_in_toto(results: Any) -> None:
    results["run"]["ci"] = {"url": "https://ci.example/run/1"}
    results["run"]["subjects"] = [
        signoff.parse_subject(f"build@sha256:{'a' * 64}"), signoff.parse_subject(f"source@gitCommit:{'b' * 40}"),
    ]  # fmt: skip
    record = signoff.statement(results, dict.fromkeys(signoff.REQUIRED, "0" * 64))
    statement = Statement.copy_from_pb(json_format.ParseDict(record, statement_pb2.Statement()))
    statement.validate()
    assert [dict(subject.digest) for subject in statement.pb.subject] == [{"sha256": "a" * 64}, {"gitCommit": "b" * 40}]
    predicate = json_format.ParseDict(record["predicate"], test_result_pb2.TestResult())
    for entry in predicate.configuration:
        ResourceDescriptor.copy_from_pb(entry).validate()
    assert (predicate.result, predicate.url) == (signoff.result_of(results), "https://ci.example/run/1")


@pytest.mark.parametrize("digits", [40, 64])
def test_a_subject_may_be_a_commit(digits: int) -> None:
    results = reporting.green()
    name, commit = "git+https://git.test/api@v1", "aB" * (digits // 2)
    results["run"]["subjects"] = [signoff.parse_subject(f"{name}@gitCommit:{commit}")]
    told = signoff.statement(results, {"results.json": "a" * 64})
    digest = {"gitCommit": commit.lower()}
    assert told["subject"] == [{"name": name, "digest": digest}]
    assert f"commit {digest['gitCommit'][:12]}…" in html.render_summary(results)


def test_the_key_id_is_that_of_securesystemslib() -> None:
    assert sealing.key_id(KEY) == SSlibKey.from_crypto(KEY.public_key()).keyid
    assert sealing.key_id(KEY.public_key()) == sealing.key_id(KEY)


def test_securesystemslib_verifies_the_envelope() -> None:
    envelope = Envelope.from_dict(json.loads(sealing.seal(b'{"a": 1}', KEY)))
    key = SSlibKey.from_crypto(KEY.public_key())
    assert list(envelope.verify([key], 1)) == [key.keyid]


def test_the_record_names_what_judged(unsigned: Path) -> None:
    results = json.loads((unsigned / "results.json").read_text())
    results["run"]["waivers_sha256"] = "c" * 64
    named_there = {
        one["name"]: one["digest"]["sha256"]
        for one in signoff.statement(results, {"results.json": "a" * 64})["predicate"]["configuration"]
    }
    assert named_there["schemas"] == results["suite"]["schemas_sha256"]
    assert named_there["catalogue"] == results["suite"]["catalogue_sha256"]
    assert named_there["waivers"] == "c" * 64


@pytest.mark.parametrize(
    "text",
    [
        *("", "name", "@sha256:" + "a" * 64, "n@sha256:" + "a" * 63, "n@sha512:" + "a" * 64, "n\n@sha256:" + "a" * 64),
        *("n@gitCommit:" + "a" * 39, "n@gitCommit:" + "g" * 40, "@gitCommit:" + "a" * 40, "n@commit:" + "a" * 40),
    ],
)
def test_a_subject_without_a_name_or_a_digest_is_refused(text: str) -> None:
    with pytest.raises(signoff.SubjectError) as raised:
        signoff.parse_subject(text)
    assert "\n" not in str(raised.value)


def test_a_subject_keeps_its_name() -> None:
    assert signoff.parse_subject(f"user@host/img:1@sha256:{'AB' * 32}") == {
        "name": "user@host/img:1",
        "sha256": "ab" * 32,
    }


# ------------------------------------------------------------ signatures


def test_a_signature_holds_for_its_key_alone(folder: Path) -> None:
    good = verify(folder, Signatory(KEY.public_key()))
    assert (good.problems, good.unproved[-1]) == ([], "that the requests were sent, and answered as recorded")
    bad = verify(folder, Signatory(OTHER_KEY.public_key()))
    assert named(bad, signoff.ENVELOPE)


def test_a_forger_without_the_key_cannot_sign(folder: Path) -> None:
    found = forged(folder, lambda results: results["notes"].append("changed"))
    assert found.problems == [
        "signoff.dsse.json: holds another record than signoff.json, or another key's name than the key given"
    ]
    signoff.write(json.loads((folder / "results.json").read_text()), folder, sealing.KeySigner(OTHER_KEY))
    assert verify(folder).problems == []  # whole, by a key that the folder itself brings
    assert named(verify(folder, Signatory(KEY.public_key())), signoff.ENVELOPE)


def test_an_invalid_envelope_is_refused(folder: Path) -> None:
    for text in ("", "{}", "[]", '{"signatures": []}', '{"signatures": [{"sig": "!"}]}', "[" * 100_000):
        (folder / signoff.ENVELOPE).write_text(text)
        assert named(verify(folder), signoff.ENVELOPE)


def test_without_the_library_a_signed_folder_is_not_called_intact(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives", None)
    found = verify(folder)
    assert found.problems == ["signoff.dsse.json: signatures need the extra: pip install 'backups-conformance[sign]'"]


def private_pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """Key files, good and bad."""
    contents = {
        "private": private_pem(KEY),
        "public": sealing.public_pem(KEY).encode(),
        "of another kind": private_pem(ec.generate_private_key(ec.SECP256R1())),
        "no key": b"-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----\n",
    }
    paths = {name: tmp_path / f"{name}.pem" for name in contents}
    for name, path in paths.items():
        path.write_bytes(contents[name])
    return {**paths, "missing": tmp_path / "none.pem"}


@pytest.mark.parametrize("name", ["public", "of another kind", "no key", "missing"])
def test_a_key_that_cannot_sign_is_refused_before_the_run(
    name: str, keys: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["run", "--sign", str(keys[name])]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--sign: " in told
    assert "hunter2" not in told


@pytest.mark.parametrize(("name", "code"), [("public", 0), ("private", 2), ("no key", 2), ("missing", 2)])
def test_verify_takes_a_public_key(
    name: str, code: int, keys: dict[str, Path], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["verify", str(folder), "--key", str(keys[name])]) == code
    captured = capsys.readouterr()
    assert (captured.out.startswith(f"{folder}: intact\n")) == (code == 0)


# ------------------------------------------------------------ the command


def test_verify_says_what_it_found(original: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["verify", str(original)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{original}: intact"
    assert lines[1] == f"  {reporting.red()['headline']} (run 0192f0c1)"
    assert lines[-1].startswith("  not proved by this: which build was tested")


def test_verify_of_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["verify", str(tmp_path / "none")]) == 1
    assert "signoff.json: cannot be read: No such file or directory" in capsys.readouterr().out


def test_hostile_words_reach_no_terminal(unsigned: Path) -> None:
    for text in reporting.HOSTILE:
        found = forged(unsigned, partial(dict.update, verdict=text, headline=text))
        (unsigned / ("x" + text[:20].replace("/", "").replace("\0", "").encode("ascii", "replace").decode())).touch()
        for line in report_lines(found):
            assert line.isprintable()
