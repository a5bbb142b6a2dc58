"""The connections against servers on raw sockets: every bound holds, and each violation is described."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import logging
import socket
import subprocess
import tempfile
import threading
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpcore
import pytest
from support import hostile
from support.hostile import Seen, head, whole
from support.waiting import PATIENCE_S

from conformance.config.machine import MachineError
from conformance.config.target_file import load_target
from conformance.http.bodies import HEAD, BodyStore, StoredBody
from conformance.http.connection import Connections
from conformance.http.exchange import Exchange, Expected, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT_S = 1.0
LIMITS = "[limits]\ntimeout_s = 60\nmax_body_mb = 0.25\nconcurrency = 4\n"
#: for answers that never end
IMPATIENT = LIMITS.replace("timeout_s = 60", f"timeout_s = {TIMEOUT_S}")
PATIENT = f"[limits]\ntimeout_s = {PATIENCE_S:g}\nmax_body_mb = 2\n"
GOOD = json.dumps({"data": ["é" * 50] * 50}).encode()
LATE = f"within {TIMEOUT_S:g} s"


def get(path: str = "/v1/x", **how: Any) -> Request:
    return Request("list", "GET", path, **how)


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[..., Exchange]]:
    """Sends one request to a server that answers like this."""
    used: list[Connections] = []

    def ask(answer: hostile.Answering | bytes, request: Request | None = None, *, more: str = LIMITS) -> Exchange:
        answering = (lambda _: answer) if isinstance(answer, bytes) else answer
        with hostile.serve(answering) as server:
            connections = Connections(hostile.target(tmp_path, server.base_url, more=more), "tests")
            used.append(connections)
            return connections.send(request or get())

    yield ask
    for connections in used:
        connections.close()


# ---------------------------------------------------------------- whole answers


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("identity", GOOD),
        ("gzip", gzip.compress(GOOD)),
        ("x-gzip", gzip.compress(GOOD)),
        ("GZip", gzip.compress(GOOD[:40]) + gzip.compress(GOOD[40:])),
        ("deflate", zlib.compress(GOOD)),
        ("deflate, gzip", gzip.compress(zlib.compress(GOOD))),
        ("gzip, identity,, gzip", gzip.compress(gzip.compress(GOOD))),
        ("gzip\r\nContent-Encoding: gzip", gzip.compress(gzip.compress(GOOD))),
    ],
)
def test_encodings_that_are_offered_are_read(ask: Callable[..., Exchange], encoding: str, encoded: bytes) -> None:
    exchange = ask(whole(200, encoded, content_encoding=encoding))
    assert exchange.response is not None
    assert exchange.response.body == GOOD
    assert exchange.response.problem is None


def test_chunks_and_headers_of_any_size_below_the_bound(ask: Callable[..., Exchange]) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (GOOD[:7], GOOD[7:]))
    answer = head(200, Transfer_Encoding="chunked", x_long="y" * 60_000) + chunks + b"0\r\n\r\n"
    exchange = ask(answer)
    assert exchange.response is not None
    assert exchange.response.body == GOOD
    assert len(exchange.response.header("X-LONG") or "") == 60_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
def test_an_empty_body_is_empty_in_any_encoding(ask: Callable[..., Exchange], encoding: str) -> None:
    exchange = ask(whole(401, b"", content_encoding=encoding))
    assert exchange.response is not None
    assert (exchange.response.status, exchange.response.body, exchange.response.problem) == (401, b"", None)


def test_a_large_gzip_body_is_read_whole(ask: Callable[..., Exchange]) -> None:
    text = json.dumps(list(range(200_000))).encode()
    exchange = ask(whole(200, gzip.compress(text), content_encoding="gzip"), more=PATIENT)
    assert exchange.response is not None
    assert exchange.response.content() == text


# ---------------------------------------------------------------- bodies that are none


@pytest.mark.parametrize(
    ("body", "encoding", "problem"),
    [
        (GOOD, "gzip", "a body that is not gzip, as its content-encoding says"),
        (GOOD, "deflate", "a body that is not deflate, as its content-encoding says"),
        (gzip.compress(GOOD)[:-12], "gzip", "a gzip body that ends too early"),
        (gzip.compress(GOOD) + b"more", "gzip", "a body that is not gzip, as its content-encoding says"),
        (GOOD, "br", "content-encoding 'br', which was not offered (gzip, deflate)"),
        (GOOD, "gzip, br", "content-encoding 'br', which was not offered (gzip, deflate)"),
        (GOOD, "gzip, gzip, gzip, gzip", "a body that was encoded more than 3 times"),
    ],
)
def test_encodings_that_lie_are_the_answers_problem(
    ask: Callable[..., Exchange], body: bytes, encoding: str, problem: str
) -> None:
    exchange = ask(whole(200, body, content_encoding=encoding))
    assert exchange.failure is None
    assert exchange.response is not None
    assert str(exchange.response.problem).startswith(problem)
    assert str(exchange.parsed).startswith(problem)


@pytest.mark.process
@pytest.mark.parametrize(
    "answer",
    [
        hostile.endless,
        hostile.gigabyte,
        hostile.bomb,
        lambda _: whole(200, b"[" * 300_000),
        lambda _: whole(200, zlib.compress(b" " * 300_000), content_encoding="deflate"),
    ],
    ids=["endless", "1 GB", "gzip bomb", "just over", "deflated"],
)
def test_a_body_over_the_limit_is_cut_off_and_said_to_be(
    ask: Callable[..., Exchange], answer: hostile.Answering
) -> None:
    response = ask(answer).response
    assert response is not None
    assert response.problem == "a body of more than 0.25 MB (limits.max_body_mb)"
    assert len(response.body) == HEAD


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "it is nested deeper than 200 levels"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "it is nested deeper than 200 levels"),
        (b'{"data": NaN}', "NaN is not JSON"),
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark"),
        (b'{"data": "\xff"}', "it is not UTF-8"),
        (b'{"data": []} {}', "something follows the document"),
        (b"", "it is empty"),
    ],
)
def test_documents_that_are_none_are_read_as_what_they_are(
    ask: Callable[..., Exchange], body: bytes, reason: str
) -> None:
    exchange = ask(whole(200, body))
    assert exchange.response is not None
    assert exchange.response.problem is None
    assert str(exchange.parsed).startswith(reason)


# ---------------------------------------------------------------- half answers and none


def dripping(before: bytes, drop: bytes) -> hostile.Answering:
    """Something that never ends and comes a little at a time, faster than any timeout between two reads."""

    def answer(_: Seen) -> Iterator[bytes]:
        yield before
        while True:
            yield drop
            time.sleep(TIMEOUT_S / 20)  # this is what the server is about

    return answer


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), f"no answer {LATE}"),
        (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), f"no answer {LATE}"),
        (dripping(head(200), b" "), "200, but its body was cut off after"),
        (dripping(head(200, content_encoding="gzip") + gzip.compress(GOOD)[:30], b""), f"not complete {LATE}"),
        (
            dripping(head(200, content_encoding="deflate") + b"\x78\x9c", b"\x00\x00\x00\xff\xff"),
            f"not complete {LATE}",
        ),
    ],
    ids=["headers", "interim answers", "body", "silence in gzip", "gzip of nothing"],
)
def test_a_drip_ends_at_the_time_for_the_whole_request(
    ask: Callable[..., Exchange], answer: hostile.Answering, failure: str
) -> None:
    exchange = ask(answer, more=IMPATIENT)
    assert exchange.response is None
    assert failure in str(exchange.failure)


def interim_flood(_: Seen) -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 1000


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (hostile.nothing, "connection closed without an answer"),
        (hostile.reset, "connection reset"),
        (hostile.cut, "200, but its body was cut off after 10 bytes: connection closed"),
        (
            lambda _: iter([head(403, content_length=9) + b"{", hostile.RESET]),
            "403, but its body was cut off after 1 b",
        ),
        (
            lambda _: iter([head(200, Transfer_Encoding="chunked") + b"5\r\n[1,2"]),
            "200, but its body was cut off after",
        ),
        (lambda _: b"220 mail.example.test ESMTP\r\n\r\n", "not HTTP/1.1"),
        (lambda _: head(200, content_length="many"), "not HTTP/1.1"),
        (lambda _: head(200, x="y" * 400_000), "headers of more than 100 kB"),
        (interim_flood, f"no answer {LATE}"),
    ],
    ids=["closed", "reset", "short", "reset in a body", "cut chunk", "SMTP", "bad length", "long headers", "interim"],
)
def test_each_failure_to_get_a_response_is_described(
    ask: Callable[..., Exchange], answer: hostile.Answering, failure: str
) -> None:
    exchange = ask(answer, more=IMPATIENT if answer is interim_flood else LIMITS)
    assert exchange.response is None
    assert str(exchange.failure).startswith(failure)


def test_a_refused_connection_is_a_failure_of_the_exchange(tmp_path: Path) -> None:
    connections = Connections(
        hostile.target(tmp_path, f"http://127.0.0.1:{hostile.closed_port()}", more=LIMITS), "tests"
    )
    assert connections.send(get()).failure == "connection refused"


def test_a_name_that_is_not_known(tmp_path: Path) -> None:
    connections = Connections(hostile.target(tmp_path, "http://nowhere.invalid", more=LIMITS), "tests")
    assert str(connections.send(get()).failure).startswith("no connection: ")


def test_words_about_a_failure_quote_nothing_that_was_sent(ask: Callable[..., Exchange]) -> None:
    for answer in (f"{hostile.KEY}\r\n\r\n".encode(), f"HTTP/1.1 {hostile.KEY}\r\n\r\n".encode()):
        assert ask(answer).failure == "not HTTP/1.1"


# ---------------------------------------------------------------- what is sent


def test_a_request_goes_out_as_it_is_meant(tmp_path: Path) -> None:
    with hostile.serve(hostile.empty) as server:
        gateway = '[headers]\nX-Gateway = "a secret of ours"\n'
        connections = Connections(hostile.target(tmp_path, f"{server.base_url}/api/", more=gateway), "tests/1")
        path = "/v1/containers/%2F%00%C3%A9/backups//../x"
        how: dict[str, Any] = {
            "query": "a=%20&&=&b[]=1",
            "hub_id": "",
            "authorization": "Bearer k",
            "body": b"\x00\xff",
        }
        connections.send(Request("restore", "POST", path, headers=(("Accept", "text/x"), ("X-E", "é")), **how))
        connections.send(get())
        host = server.base_url.removeprefix("http://")
    first, second = server.seen
    assert first.line == f"POST /api{path}?a=%20&&=&b[]=1"
    assert first.body == b"\x00\xff"
    assert first.headers == {
        "host": host,
        "user-agent": "tests/1",
        "accept": "text/x",
        "accept-encoding": "gzip, deflate",
        "authorization": "Bearer k",
        "x-hub-id": "",
        "x-gateway": "a secret of ours",
        "x-e": "é",
        "content-length": "2",
    }
    assert second.line == "GET /api/v1/x"
    assert {"authorization", "x-hub-id", "content-length"}.isdisjoint(second.headers)


def test_a_redirect_is_returned_and_not_followed(tmp_path: Path) -> None:
    def away(_: Seen) -> bytes:
        return whole(307, b"", location=other.base_url)

    with hostile.serve(hostile.empty) as other, hostile.serve(away) as one:
        exchange = Connections(hostile.target(tmp_path, one.base_url), "tests").send(get(authorization="Bearer k"))
    assert (exchange.status, len(one.seen), other.seen) == (307, 1, [])


def test_cookies_are_not_kept(tmp_path: Path) -> None:
    with hostile.serve(lambda _: whole(200, b"{}", set_cookie="session=1; Path=/")) as server:
        connections = Connections(hostile.target(tmp_path, server.base_url), "tests")
        for _ in range(3):
            connections.send(get())
    assert all("cookie" not in seen.headers for seen in server.seen)


def test_connections_are_kept_but_for_what_must_not_be_sent_twice(tmp_path: Path) -> None:
    with hostile.serve(hostile.empty) as server:
        connections = Connections(hostile.target(tmp_path, server.base_url), "tests")
        for _ in range(3):
            connections.send(get())
        assert server.connections == 1
        for _ in range(2):
            connections.send(Request("restore", "POST", "/v1/x", body=b"{}"))
        assert server.connections == 3
        connections.send(get(), fresh=True)
        assert server.connections == 4


def test_no_post_goes_over_connections_that_break(tmp_path: Path) -> None:
    refused = Request("restore", "POST", "/v1/x", body=b"{}", expected=Expected.REFUSAL)
    with hostile.serve(hostile.empty) as server:
        connections = Connections(hostile.target(tmp_path, server.base_url), "tests")
        connections.send(refused)
        connections.send(refused)
        assert server.connections == 1
        server.answer = hostile.nothing
        assert connections.send(get()).response is None
        server.answer = hostile.empty
        before = server.connections
        connections.send(refused)
        connections.send(refused)
        assert server.connections == before + 2
        connections.send(get())
        connections.send(get())
        assert server.connections == before + 3


def test_a_body_longer_than_it_says_spoils_no_fresh_request(tmp_path: Path) -> None:
    with hostile.serve(lambda _: whole(200, GOOD, content_length=10)) as server:
        connections = Connections(hostile.target(tmp_path, server.base_url, more=LIMITS), "tests")
        assert connections.send(get()).response is not None
        assert connections.send(get(), fresh=True).status == 200


@pytest.mark.process
def test_a_header_whose_command_fails_is_not_the_targets_fault(tmp_path: Path) -> None:
    with hostile.serve(hostile.empty) as server:
        more = '[headers]\nX-Gateway = {command = ["false"]}\n'
        connections = Connections(hostile.target(tmp_path, server.base_url, more=more), "tests")
        with pytest.raises(RuntimeError, match=r"X-Gateway: the command .*false failed with exit code 1"):
            connections.send(get())
    assert server.seen == []


# ---------------------------------------------------------------- around it


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost"])
def test_no_proxy_is_used_for_this_machine(host: str, tmp_path: Path) -> None:
    with hostile.serve(hostile.empty) as server, hostile.serve(hostile.empty) as proxy:
        file = hostile.target_file(tmp_path, server.base_url.replace("127.0.0.1", host), more=LIMITS)
        Connections(load_target(file, {"http_proxy": proxy.base_url}), "tests").send(get())
    assert proxy.seen == []


def test_a_proxy_of_the_environment_is_used_for_others(tmp_path: Path) -> None:
    with hostile.serve(hostile.empty) as proxy:
        environ = {"http_proxy": proxy.base_url.replace("//", "//user:pass@")}
        file = hostile.target_file(tmp_path, "http://backups.example.test/api")
        assert Connections(load_target(file, environ), "tests").send(get()).status == 200
        file = hostile.target_file(tmp_path, "http://nowhere.example.test", more=LIMITS)
        direct = Connections(load_target(file, {**environ, "no_proxy": "example.test"}), "tests")
        assert direct.send(get()).response is None
    (seen,) = proxy.seen
    assert seen.target == "http://backups.example.test/api/v1/x"
    assert seen.headers["host"] == "backups.example.test"
    assert "proxy-authorization" in seen.headers


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that signs itself, and its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    key, made, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*line.split(), *names, "-keyout", key, "-out", made], check=True, capture_output=True)
    both.write_text(key.read_text() + made.read_text())
    return both


@pytest.fixture
def over_tls(certificate: Path) -> Iterator[str]:
    """A server behind TLS; its URL."""
    import ssl  # noqa: PLC0415 - only here

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(whole(200, b"{}", connection="close"))
            except OSError:  # who does not like the certificate hangs up
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://localhost:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def tls_target(tmp_path: Path, base_url: str, verify: str) -> Any:
    text = hostile.target_toml(base_url).replace("[target]", f"[target]\nverify_tls = {verify}")
    file = tmp_path / "tls.toml"
    file.write_text(text)
    return load_target(file, {})


def test_tls_is_verified_by_the_bundle_of_the_target_file(over_tls: str, certificate: Path, tmp_path: Path) -> None:
    bundle = f'"{certificate.with_name("cert.pem")}"'
    assert Connections(tls_target(tmp_path, over_tls, bundle), "tests").send(get()).status == 200
    assert Connections(tls_target(tmp_path, over_tls, "false"), "tests").send(get()).status == 200
    failure = Connections(tls_target(tmp_path, over_tls, "true"), "tests").send(get()).failure
    assert str(failure).startswith("the TLS certificate is not accepted: self")


def test_what_is_no_tls_is_said_to_be_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail.example.test ESMTP\r\n")
                connection.recv(65536)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        target = hostile.target(tmp_path, f"https://127.0.0.1:{listener.getsockname()[1]}", more=LIMITS)
        failure = str(Connections(target, "tests").send(get()).failure)
        thread.join(5)
    assert failure.startswith("TLS failed: ")


def test_what_is_under_way_can_be_cut_off(tmp_path: Path) -> None:
    with hostile.serve(dripping(b"", b"")) as server:
        connections = Connections(hostile.target(tmp_path, server.base_url, more=PATIENT), "tests")
        found: list[Exchange] = []
        thread = threading.Thread(target=lambda: found.append(connections.send(get())))
        thread.start()
        while not server.seen:
            thread.join(0.01)
        connections.abort()
        thread.join()
        assert [exchange.response for exchange in found] == [None]
        assert connections.send(get()).response is None


def test_the_transports_own_log_says_nothing(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.DEBUG), hostile.serve(hostile.empty) as server:
        Connections(hostile.target(tmp_path, server.base_url), "tests").send(get(authorization=f"Bearer {hostile.KEY}"))
    assert [record for record in caplog.records if record.name.startswith(httpcore.__name__)] == []


# ---------------------------------------------------------------- long bodies

LONG = json.dumps({"data": ["x" * 1000] * 2000}).encode()
MANY_VALUES = b'{"data": [' + b"[]," * 1_500 + b"[]]}"


def test_a_long_body_is_kept_in_a_file_as_long_as_its_exchange_lives(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    with hostile.serve(lambda _: whole(200, LONG)) as server:
        connections = Connections(hostile.target(tmp_path, server.base_url, more=PATIENT), "tests", files)
        exchange = connections.send(get())
        assert exchange.response is not None
        assert isinstance(exchange.response.body, StoredBody)
        assert exchange.response.content() == LONG
        assert exchange.response.head(100) == LONG[:100]
        assert len(exchange.response.body) == len(LONG)
        assert exchange.response.sha256 == hashlib.sha256(LONG).hexdigest()
        assert exchange.data == ["x" * 1000] * 2000
        assert [path.stat().st_size for path in files.rglob("*") if path.is_file()] == [len(LONG)]
        del exchange
        assert [path for path in files.rglob("*") if path.is_file()] == []
        connections.send(get())
        connections.close()
        assert list(files.iterdir()) == []


def test_a_long_body_that_is_cut_off_leaves_no_file(tmp_path: Path) -> None:
    with hostile.serve(lambda _: head(200, content_length=10**6) + b" " * (10**6 - 1)) as server:
        more = PATIENT.replace(f"timeout_s = {PATIENCE_S:g}", "timeout_s = 1")
        connections = Connections(hostile.target(tmp_path, server.base_url, more=more), "tests", tmp_path)
        assert connections.send(get()).response is None
        assert list(tmp_path.glob("backups-bodies-*/*")) == []


def test_the_memory_for_many_long_bodies_is_that_for_one(tmp_path: Path) -> None:
    body = b'"' + b"x" * hostile.MEGABYTE + b'"'
    with hostile.serve(lambda _: whole(200, body)) as server:
        connections = Connections(hostile.target(tmp_path, server.base_url, more=PATIENT), "tests", tmp_path)
        tracemalloc.start()
        exchanges = [connections.send(get()) for _ in range(20)]
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert all(exchange.status == 200 for exchange in exchanges)
        assert kept < 3 * hostile.MEGABYTE
        assert peak < 5 * hostile.MEGABYTE
        connections.close()


def test_a_full_disk_is_not_the_targets_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "x"))

    with hostile.serve(lambda _: whole(200, LONG)) as server:
        connections = Connections(hostile.target(tmp_path, server.base_url, more=PATIENT), "tests", tmp_path)
        monkeypatch.setattr(BodyStore, "new_file", lambda _: Path("/dev/full"))
        with pytest.raises(MachineError, match="this machine: no space left on the disk"):
            connections.send(get())
        monkeypatch.undo()
        monkeypatch.setattr(tempfile, "TemporaryDirectory", full)
        with pytest.raises(MachineError, match="this machine: no space left on the disk"):
            connections.send(get())


def test_too_many_open_files_are_not_the_targets_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    connections = Connections(hostile.target(tmp_path, "http://127.0.0.1:9", more=LIMITS), "tests")
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(MachineError, match=r"this machine: too many open files \(ulimit -n\)"):
        connections.send(get())


def test_more_values_than_the_limit_are_our_limit(ask: Callable[..., Exchange]) -> None:
    limits = "[limits]\ntimeout_s = 20\nmax_values = 1000\n"
    exchange = ask(whole(200, MANY_VALUES), more=limits)
    assert exchange.response is not None
    assert exchange.response.problem == "more than 1000 JSON values (limits.max_values)"
    assert exchange.limit_reached == "more than 1000 JSON values (limits.max_values): raise it in the target file"
    assert exchange.value is None
    within = ask(whole(200, MANY_VALUES), more=limits.replace("1000", "1504"))
    assert within.limit_reached is None
    assert len(within.data) == 1501
