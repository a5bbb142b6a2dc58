"""Checks of single values of a target file: why one cannot be used, in a few words; None if it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.config import urls

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.config.target import ClientCertificate


def base_url_problem(text: str) -> str | None:
    """Return why a text cannot be the base of all URLs."""
    try:
        url = urls.parse(text)
    except urls.UrlError as error:
        return str(error)
    if url.username is not None:
        return "it must not contain a user name or password"
    if url.has_more:
        return "it must not contain a query or a fragment"
    if any(segment in (".", "..") for segment in url.path.split("/")):
        return "it must not contain . or .. in its path"
    return None


def proxy_url_problem(text: str) -> str | None:
    """Return why a text cannot be the URL of a proxy, without quoting it: it may hold a password."""
    try:
        url = urls.parse(text)
    except urls.UrlError as error:
        return str(error)
    if url.path not in ("", "/") or url.has_more:
        return "it must not contain a path, a query or a fragment"
    return None


def bundle_problem(bundle: Path) -> str | None:
    """Return why a file cannot be a CA bundle."""
    import ssl  # noqa: PLC0415 - slow to load, and few target files name a bundle

    if problem := file_problem(bundle):
        return problem
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
    except ssl.SSLError:
        return "contains no PEM certificate"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def certificate_problem(certificate: ClientCertificate) -> tuple[str, str, str] | None:
    """Return why a client certificate cannot be used: the member to blame, what is wrong, and how to fix it."""
    import ssl  # noqa: PLC0415 - slow to load, and few target files name a certificate

    encrypted = False

    def password() -> str:
        nonlocal encrypted
        encrypted = True
        return ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate.certificate, certificate.key, password)
    except ssl.SSLError as error:
        if encrypted:
            return "client_key", "is encrypted with a passphrase", "decrypt it: openssl pkey -in KEY -out DECRYPTED"
        if error.reason == "KEY_VALUES_MISMATCH":
            return "client_key", "does not belong to client_cert", "name the key that belongs to the certificate"
        return "client_cert", "client_cert and client_key contain no PEM certificate with its key", "name PEM files"
    except OSError as error:
        return "client_cert", f"cannot be read: {error.strerror}", "check the permissions of the file"
    return None


def file_problem(path: Path) -> str | None:
    """Return why a path does not name a file."""
    try:
        if not path.exists():
            return "does not exist"
        return None if path.is_file() else "is not a file"
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
