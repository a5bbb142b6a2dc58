"""Signatures by sigstore: a bundle with a certificate of the CI job's identity and an entry in a public log.

Needs the extra `sigstore`. The library finds the identity in the environment, has a certificate made for it, and enters
the signature into the log; all but the first needs the network.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from conformance.evidence.text import one_line
from conformance.results.files import write_atomically
from conformance.results.sealing.model import BUNDLE, SealError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sigstore.verify import Verifier

Result = TypeVar("Result")

PAYLOAD_TYPE = "application/vnd.in-toto+json"
#: Seconds until sigstore's services must have answered: the library itself waits without end.
DEADLINE_S = 120.0
_EXTRA = "sigstore signatures need the extra: pip install 'backups-conformance[sigstore]'"
_GITHUB = "GitHub Actions (permissions: id-token: write)"
_GITLAB = "GitLab CI (id_tokens: SIGSTORE_ID_TOKEN with aud: sigstore)"
_NO_IDENTITY = (
    f"sigstore found no identity: run in {_GITHUB}, {_GITLAB}, Google Cloud, Buildkite or CircleCI, "
    "or sign with the file of a key"
)
#: A JSON Web Token, which no message may show.
_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+(?:\.[\w-]*)?")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who should have signed: an e-mail address or the URI of a workflow, and the URL of the issuer that knows it."""

    name: str
    issuer: str


class SigstoreSigner:
    """Signs with the identity of the environment, which is looked for at once. Raises SealError."""

    def __init__(self) -> None:
        _identity_token()

    def prepare(self, folder: Path) -> None:
        """Write nothing: the certificate is part of the bundle."""

    def sign(self, record: bytes, folder: Path) -> None:
        """Write the bundle of a record."""
        write_atomically(folder / BUNDLE, _within_deadline(lambda: _bundle_of(record)))


def check(bundle: bytes, record: bytes, identity: Identity | None) -> str | None:
    """Why a bundle is not a signature of this record by this identity; None if it is.

    Without an identity only the record in the bundle is compared. Raises SealError where the library cannot verify.
    """
    try:
        envelope = json.loads(bundle)["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return "is no sigstore bundle with an envelope"
    if payload != record or envelope.get("payloadType") != PAYLOAD_TYPE:
        return "holds another record than signoff.json"
    return None if identity is None else _within_deadline(lambda: _problem(bundle, record, identity))


def _bundle_of(record: bytes) -> str:
    from sigstore.dsse import Statement  # noqa: PLC0415 - an extra
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415
    from sigstore.oidc import IdentityToken  # noqa: PLC0415
    from sigstore.sign import SigningContext  # noqa: PLC0415

    statement = Statement(record)
    context = SigningContext.from_trust_config(ClientTrustConfig.production())
    # A token lives for minutes, and the run may have taken longer: it is fetched again.
    with context.signer(IdentityToken(_identity_token())) as signer:
        return str(signer.sign_dsse(statement).to_json())


def _problem(bundle: bytes, record: bytes, identity: Identity) -> str | None:
    try:
        from sigstore.errors import Error  # noqa: PLC0415 - an extra
        from sigstore.models import Bundle  # noqa: PLC0415
        from sigstore.verify.policy import Identity as Signed  # noqa: PLC0415
    except ImportError:
        raise SealError(_EXTRA) from None
    verifier = _verifier()
    try:
        policy = Signed(identity=identity.name, issuer=identity.issuer)
        payload_type, payload = verifier.verify_dsse(Bundle.from_json(bundle), policy)
    except Error as problem:
        return f"is not signed by {one_line(identity.name, 200)}: {_words(problem)}"
    return None if (payload_type, payload) == (PAYLOAD_TYPE, record) else "holds another record than signoff.json"


def _verifier() -> Verifier:
    """The library's verifier with the newest keys of sigstore's services; offline with those that it last had."""
    from sigstore.errors import Error  # noqa: PLC0415 - an extra
    from sigstore.verify import Verifier  # noqa: PLC0415

    logging.getLogger("sigstore").addHandler(logging.NullHandler())  # it warns that it is offline
    try:
        return Verifier.production()
    except Error:
        return Verifier.production(offline=True)


def _identity_token() -> str:
    try:
        from sigstore.oidc import detect_credential  # noqa: PLC0415 - an extra
    except ImportError:
        raise SealError(_EXTRA) from None
    try:
        token = detect_credential()
    except Exception as problem:  # some providers' network errors come through as they are
        hint = f"a job needs, in {_GITHUB}; in {_GITLAB}"
        raise SealError(f"sigstore could not get the identity of this job: {_words(problem)}; {hint}") from None
    if token is None:
        raise SealError(_NO_IDENTITY)
    return token


def _within_deadline(work: Callable[[], Result]) -> Result:
    """Return what the work returns. Raises SealError where it fails, or takes too long.

    The thread of work that takes too long ends with the process.
    """
    results: list[Result] = []
    problems: list[Exception] = []

    def execute() -> None:
        try:
            results.append(work())
        except Exception as problem:  # whatever the library meets, there is no signature
            problems.append(problem)

    thread = threading.Thread(target=execute, name="sigstore", daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    if results:
        return results[0]
    problem = problems[0] if problems else SealError(f"sigstore did not answer within {DEADLINE_S:.0f} s")
    raise problem if isinstance(problem, SealError) else SealError(f"sigstore: {_words(problem)}")


def _words(problem: BaseException) -> str:
    """The library's words in one line, without a token; it gives some errors none but those of their cause."""
    cause = problem.__cause__
    text = str(problem) or (str(cause) if cause is not None else "") or type(problem).__name__
    return one_line(_TOKEN.sub("[token]", text).splitlines()[0], 300)
