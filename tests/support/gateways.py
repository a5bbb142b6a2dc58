"""Gateways that others wrote, in front of a server: nginx, HAProxy and Caddy, each with a configuration of the test.

A gateway runs in the foreground on a free loopback port, with all its files in a folder of the test. A test that wants
one is skipped where it is not installed, or fails where CONFORMANCE_REQUIRE_GATEWAYS promises it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import pytest
import trustme

from support import hostile
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

REQUIRE = "CONFORMANCE_REQUIRE_GATEWAYS"
#: distributions put servers where the PATH of users does not look
FOLDERS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
STARTS = 3


@dataclass(frozen=True)
class Gateway:
    """A running gateway, and the file in which it writes what it complains of."""

    base_url: str
    log: Path


@dataclass(frozen=True)
class Certificates:
    """A private CA, a certificate of it for this machine and one for a client; paths of PEM files."""

    ca: Path
    server_cert: Path
    server_key: Path
    server_both: Path
    client_cert: Path
    client_key: Path


def certificates(folder: Path) -> Certificates:
    """Write a CA and its certificates into the folder."""
    authority = trustme.CA()
    server, client = authority.issue_cert("localhost", "127.0.0.1"), authority.issue_cert("client@example.test")
    made = Certificates(
        *(folder / f"{name}.pem" for name in ("ca", "server", "server-key", "server-both", "client", "client-key"))
    )
    authority.cert_pem.write_to_path(str(made.ca))
    for cert, chain, key in (
        (server, made.server_cert, made.server_key),
        (client, made.client_cert, made.client_key),
    ):
        chain.write_bytes(b"".join(part.bytes() for part in cert.cert_chain_pems))
        cert.private_key_pem.write_to_path(str(key))
    server.private_key_and_cert_chain_pem.write_to_path(str(made.server_both))
    return made


def address(url: str) -> str:
    """Return host and port of a URL, as gateways name a server behind them."""
    return urlsplit(url).netloc


def _unavailable(program: str) -> NoReturn:
    if os.environ.get(REQUIRE):
        pytest.fail(f"{program} is not installed, and {REQUIRE} is set")
    pytest.skip(f"{program} is not installed: apt-get install {program}")


@contextmanager
def _running(
    program: str,
    folder: Path,
    command: Callable[[Path, int], Sequence[str | Path]],
    *,
    tls: bool,
    env: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """Start the program with the command that `command` makes for its path and a port; wait until it listens."""
    path = shutil.which(program, path=FOLDERS)
    if path is None:
        _unavailable(program)
    log = folder / f"{program}.log"
    for _ in range(STARTS):  # somebody else may take the free port first
        port = hostile.free_port()
        line = [str(part) for part in command(folder / path, port)]
        with log.open("ab") as stream:
            process = subprocess.Popen(line, stdout=stream, stderr=stream, env={**os.environ, **(env or {})})
        wait_until(lambda process=process, port=port: process.poll() is not None or _listens(port))  # type: ignore[misc]
        if process.poll() is None:
            break
    else:
        raise AssertionError(f"{program} does not start: {log.read_text('utf-8', 'replace')}")
    try:
        yield Gateway(f"{'https' if tls else 'http'}://localhost:{port}", log)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ---------------------------------------------------------------- nginx

_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
    server {{
        listen 127.0.0.1:{port}{ssl};
        {server}
        location {path} {{
            proxy_http_version 1.1;
            proxy_pass {upstream};
            {location}
        }}
    }}
}}
"""


@contextmanager
def nginx(
    upstream: str,
    folder: Path,
    *,
    http: str = "",
    server: str = "",
    path: str = "/",
    location: str = "",
    tls: Certificates | None = None,
) -> Iterator[Gateway]:
    """Start nginx in front of a URL; the other texts are directives of these blocks."""

    def command(program: Path, port: int) -> Sequence[str | Path]:
        secured = f"ssl_certificate {tls.server_cert}; ssl_certificate_key {tls.server_key}; " if tls else ""
        config = folder / "nginx.conf"
        config.write_text(
            _NGINX.format(
                folder=folder,
                port=port,
                ssl=" ssl" if tls else "",
                http=http,
                server=secured + server,
                path=path,
                upstream=upstream,
                location=location,
            ),
            "utf-8",
        )
        return program, "-e", folder / "nginx-error.log", "-c", config

    with _running("nginx", folder, command, tls=tls is not None) as gateway:
        yield Gateway(gateway.base_url, folder / "nginx-error.log")


# ---------------------------------------------------------------- HAProxy

_HAPROXY = """
global
    log stderr format raw local0 warning
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    {defaults}
frontend front
    bind 127.0.0.1:{port}{ssl}
    {frontend}
    default_backend back
backend back
    {backend}
"""


@contextmanager
def haproxy(
    upstreams: Sequence[str],
    folder: Path,
    *,
    defaults: str = "",
    frontend: str = "",
    backend: str = "",
    tls: Certificates | None = None,
    client_ca: bool = False,
) -> Iterator[Gateway]:
    """Start HAProxy in front of some URLs, in turns; the other texts are lines of these sections."""
    servers = "\n    ".join(f"server s{number} {address(url)}" for number, url in enumerate(upstreams))

    def command(program: Path, port: int) -> Sequence[str | Path]:
        ssl = f" ssl crt {tls.server_both}" if tls else ""
        ssl += f" ca-file {tls.ca} verify required" if tls and client_ca else ""
        config = folder / "haproxy.cfg"
        lines = f"{backend}\n    {servers}"
        config.write_text(
            _HAPROXY.format(port=port, ssl=ssl, defaults=defaults, frontend=frontend, backend=lines), "utf-8"
        )
        return program, "-db", "-f", config

    with _running("haproxy", folder, command, tls=tls is not None) as gateway:
        yield gateway


# ---------------------------------------------------------------- Caddy

_CADDY = """
{{
    admin off
    auto_https off
}}
{scheme}://localhost:{port} {{
    bind 127.0.0.1
    {tls}
    {site}
    reverse_proxy {upstream}
}}
"""


@contextmanager
def caddy(
    upstream: str, folder: Path, *, site: str = "", tls: Certificates | None = None, client_ca: bool = False
) -> Iterator[Gateway]:
    """Start Caddy in front of a URL; `site` are directives of its one site."""

    def command(program: Path, port: int) -> Sequence[str | Path]:
        auth = (
            f" {{\n client_auth {{\n mode require_and_verify\n trusted_ca_cert_file {tls.ca}\n }}\n }}" if tls else ""
        )
        secured = f"tls {tls.server_cert} {tls.server_key}{auth if client_ca else ''}" if tls else ""
        config = folder / "Caddyfile"
        scheme = "https" if tls else "http"
        config.write_text(
            _CADDY.format(scheme=scheme, port=port, tls=secured, site=site, upstream=address(upstream)), "utf-8"
        )
        return program, "run", "--adapter", "caddyfile", "--config", config

    homes = {name: str(folder / "caddy") for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with _running("caddy", folder, command, tls=tls is not None, env=homes) as gateway:
        yield gateway
