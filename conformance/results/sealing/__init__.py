"""Signatures of the sign-off record: by an ed25519 key, or by sigstore with the identity of a CI job.

Each needs an extra, which is loaded only where a signature is asked for.
"""

from __future__ import annotations

from pathlib import Path

from conformance.results.sealing.model import BUNDLE, ENVELOPE, PUBLIC_KEY, LenientSigner, SealError, Signer

__all__ = ["BUNDLE", "ENVELOPE", "PUBLIC_KEY", "SIGSTORE", "LenientSigner", "SealError", "Signer", "signer"]

#: the value of `--sign` that is no file
SIGSTORE = "sigstore"


def signer(name: str) -> Signer:
    """Return the signer that `--sign` names: `sigstore`, or the file of a key. Raises SealError."""
    if name == SIGSTORE:
        from conformance.results.sealing.sigstore import SigstoreSigner  # noqa: PLC0415 - an extra

        return SigstoreSigner()
    from conformance.results.sealing import keys  # noqa: PLC0415 - an extra

    return keys.KeySigner(keys.load_private(Path(name)))
