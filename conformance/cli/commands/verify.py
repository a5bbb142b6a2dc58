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

#: bytes of a public key's file
MAX_KEY = 64 * 1024


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "verify",
        help="verify the integrity of a report folder",
        description="Verifies a report folder against its sign-off record, and says what that cannot prove.",
        epilog="exit codes: 0 intact, 1 not, 2 the key cannot be used",
    )
    parser.set_defaults(command=execute)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the report folder")
    parser.add_argument(
        "--key", action=Once, type=Path, metavar="PUB", help="the public key (PEM) of whoever should have signed it"
    )


def execute(options: argparse.Namespace) -> int:
    """Print what was verified, and return 1 where the folder is not intact."""
    from conformance.report import rendering  # noqa: PLC0415 - loads the templates
    from conformance.results import sealing, verify  # noqa: PLC0415 - only this command needs them

    try:
        key = (
            None
            if options.key is None
            else sealing.load_public(read_bytes(options.key.resolve(), MAX_KEY), str(options.key))
        )
    except UntrustedFileError as error:
        raise UsageError(f"{options.key}: {error.reason}") from None
    except sealing.SealError as error:
        raise UsageError(str(error)) from None
    if (options.folder / "fleet.json").is_file():
        from conformance.fleet import signing  # noqa: PLC0415 - loads the templates

        verified = signing.verify_folder(options.folder, key, rendering)
    else:
        verified = verify.verify(options.folder, key, rendering)
    sys.stdout.write("".join(f"{line}\n" for line in verify.in_words(verified)))
    return verified.exit_code
