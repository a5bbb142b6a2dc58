"""`--sign sigstore`: what the library is given, what it returns, and each way in which it cannot sign."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from sigstore.errors import NetworkError
from sigstore.models import ClientTrustConfig
from support import folders, reporting, sigstore_double

from conformance.cli import main
from conformance.results import signoff
from conformance.results.sealing import LenientSigner, SealError, sigstore
from conformance.results.sealing.signatories import Signatory
from conformance.results.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

WHO = sigstore.Identity(sigstore_double.IDENTITY, sigstore_double.ISSUER)
#: what the library looks for the identity in
AMBIENT = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "GOOGLE_SERVICE_ACCOUNT_NAME")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that has no identity."""
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("id._internal.oidc.ambient._GCP_PRODUCT_NAME_FILE", str(tmp_path / "none"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folders.make(tmp_path / "report", reporting.red())


@pytest.fixture
def signed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the library signed, with an authority and a log of our own."""
    sigstore_double.install(monkeypatch)
    signoff.write(reporting.red(), folder, sigstore.SigstoreSigner())
    return folder


def named(problems: list[str]) -> bool:
    return len(problems) == 1 and problems[0].startswith(f"{signoff.BUNDLE}: ")


def test_the_statement_that_is_signed_is_the_record(signed: Path) -> None:
    bundle = json.loads((signed / signoff.BUNDLE).read_text())
    assert base64.b64decode(bundle["dsseEnvelope"]["payload"]) == (signed / signoff.FILE).read_bytes()
    assert bundle["dsseEnvelope"]["payloadType"] == "application/vnd.in-toto+json"
    assert not (signed / signoff.ENVELOPE).exists()


def test_a_bundle_verifies_for_its_identity_alone(signed: Path) -> None:
    verified = verify(signed, Signatory(identity=WHO))
    assert verified.problems == []
    assert f"the sigstore signature, by {WHO.name}" in verified.checked
    assert not any(words.startswith("who made it") for words in verified.unproved)
    for other in (
        sigstore.Identity("someone@ci.example", WHO.issuer),
        sigstore.Identity(WHO.name, "https://evil.example"),
    ):
        assert named(verify(signed, Signatory(identity=other)).problems)


def test_without_an_identity_only_the_record_in_the_bundle_is_compared(signed: Path) -> None:
    verified = verify(signed)
    assert verified.problems == []
    assert "who made it: give the signer's identity with --identity and --issuer" in verified.unproved


def _of_another_record(bundle: Any) -> None:
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(b"{}").decode()


def _of_another_type(bundle: Any) -> None:
    bundle["dsseEnvelope"]["payloadType"] = "text/plain"


def _without_envelope(bundle: Any) -> None:
    del bundle["dsseEnvelope"]


@pytest.mark.parametrize("change", [_of_another_record, _of_another_type, _without_envelope])
@pytest.mark.parametrize("who", [None, WHO])
def test_a_bundle_of_something_else_is_found(change: Any, who: sigstore.Identity | None, signed: Path) -> None:
    bundle = json.loads((signed / signoff.BUNDLE).read_text())
    change(bundle)
    (signed / signoff.BUNDLE).write_text(json.dumps(bundle))
    assert named(verify(signed, Signatory(identity=who)).problems)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"dsseEnvelope": 1}', '{"dsseEnvelope": {"payload": 1}}', "[" * 50_000]
)
def test_an_invalid_bundle_is_refused(text: str, folder: Path) -> None:
    (folder / signoff.BUNDLE).write_text(text)
    assert named(verify(folder).problems)


@pytest.mark.parametrize("member", ["signatures", "certificate", "inclusionPromise", "inclusionProof"])
def test_a_forged_part_of_a_bundle_is_found(member: str, signed: Path) -> None:
    path = signed / signoff.BUNDLE
    bundle = json.loads(path.read_text())
    material = bundle["verificationMaterial"]
    holder = {"signatures": bundle["dsseEnvelope"], "certificate": material}.get(member, material["tlogEntries"][0])
    other = signed.parent / "other"
    folders.make(other, reporting.red())
    signoff.write(reporting.red(), other, sigstore.SigstoreSigner())
    forged = json.loads((other / signoff.BUNDLE).read_text())
    foreign = forged["verificationMaterial"]
    places = {"signatures": forged["dsseEnvelope"], "certificate": foreign}
    holder[member] = places.get(member, foreign["tlogEntries"][0])[member]
    path.write_text(json.dumps(bundle))
    assert named(verify(signed, Signatory(identity=WHO)).problems)


def test_a_bundle_that_is_asked_for_and_missing_is_a_problem(folder: Path) -> None:
    assert verify(folder, Signatory(identity=WHO)).problems == [
        "signoff.sigstore.json: is missing: the record is not signed by sigstore"
    ]


# ------------------------------------------------------------ what cannot be signed


@pytest.mark.usefixtures("nobody")
def test_no_identity_is_wrong_usage_before_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["run", "--sign", "sigstore", "--report-dir", str(tmp_path / "report")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--sign: sigstore found no identity: run in GitHub Actions (permissions: id-token: write)" in line
    assert "or sign with the file of a key" in line
    assert not (tmp_path / "report").exists()


@pytest.mark.usefixtures("nobody")
def test_an_identity_that_the_job_may_not_have_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", raising=False)
    assert main.main(["run", "--sign", "sigstore"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "could not get the identity of this job: GitHub: " in line
    assert "permissions: id-token: write" in line


@pytest.mark.usefixtures("nobody")
def test_a_commit_cannot_be_a_subject(capsys: pytest.CaptureFixture[str]) -> None:
    subjects = ["--subject", f"a@sha256:{'0' * 64}", "--subject", f"b@gitCommit:{'0' * 40}"]
    assert main.main(["run", "--sign", "sigstore", *subjects]) == 2
    assert "only for subjects that a sha256 names; --sign KEY also takes gitCommit" in capsys.readouterr().err


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sigstore.oidc", None)
    assert main.main(["run", "--sign", "sigstore"]) == 2
    assert "pip install 'backups-conformance[sigstore]'" in capsys.readouterr().err


def test_a_service_that_cannot_be_reached_leaves_the_record_whole_and_unsigned(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sigstore_double.install(monkeypatch)
    refused = ConnectionRefusedError(f"no route, token {sigstore_double.token()}")

    def production() -> None:
        raise NetworkError from refused

    monkeypatch.setattr(ClientTrustConfig, "production", production)
    with pytest.raises(SealError, match=r"^sigstore: no route, token \[token\]$"):
        signoff.write(reporting.red(), folder, sigstore.SigstoreSigner())
    assert not (folder / signoff.BUNDLE).exists()
    assert verify(folder).problems == []


def test_a_service_that_does_not_answer_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sigstore_double.install(monkeypatch)
    monkeypatch.setattr(sigstore, "DEADLINE_S", 0.0)
    over = threading.Event()
    monkeypatch.setattr(ClientTrustConfig, "production", over.wait)
    with pytest.raises(SealError, match="did not answer within 0 s"):
        sigstore.SigstoreSigner().sign((folder / signoff.FILE).read_bytes(), folder)
    over.set()


def test_of_many_records_none_is_tried_after_one_that_failed(folder: Path) -> None:
    failing = Mock(sign=Mock(side_effect=SealError("nobody answers")))
    signer = LenientSigner(failing)
    for _ in range(3):
        signoff.write(reporting.red(), folder, signer)
    assert (failing.sign.call_count, signer.problem) == (1, "not signed: nobody answers")


# ------------------------------------------------------------ the command


def test_the_command_verifies_an_identity(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--identity", WHO.name, "--issuer", WHO.issuer]
    assert main.main(["verify", str(signed), *options]) == 0
    assert "the sigstore signature" in capsys.readouterr().out
    assert main.main(["verify", str(signed), *options[:2]]) == 2
    assert "--identity and --issuer go together" in capsys.readouterr().err
    # An unset variable of a CI job must not verify the record by half: sigstore ignores an empty issuer.
    assert main.main(["verify", str(signed), "--identity", WHO.name, "--issuer", ""]) == 2
    assert "--issuer is empty" in capsys.readouterr().err
