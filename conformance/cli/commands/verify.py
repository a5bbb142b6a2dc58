"""`verify`: whether a report folder still matches its sign-off record."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once
from conformance.cli.errors import UsageError
from conformance.config.untrusted import UntrustedFileError, read_bytes

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands
    from conformance.results.sealing.signatories import Signatory

#: bytes of a public key's file
MAX_KEY = 64 * 1024


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "verify",
        help="verify the integrity of a report folder",
        description="Verifies a report folder against its sign-off record, and says what that cannot prove.",
        epilog="exit codes: 0 intact, 1 not, 2 wrong usage, or the key cannot be used",
    )
    parser.set_defaults(command=execute)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the report folder")
    parser.add_argument(
        "--key", action=Once, type=Path, metavar="PUB", help="the public key (PEM) of whoever should have signed it"
    )
    parser.add_argument(
        "--identity",
        action=Once,
        metavar="NAME",
        help="who should have signed it with sigstore: an e-mail address, or the URI of a workflow",
    )
    parser.add_argument("--issuer", action=Once, metavar="URL", help="the issuer that knows this identity")


def execute(options: argparse.Namespace) -> int:
    """Print what was verified, and return 1 where the folder is not intact."""
    from conformance.report import rendering  # noqa: PLC0415 - loads the templates
    from conformance.results import verify  # noqa: PLC0415 - only this command needs it

    signatory = _signatory(options)
    if (options.folder / "fleet.json").is_file():
        from conformance.fleet import signing  # noqa: PLC0415 - loads the templates

        verified = signing.verify_folder(options.folder, signatory, rendering)
    else:
        verified = verify.verify(options.folder, signatory, rendering)
    sys.stdout.write("".join(f"{line}\n" for line in verify.report_lines(verified)))
    return verified.exit_code


def _signatory(options: argparse.Namespace) -> Signatory:
    """Return who should have signed the record. Raises UsageError."""
    from conformance.results.sealing import SealError, keys, sigstore  # noqa: PLC0415 - extras
    from conformance.results.sealing.signatories import Signatory  # noqa: PLC0415

    if (options.identity is None) != (options.issuer is None):
        raise UsageError("--identity and --issuer go together")
    for name in ("identity", "issuer"):
        if getattr(options, name) == "":
            raise UsageError(f"--{name} is empty; is the variable that it comes from unset?")
    identity = None if options.identity is None else sigstore.Identity(options.identity, options.issuer)
    if options.key is None:
        return Signatory(identity=identity)
    try:
        key = keys.load_public(read_bytes(options.key.resolve(), MAX_KEY), str(options.key))
    except UntrustedFileError as error:
        raise UsageError(f"{options.key}: {error.reason}") from None
    except SealError as error:
        raise UsageError(str(error)) from None
    return Signatory(key, identity)
