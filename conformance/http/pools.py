"""Connection pools over our own network backend, with TLS and a proxy as the target file or the environment has them.

The pools are httpcore's, the layer below httpx. httpx itself has a timeout for each read and none for a request as a
whole, offers no way to abort a request from another thread, keeps cookies and decompresses without a bound.
"""

from __future__ import annotations

import logging
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

if TYPE_CHECKING:
    from conformance.config.secrets import Key
    from conformance.config.target import Target
    from conformance.http.deadlines import Network

IDLE_S = 5.0

# The logs of httpcore include response headers, and so a key that the target echoes.
logging.getLogger("httpcore").setLevel(logging.WARNING)


def open_pool(target: Target, network: Network, *, keep: bool) -> httpcore.ConnectionPool:
    """A pool of connections to the target; `keep`: connections are used again."""
    url = httpx.URL(target.base_url)
    connections = 2 * target.limits.concurrency + 8
    return httpcore.ConnectionPool(
        ssl_context=_ssl_context(target) if url.scheme == "https" else None,
        proxy=_proxy(url, target.proxy),
        max_connections=connections,
        max_keepalive_connections=connections if keep else 0,
        keepalive_expiry=IDLE_S,
        network_backend=network,
    )


def _ssl_context(target: Target) -> ssl.SSLContext:
    """Verify certificates by the system's authorities, by a bundle or not at all; present a client certificate."""
    verify = target.verify_tls
    context = ssl.create_default_context(cafile=None if isinstance(verify, bool) else str(verify))
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if target.client_cert is not None:
        context.load_cert_chain(target.client_cert.certificate, target.client_cert.key)
    return context


def _proxy(url: httpx.URL, own: Key | None) -> httpcore.Proxy | None:
    """Return the target file's proxy, or else the environment's, which is never used for this machine itself."""
    address = own.reveal() if own is not None else _from_environment(url)
    if not address:
        return None
    proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    origin = httpcore.URL(scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/")
    return httpcore.Proxy(origin, auth=proxy.raw_auth)


def _from_environment(url: httpx.URL) -> str | None:
    if url.host == "localhost" or _is_loopback(url.host) or proxy_bypass(url.host):
        return None
    return getproxies().get(url.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
