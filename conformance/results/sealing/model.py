"""What signs a record, and the files that hold a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

#: The signed record and the public half of the key, beside the record.
ENVELOPE, PUBLIC_KEY = "signoff.dsse.json", "signoff.pub"
#: The signed record with sigstore's certificate and log entry.
BUNDLE = "signoff.sigstore.json"


class SealError(Exception):
    """A key or an identity cannot be used, or a signature is not valid; the message is one line."""


class Signer(Protocol):
    """Signs the record of a report folder."""

    def prepare(self, folder: Path) -> None:
        """Write the files that the record is to name, before it is written."""

    def sign(self, record: bytes, folder: Path) -> None:
        """Write the signature of a record. Raises SealError, having written nothing."""


@dataclass
class LenientSigner:
    """Signs the records of several folders; what goes wrong is kept as `problem`, and no further record is signed."""

    signer: Signer
    problem: str = ""

    def prepare(self, folder: Path) -> None:
        """Prepare as the signer does."""
        if not self.problem:
            self.signer.prepare(folder)

    def sign(self, record: bytes, folder: Path) -> None:
        """Sign as the signer does, or keep why it could not."""
        if self.problem:
            return
        try:
            self.signer.sign(record, folder)
        except SealError as error:
            self.problem = f"not signed: {error}"
