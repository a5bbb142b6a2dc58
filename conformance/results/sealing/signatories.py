"""Who signed a record: verifies the signatures that stand beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.config import untrusted
from conformance.evidence.text import one_line
from conformance.results import signoff
from conformance.results.sealing import SealError, keys, sigstore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: bytes of a record, a public key, or a signature with the record in base64
MAX_FILE = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who should have signed a record: the owner of a key, or an identity that an issuer vouches for."""

    key: keys.PublicKey | None = None
    identity: sigstore.Identity | None = None


NOBODY = Signatory()


def signature_problems(folder: Path, signatory: Signatory, checked: list[str]) -> Iterator[str]:
    """Yield what is wrong with the signatures of a folder's record; `checked` gets a line for each that holds."""
    if problem := _envelope_problem(folder, signatory.key, checked):
        yield f"{signoff.ENVELOPE}: {problem}"
    if problem := _bundle_problem(folder, signatory.identity, checked):
        yield f"{signoff.BUNDLE}: {problem}"


def _bundle_problem(folder: Path, identity: sigstore.Identity | None, checked: list[str]) -> str | None:
    if not os.path.lexists(folder / signoff.BUNDLE):
        return None if identity is None else "is missing: the record is not signed by sigstore"
    try:
        bundle, record = (untrusted.read_bytes(folder / name, MAX_FILE) for name in (signoff.BUNDLE, signoff.FILE))
        problem = sigstore.check(bundle, record, identity)
    except untrusted.UntrustedFileError as unreadable:
        return f"{unreadable.path.name} {unreadable.reason}"
    except SealError as reason:
        return str(reason)
    if problem is None and identity is not None:
        checked.append(f"the sigstore signature, by {one_line(identity.name, 200)}")
    return problem


def _envelope_problem(folder: Path, key: keys.PublicKey | None, checked: list[str]) -> str | None:
    if not os.path.lexists(folder / signoff.ENVELOPE):
        return None if key is None else "is missing: the record is not signed"
    try:
        files = (signoff.PUBLIC_KEY, signoff.ENVELOPE, signoff.FILE)
        pem, envelope, record = (untrusted.read_bytes(folder / name, MAX_FILE) for name in files)
        enclosed = keys.load_public(pem, signoff.PUBLIC_KEY)
        problem = keys.check(envelope, record, key or enclosed)
    except untrusted.UntrustedFileError as unreadable:
        return f"{unreadable.path.name} {unreadable.reason}"
    except SealError as reason:
        return str(reason)
    if problem is None:
        name = keys.key_id(key or enclosed)[:16]
        origin = f"the key in {signoff.PUBLIC_KEY}" if key is None else "the key given"
        checked.append(f"the signature, by {origin} ({name}…)")
    return problem
