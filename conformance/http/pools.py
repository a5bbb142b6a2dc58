"""Connection pools over our own network backend, with TLS and a proxy as the target file or the environment has them.

The pools are httpcore's, the layer below httpx. httpx itself has a timeout for each read and none for a request as a
whole, offers no way to abort a request from another thread, keeps cookies and decompresses without a bound.
"""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING

from conformance.config import urls
from conformance.http._compat import httpcore

if TYPE_CHECKING:
    from conformance.config.secrets import Key
    from conformance.config.target import Target
    from conformance.http.deadlines import Network

IDLE_S = 5.0

# The logs of httpcore include response headers, and so a key that the target echoes.
logging.getLogger(httpcore.__name__).setLevel(logging.WARNING)


def open_pool(target: Target, network: Network, *, keep: bool) -> httpcore.ConnectionPool:
    """A pool of connections to the target; `keep`: connections are used again."""
    url = urls.parse(target.base_url)
    connections = 2 * target.limits.concurrency + 8
    return httpcore.ConnectionPool(
        ssl_context=_ssl_context(target) if url.scheme == "https" else None,
        proxy=_proxy(target.proxy) if target.proxy is not None else None,
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


def _proxy(address: Key) -> httpcore.Proxy:
    proxy = urls.parse(address.reveal())
    origin = httpcore.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target="/")
    if proxy.username is None:
        return httpcore.Proxy(origin)
    return httpcore.Proxy(origin, auth=(proxy.username.encode(), (proxy.password or "").encode()))
