"""A forward proxy that asks for a password: absolute addresses and CONNECT, as much as the client needs."""

from __future__ import annotations

import base64
import selectors
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "conformance", "the-password-of-the-proxy"
PAGE = b"<html><head><title>407 Proxy Authentication Required</title></head><body>Access denied.</body></html>"
REFUSED = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=proxy\r\n"
    b"Content-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(PAGE), PAGE)
)


@dataclass
class ForwardProxy:
    """A running proxy. `passed` are the request lines that it let through, `refused` the number of the others."""

    address: str
    passed: list[str] = field(default_factory=list)
    refused: int = 0

    def url(self, password: str = PASSWORD) -> str:
        """Return the proxy's URL with a user and this password."""
        return f"http://{USER}:{password}@{self.address}"


@contextmanager
def serve() -> Iterator[ForwardProxy]:
    """Serve on a free loopback port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        proxy = ForwardProxy(f"127.0.0.1:{listener.getsockname()[1]}")

        def accept_all() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=_serve, args=(proxy, client), daemon=True).start()

        threading.Thread(target=accept_all, daemon=True).start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)


def _serve(proxy: ForwardProxy, client: socket.socket) -> None:
    """Pass on one connection. Each request of a plain connection needs the password, a tunnel only its CONNECT."""
    with client, suppress(OSError, EOFError):
        head = _read_head(client)
        line, _, rest = head.partition(b"\r\n")
        method, target, version = line.split(b" ", 2)
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode())
        if b"proxy-authorization: basic " + wanted.lower() not in head.lower() or wanted not in head:
            proxy.refused += 1
            client.sendall(REFUSED)
            return
        proxy.passed.append(line.decode("latin-1"))
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _pipe(client, server)
            return
        url = urlsplit(target.decode("latin-1"))
        path = target.split(b"/", 3)[3] if target.count(b"/") > 2 else b""
        with socket.create_connection((url.hostname or "", url.port or 80)) as server:
            # a connection for one request is enough: the server closes it, and so does the proxy
            kept = [name for name in rest.split(b"\r\n") if not name.lower().startswith((b"proxy-", b"connection:"))]
            server.sendall(b"\r\n".join([b" ".join((method, b"/" + path, version)), b"Connection: close", *kept]))
            _pipe(client, server)


def _read_head(client: socket.socket) -> bytes:
    """Read up to the end of the headers; what is read beyond them is the beginning of the body."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(65536)
        if not piece:
            raise EOFError
        head += piece
    return head


def _pipe(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until one of them has no more."""
    with selectors.DefaultSelector() as selector:
        for source in (client, server):
            selector.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                source, sink = (client, server) if key.fileobj is client else (server, client)
                piece = source.recv(65536)
                if not piece:
                    return
                sink.sendall(piece)
