"""A server on raw sockets, for answers that no HTTP library would give: cut, endless, lying, or none at all."""

from __future__ import annotations

import json
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from conformance.config.target_file import load_target

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.config.target import Target

HUB = "651586fca6078e98982dbd90"
CONTAINER = "651586fca6078e98982dbd91"
BACKUP = "651586fca6078e98982dbd92"
INSTANCE = "651586fca6078e98982dbd93"
KEY = "the-full-key-of-a-hostile-server"
MEGABYTE = 2**20


@dataclass(frozen=True)
class Seen:
    """A request as it came; header names are in small letters."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """Method and target, as on the request line."""
        return f"{self.method} {self.target}"


#: bytes are a whole answer, after which the connection is kept; pieces are sent as they come, then it is closed
Answer = bytes | Iterator[bytes]
Answering = Callable[[Seen], Answer]


@dataclass
class Hostile:
    """A running server. `answer` may be replaced at any time; `seen` are all requests so far."""

    answer: Answering
    listener: socket.socket = field(repr=False)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    _open: list[socket.socket] = field(default_factory=list, repr=False)

    @property
    def base_url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def lines(self) -> list[str]:
        """The request lines so far."""
        return [seen.line for seen in self.seen]

    def go_away(self) -> None:
        """From now on connections are refused, and those that are open are reset."""
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for the next one
        self.listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def accept_all(self) -> None:
        """Serves each connection in a thread of its own, until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = connection.makefile("rb")
            while True:
                seen = _request(stream)
                self.seen.append(seen)
                answer = self.answer(seen)
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                    continue
                for piece in answer:
                    if piece is RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    connection.sendall(piece)
                return


#: a piece that resets the connection
RESET = b"(reset)"


def _request(stream: Any) -> Seen:
    first = stream.readline()
    if first.count(b" ") < 2:  # the peer reset the connection within the request line, or before it
        raise EOFError
    method, target, _ = first.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return Seen(method, target, headers, stream.read(int(headers.get("content-length", "0"))))


@contextmanager
def serve(answer: Answering) -> Iterator[Hostile]:
    """A server that answers like this, on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = Hostile(answer, listener)
    thread = threading.Thread(target=server.accept_all, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.go_away()
        thread.join(5)


#: Sockets that are bound and do not listen, so that no other test's server gets their ports.
_HELD: list[socket.socket] = []


def closed_port() -> int:
    """A port of this machine at which nobody listens, as long as this process lives."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])


def free_port() -> int:
    """A port of this machine for a server to listen at, unless another one was faster."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


# ---------------------------------------------------------------- answers


def head(status: int, **headers: object) -> bytes:
    """Status line and headers, `content_type` for Content-Type."""
    lines = [f"HTTP/1.1 {status} Words", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(status: int, body: bytes, **headers: object) -> bytes:
    """A proper answer."""
    return head(status, **{"content_type": "application/json", "content_length": len(body), **headers}) + body


def answer_json(status: int, value: object, **headers: object) -> bytes:
    """A proper answer with a JSON body."""
    return whole(status, json.dumps(value).encode(), **headers)


def refusal(status: int, code: str, **headers: object) -> bytes:
    """An error as the contract has it."""
    error = {"status": status, "code": code, "title": code}
    return answer_json(status, {"error": error, "data": None}, **headers)


def nothing(_: Seen) -> Answer:
    """The connection is closed without a word."""
    return iter(())


def reset(_: Seen) -> Answer:
    """The connection is reset without a word."""
    return iter((RESET,))


def html(_: Seen) -> Answer:
    """A page for people, whatever was asked."""
    return whole(200, b"<!doctype html><title>Welcome</title><p>Hello", content_type="text/html")


def cut(_: Seen) -> Answer:
    """Half a body."""
    return iter((head(200, content_type="application/json", content_length=1000) + b'{"data": [',))


def no_key_is_good(_: Seen) -> Answer:
    """Every key is refused."""
    return refusal(401, "401.auth-invalid", www_authenticate="Bearer")


def empty(_: Seen) -> Answer:
    """There is nothing here."""
    return answer_json(200, {"data": []})


def endless(seen: Seen) -> Answer:
    """A body without end, as fast as it is read."""
    del seen

    def pieces() -> Iterator[bytes]:
        yield head(200, content_type="application/json") + b'{"data": ["'
        while True:
            yield b"x" * MEGABYTE

    return pieces()


def gigabyte(seen: Seen) -> Answer:
    """A body of 1 GB, announced as such."""
    del seen

    def pieces() -> Iterator[bytes]:
        yield head(200, content_type="application/json", content_length=1024 * MEGABYTE)
        for _ in range(1024):
            yield b" " * MEGABYTE

    return pieces()


def dripping(pause: Callable[[], object]) -> Answering:
    """A body without end that comes a byte at a time; `pause` is what happens between two of them."""

    def answer(_: Seen) -> Answer:
        def pieces() -> Iterator[bytes]:
            yield head(200, content_type="application/json")
            while True:
                yield b" "
                pause()

        return pieces()

    return answer


def bomb(seen: Seen) -> Answer:
    """A gigabyte of zeros in a megabyte of gzip, if it ever came to an end."""
    del seen
    return whole(200, _bomb(), content_encoding="gzip")


@cache
def _bomb() -> bytes:
    """A full flush resets the compressor, so one compressed block can be repeated any number of times."""
    deflate = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    start = deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(16 * MEGABYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return start + block * 64


# ---------------------------------------------------------------- targets


def target_toml(base_url: str, *, key: str = KEY, more: str = "", allow: bool = False) -> str:
    """A target file for such a server; `more` are tables to put behind it."""
    return f"""
[target]
name = "hostile"
base_url = "{base_url}"
hub_id = "{HUB}"
[keys]
full = "{key}"
[fixtures]
container_id = "{CONTAINER}"
backup_id = "{BACKUP}"
instance_id = "{INSTANCE}"
[restore]
allow = {str(allow).lower()}
max_restores = 3
timeout_s = 2
poll_s = 0.05
{more}
"""


def target_file(folder: Path, base_url: str, **how: Any) -> Path:
    """The target file, written."""
    file = folder / "hostile.toml"
    file.write_text(target_toml(base_url, **how), "utf-8")
    return file


def target(folder: Path, base_url: str, **how: Any) -> Target:
    """The target, loaded."""
    return load_target(target_file(folder, base_url, **how), {})
