"""Settings of the network in the environment: proxies, certificate authorities and the log of TLS keys.

They have the meaning that they have for curl and OpenSSL. A value that cannot be used is a problem that the user must
fix: without this it would appear as a target that cannot be reached or whose certificate is not trusted.
"""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.config.secrets import Key
from conformance.config.target_checks import bundle_problem, proxy_url_problem
from conformance.config.toml_file import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.config.urls import HttpUrl

AUTHORITIES, AUTHORITIES_FOLDERS, KEY_LOG = "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"


def proxy_of(url: HttpUrl, environ: Mapping[str, str]) -> Key | None:
    """Return the proxy for a URL: that of its scheme, or that of all; None for this machine and exempt hosts.

    The key's name is that of the variable. Variables in lower case come first, and an empty one means no proxy.
    """
    given = dict(environ)
    if url.is_loopback or _is_exempt(url.host, given.get("no_proxy", given.get("NO_PROXY", ""))):
        return None
    for scheme in (url.scheme, "all"):
        for variable in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY"):
            if variable in given:
                address = given[variable].strip()
                full = address if "://" in address else f"http://{address}"
                return Key(variable, full, variable) if address else None
    return None


def _is_exempt(host: str, exceptions: str) -> bool:
    """Whether NO_PROXY names a host: by itself, by a parent domain, by a network such as 10.0.0.0/8, or as `*`."""
    for exception in exceptions.lower().split(","):
        name = exception.strip().removeprefix("*.").lstrip(".")
        if name and (name in ("*", host) or host.endswith(f".{name}") or _is_in_network(host, name)):
            return True
    return False


def _is_in_network(host: str, network: str) -> bool:
    try:
        return "/" in network and ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def proxy_problem(proxy: Key) -> Problem | None:
    """Return what is wrong with a proxy of the environment."""
    if problem := proxy_url_problem(proxy.reveal()):
        fix = "write it like http://proxy.example.test:3128, or name the target's host in NO_PROXY"
        return Problem(proxy.name, f"is not the URL of a proxy: {problem}", fix)
    return None


def tls_problems(environ: Mapping[str, str], *, by_system: bool) -> Iterator[Problem]:
    """Yield what is wrong for a target with TLS; `by_system`: the system's authorities verify its certificate."""
    given = dict(environ)
    if by_system and (problem := _authorities_problem(given)):
        yield problem
    if log := given.get(KEY_LOG):
        try:
            with Path(log).open("ab"):
                pass
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or str(error)
            yield Problem(KEY_LOG, f"cannot be written to: {words}", f"unset it, or name another file than {log}")


def _authorities_problem(given: Mapping[str, str]) -> Problem | None:
    """Where the environment names the authorities, at least one must be there, and a named file must be whole."""
    file, folders = given.get(AUTHORITIES), given.get(AUTHORITIES_FOLDERS)
    fix = "correct it, or unset it and set target.verify_tls to the path of a CA bundle"
    if file and (problem := bundle_problem(Path(file))):
        return Problem(AUTHORITIES, f"the CA bundle {problem}", f"looked for {file}; {fix}")
    if file or (file is None and folders is None):
        return None
    import ssl  # noqa: PLC0415 - slow to load, and few environments come here

    default = ssl.get_default_verify_paths()
    if file is None and Path(default.openssl_cafile).is_file():
        return None
    names = default.openssl_capath if folders is None else folders
    if any(Path(name).is_dir() for name in names.split(os.pathsep) if name):
        return None
    if file is not None:
        return Problem(AUTHORITIES, "is empty, so that no authority is known", fix)
    return Problem(AUTHORITIES_FOLDERS, "none of its folders exists, so that no authority is known", fix)
