"""Signatures by an ed25519 key, in a DSSE envelope. Needs the extra `sign`."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from conformance.results.files import write_atomically
from conformance.results.sealing.model import ENVELOPE, PUBLIC_KEY, SealError

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    PrivateKey: TypeAlias = Ed25519PrivateKey
    PublicKey: TypeAlias = Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"

#: Bytes of a file that holds a key.
MAX_KEY = 100_000


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Signs with a private key, and stores the public key beside the record, which names it."""

    key: PrivateKey

    def prepare(self, folder: Path) -> None:
        """Write the public key."""
        write_atomically(folder / PUBLIC_KEY, public_pem(self.key))

    def sign(self, record: bytes, folder: Path) -> None:
        """Write the envelope of a record."""
        write_atomically(folder / ENVELOPE, seal(record, self.key))


def load_private(path: Path) -> PrivateKey:
    """The ed25519 key of a PEM file without a passphrase. Raises SealError, which quotes nothing of the file."""
    serialization, ed25519 = _library()
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, _unsupported()):
        raise SealError(f"{path}: is not an unencrypted private key in PEM format") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SealError(f"{path}: is not an ed25519 key; `openssl genpkey -algorithm ed25519` makes one")
    private_key: PrivateKey = key
    return private_key


def load_public(pem: bytes, name: str) -> PublicKey:
    """The ed25519 key of a PEM text, which is called `name` in messages. Raises SealError."""
    serialization, ed25519 = _library()
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, _unsupported()):
        raise SealError(
            f"{name}: is not a public key in PEM format; `openssl pkey -in KEY -pubout` makes one"
        ) from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise SealError(f"{name}: is not an ed25519 key")
    public_key: PublicKey = key
    return public_key


def public_pem(key: PrivateKey | PublicKey) -> str:
    """The public key in PEM."""
    serialization, ed25519 = _library()
    public = cast("PublicKey", key.public_key() if isinstance(key, ed25519.Ed25519PrivateKey) else key)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(public.public_bytes(serialization.Encoding.PEM, form).decode())


def key_id(key: PrivateKey | PublicKey) -> str:
    """Return the ID of a key as securesystemslib computes it: the digest of its canonical JSON form."""
    serialization, ed25519 = _library()
    public = cast("PublicKey", key.public_key() if isinstance(key, ed25519.Ed25519PrivateKey) else key)
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    form = {"keytype": "ed25519", "keyval": {"public": raw.hex()}, "scheme": "ed25519"}
    return hashlib.sha256(json.dumps(form, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def seal(payload: bytes, key: PrivateKey) -> str:
    """The envelope's text."""
    return _text(payload, key_id(key), key.sign(_signed(payload)))


def check(envelope: bytes, payload: bytes, key: PublicKey) -> str | None:
    """Why an envelope is not a signature of this payload by this key; None if it is, byte for byte."""
    try:
        signature = base64.b64decode(json.loads(envelope)["signatures"][0]["sig"], validate=True)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return "is no envelope with a signature"
    if envelope != (_text(payload, key_id(key), signature) + "\n").encode():
        return "holds another record than signoff.json, or another key's name than the key given"
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

    try:
        key.verify(signature, _signed(payload))
    except InvalidSignature:
        return "its signature was not made by this key over this record"
    return None


def _text(payload: bytes, name: str, signature: bytes) -> str:
    signatures = [{"keyid": name, "sig": base64.b64encode(signature).decode()}]
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": signatures,
    }
    return json.dumps(envelope, indent=1)


def _signed(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, which is what gets signed."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY + 1)
    except OSError as problem:
        raise SealError(f"{path}: cannot be read: {problem.strerror or problem}") from None
    if len(content) > MAX_KEY:
        raise SealError(f"{path}: is no key: it has more than {MAX_KEY:,} bytes")
    return content


def _library() -> tuple[ModuleType, ModuleType]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - an extra
    except ImportError:
        raise SealError("signatures need the extra: pip install 'backups-conformance[sign]'") from None
    return serialization, ed25519


def _unsupported() -> type[Exception]:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra

    return UnsupportedAlgorithm
