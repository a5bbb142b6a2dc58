"""Sigstore without a network: a certificate authority and a log of our own, at the seams of the library.

The library itself signs, builds the bundle and verifies it. Only the proof that the certificate was published is left
out.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import jwt
import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from sigstore.models import ClientTrustConfig, TransparencyLogEntry, TrustedRoot
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore_models.trustroot.v1 import TrustedRoot as InnerRoot

if TYPE_CHECKING:
    import pytest

IDENTITY = "https://ci.example/group/project//.ci.yml@refs/heads/main"
ISSUER = "https://ci.example"
_ISSUER_EXTENSION = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_HOUR = timedelta(hours=1)


def token() -> str:
    """An identity token as a CI system issues them."""
    now = datetime.now(UTC)
    claims = {"aud": "sigstore", "iss": ISSUER, "sub": IDENTITY, "iat": now, "exp": now + _HOUR}
    return jwt.encode(claims, "a key that nobody verifies with, long enough", algorithm="HS256")


def install(monkeypatch: pytest.MonkeyPatch) -> Sigstore:
    """Put the authority and the log in the place of sigstore's."""
    double = Sigstore.make()
    monkeypatch.setattr("sigstore.oidc.detect_credential", token)
    monkeypatch.setattr("sigstore.sign.verify_sct", lambda *_: None)
    monkeypatch.setattr("sigstore.verify.verifier.verify_sct", lambda *_: None)
    monkeypatch.setattr(ClientTrustConfig, "production", lambda: double)
    monkeypatch.setattr(SigningContext, "from_trust_config", lambda _: double.context())
    monkeypatch.setattr(Verifier, "production", lambda **_: Verifier(trusted_root=double.trusted_root()))
    return double


@dataclass
class Sigstore:
    """The authority that issues certificates, and the log that has one entry."""

    key: ec.EllipticCurvePrivateKey
    root: x509.Certificate

    @classmethod
    def make(cls) -> Sigstore:
        """Make an authority with a new key, which is the log's as well."""
        key, name = ec.generate_private_key(ec.SECP256R1()), _name("sigstore of the tests")
        builder = _builder(name, name, key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
        usage = _usage(key_cert_sign=True)
        return cls(key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()))

    def context(self) -> SigningContext:
        """What the library signs with."""
        fulcio = SimpleNamespace(signing_cert=SimpleNamespace(post=self._issue))
        rekor = SimpleNamespace(_build_dsse_request=_entry_body, create_entry=self._enter)
        return SigningContext(fulcio=cast("Any", fulcio), rekor=cast("Any", rekor), trusted_root=self.trusted_root())

    def trusted_root(self) -> TrustedRoot:
        """What the library verifies with."""
        valid = {"start": (datetime.now(UTC) - _HOUR).isoformat().replace("+00:00", "Z")}
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        log = {
            "baseUrl": "https://log.example",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": _b64(public), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
            "logId": {"keyId": _b64(self._log_id())},
        }
        authority = {
            "subject": {"organization": "tests", "commonName": "tests"},
            "uri": "https://ca.example",
            "certChain": {"certificates": [{"rawBytes": _b64(self.root.public_bytes(Encoding.DER))}]},
            "validFor": valid,
        }
        media_type = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
        root = {"mediaType": media_type, "tlogs": [log], "certificateAuthorities": [authority], "ctlogs": [log]}
        return TrustedRoot(InnerRoot.from_json(json.dumps(root)))

    def _issue(self, request: x509.CertificateSigningRequest, _: object) -> SimpleNamespace:
        key = cast("ec.EllipticCurvePublicKey", request.public_key())
        builder = (
            _builder(x509.Name([]), self.root.subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(IDENTITY)]), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.UnrecognizedExtension(_ISSUER_EXTENSION, ISSUER.encode()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        return SimpleNamespace(cert=builder.sign(self.key, hashes.SHA256()), chain=[self.root])

    def _enter(self, body: bytes) -> TransparencyLogEntry:
        """Enter the body as the only leaf of the log's tree."""
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"log.example\n1\n{_b64(root)}\n"
        signature = _b64(self._log_id()[:4] + self._sign(note.encode()))
        entry = {
            "body": _b64(body),
            "integratedTime": int(datetime.now(UTC).timestamp()),
            "logID": self._log_id().hex(),
            "logIndex": 0,
        }
        proof = {"logIndex": 0, "rootHash": root.hex(), "treeSize": 1, "hashes": list[str]()}
        verification = {
            "signedEntryTimestamp": _b64(self._sign(rfc8785.dumps(cast("Any", entry)))),
            "inclusionProof": {**proof, "checkpoint": f"{note}\n— log.example {signature}\n"},
        }
        return TransparencyLogEntry._from_v1_response({"id": {**entry, "verification": verification}})

    def _log_id(self) -> bytes:
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(public).digest()

    def _sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def _entry_body(*, envelope: Any, certificate: x509.Certificate) -> bytes:
    """The body of a log entry of kind dsse, as Rekor writes it."""
    written = json.loads(envelope.to_json())
    verifier = _b64(certificate.public_bytes(Encoding.PEM))
    spec = {
        "envelopeHash": _digest(envelope.to_json().encode()),
        "payloadHash": _digest(base64.b64decode(written["payload"])),
        "signatures": [{"signature": each["sig"], "verifier": verifier} for each in written["signatures"]],
    }
    return rfc8785.dumps(cast("Any", {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}))


def _digest(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _HOUR)
        .not_valid_after(now + _HOUR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})
