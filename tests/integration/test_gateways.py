"""Third-party gateways in front of a conformant server: what they do is never a failure of the API."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import forward_proxy, gateways, hostile, running, share
from support.toml import changed

from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from support.gateways import Certificates, Gateway

pytestmark = [pytest.mark.process, pytest.mark.gateway]

TOKEN = "the-token-of-the-gateway"
#: Clauses whose requests are unusual enough for a gateway to answer them itself.
FEW = ("--only", "HTTP-1,HTTP-3,HTTP-9,LIST,GET,AUTH-1,AUTH-10,CAP-1,INC-6,JOB-4", "--examples", "3")
MAX_REQUESTS = 35
TOKEN_WANTED = f'if ($http_x_gateway_token != "{TOKEN}") {{ return 401; }}'


@pytest.fixture
def server() -> Iterator[launch.Running]:
    with launch.serve_in_thread(restore_seconds=0.02) as running_server:
        yield running_server


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return gateways.certificates(tmp_path)


@contextmanager
def run_through(
    gateway: AbstractContextManager[Gateway],
    server: launch.Running,
    folder: Path,
    changes: Mapping[str, object] | None = None,
    *,
    path: str = "",
) -> Iterator[running.Ran]:
    """Run the suite against the server by the gateway's address; `path` is what the base URL has behind it."""
    with gateway as front:
        file = folder / "target.toml"
        text = changed(server.target_toml, {"target.base_url": f"{front.base_url}{path}", **(changes or {})})
        file.write_text(text, "utf-8")
        yield running.run(folder / "out", "--target", file, "--seed", "1", *FEW)


def outcomes(ran: running.Ran, *wanted: str) -> dict[str, str]:
    """Return the clauses with these outcomes, and why."""
    rows: list[dict[str, Any]] = ran.results["clauses"]
    return {row["id"]: row["reason"] for row in rows if row["outcome"] in wanted}


# ---------------------------------------------------------------- a gateway that lets everything through

PASSING: dict[str, Callable[[str, Path], AbstractContextManager[Gateway]]] = {
    "nginx": gateways.nginx,
    "HAProxy": lambda url, folder: gateways.haproxy([url], folder),
    "Caddy": gateways.caddy,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", share.one_of(PASSING, 0))
def test_a_gateway_in_front_causes_no_failure(name: str, server: launch.Running, tmp_path: Path) -> None:
    """A gateway may answer odd addresses with a page of its own: that is HTTP-1's warning, and no clause's failure."""
    with run_through(PASSING[name](server.base_url, tmp_path), server, tmp_path) as ran:
        assert outcomes(ran, "failed", "error") == {}
        assert outcomes(ran, "warned").keys() <= {"HTTP-1"}
        assert ran.results["verdict"] == "partial"  # a selection leaves clauses untested
        assert ran.code == 0


@pytest.mark.slow
def test_a_base_path_that_nginx_strips_causes_no_failure(server: launch.Running, tmp_path: Path) -> None:
    """nginx decodes an address that it rewrites, so an encoded slash reaches the server as a slash: GET-6 warns."""
    front = gateways.nginx(f"{server.base_url}/", tmp_path, path="/api/")
    with run_through(front, server, tmp_path, path="/api") as ran:
        assert outcomes(ran, "failed", "error") == {}
        assert outcomes(ran, "warned").keys() <= {"HTTP-1", "GET-6"}


def test_a_gateway_gets_its_token(server: launch.Running, tmp_path: Path) -> None:
    front = gateways.nginx(server.base_url, tmp_path, location=TOKEN_WANTED)
    with run_through(front, server, tmp_path, {"headers.X-Gateway-Token": TOKEN}) as ran:
        assert outcomes(ran, "failed", "error") == {}
        assert TOKEN not in ran.out + ran.err


# ---------------------------------------------------------------- a gateway that answers instead of the API


def stopped(ran: running.Ran) -> str:
    """Assert that preflight ended the run before it cost much; return what the screen says."""
    assert ran.code == 3
    assert ran.results["verdict"] == "inconclusive"
    assert outcomes(ran, "failed", "warned") == {}
    assert ran.results["run"]["requests"] <= MAX_REQUESTS
    return ran.out


def test_a_missing_token_is_named(server: launch.Running, tmp_path: Path) -> None:
    """nginx refuses everything itself, so nothing is known about the API."""
    front = gateways.nginx(server.base_url, tmp_path, location=TOKEN_WANTED)
    with run_through(front, server, tmp_path) as ran:
        said = stopped(ran)
    assert 'answered by nginx 401 "Authorization Required", not by the API' in said
    assert "[headers]" in said


def test_a_redirect_to_https_names_the_url_to_write(server: launch.Running, tmp_path: Path) -> None:
    front = gateways.nginx(server.base_url, tmp_path, location="return 301 https://api.example.test$request_uri;")
    with run_through(front, server, tmp_path) as ran:
        assert 'write base_url = "https://api.example.test"' in stopped(ran)


def test_a_missing_client_certificate_is_named(
    server: launch.Running, certificates: Certificates, tmp_path: Path
) -> None:
    wanted = f"ssl_verify_client on; ssl_client_certificate {certificates.ca};"
    front = gateways.nginx(server.base_url, tmp_path, server=wanted, tls=certificates)
    with run_through(front, server, tmp_path, {"target.verify_tls": str(certificates.ca)}) as ran:
        assert 'nginx 400 "No required SSL certificate was sent"' in stopped(ran)


# ---------------------------------------------------------------- TLS


@pytest.mark.parametrize("name", share.one_of(PASSING, 1))
def test_a_private_ca_is_trusted_where_the_file_names_it(
    name: str, server: launch.Running, certificates: Certificates, tmp_path: Path
) -> None:
    front = {
        "nginx": lambda: gateways.nginx(server.base_url, tmp_path, tls=certificates),
        "HAProxy": lambda: gateways.haproxy([server.base_url], tmp_path, tls=certificates),
        "Caddy": lambda: gateways.caddy(server.base_url, tmp_path, tls=certificates),
    }[name]()
    with run_through(front, server, tmp_path, {"target.verify_tls": str(certificates.ca)}) as ran:
        assert outcomes(ran, "failed", "error") == {}


def test_a_private_ca_that_is_not_named_is_a_mistake_of_the_file(
    server: launch.Running, certificates: Certificates, tmp_path: Path
) -> None:
    front = gateways.nginx(server.base_url, tmp_path, tls=certificates)
    with run_through(front, server, tmp_path) as ran:
        assert "verify_tls" in stopped(ran)


# ---------------------------------------------------------------- a gateway that fails at random

LIMITED = "limit_req_zone $binary_remote_addr zone=all:1m rate=200r/s;"
LIMIT = "limit_req zone=all burst=20 nodelay;"


@pytest.mark.slow
@pytest.mark.parametrize("status", [503, 429])
def test_a_gateway_that_limits_the_rate_accuses_nobody(status: int, server: launch.Running, tmp_path: Path) -> None:
    """503 is what nginx answers by default: at random for whoever is tested, so the run may be inconclusive at most."""
    front = gateways.nginx(server.base_url, tmp_path, http=LIMITED, location=f"{LIMIT} limit_req_status {status};")
    with run_through(front, server, tmp_path) as ran:
        assert outcomes(ran, "failed") == {}
        assert outcomes(ran, "warned").keys() <= {"HTTP-1", "HTTP-8"}
        assert ran.code in (0, 3)


@pytest.mark.slow
def test_the_automatic_pace_keeps_to_a_limit(server: launch.Running, tmp_path: Path) -> None:
    front = gateways.nginx(server.base_url, tmp_path, http=LIMITED, location=f"{LIMIT} limit_req_status 429;")
    changes = {"limits.requests_per_second": "auto"}
    with run_through(front, server, tmp_path, changes) as ran:
        assert outcomes(ran, "failed", "error") == {}
        assert ran.results["run"]["throttled"]["count"] < ran.results["run"]["requests"] / 10


@pytest.mark.slow
def test_one_dead_backend_of_three_accuses_nobody(server: launch.Running, tmp_path: Path) -> None:
    """HAProxy answers a third of all requests with its own 503, whatever they ask for."""
    dead = f"http://127.0.0.1:{hostile.closed_port()}"
    front = gateways.haproxy(
        [server.base_url, server.base_url, dead], tmp_path, defaults="retries 0", backend="balance roundrobin"
    )
    with run_through(front, server, tmp_path) as ran:
        assert outcomes(ran, "failed") == {}
        assert ran.code in (0, 3)


@pytest.mark.slow
def test_a_dead_backend_that_the_address_chooses_accuses_nobody(server: launch.Running, tmp_path: Path) -> None:
    """The same addresses fail each time: controls of other addresses show that the input is not to blame."""
    dead = f"http://127.0.0.1:{hostile.closed_port()}"
    front = gateways.haproxy(
        [server.base_url, server.base_url, dead], tmp_path, defaults="retries 0", backend="balance uri whole"
    )
    with run_through(front, server, tmp_path) as ran:
        assert outcomes(ran, "failed") == {}
        assert ran.code in (0, 3)


# ---------------------------------------------------------------- client certificates and proxies


@pytest.mark.parametrize("name", share.one_of(PASSING, 2))
def test_a_client_certificate_is_presented(
    name: str, server: launch.Running, certificates: Certificates, tmp_path: Path
) -> None:
    wanted = f"ssl_verify_client on; ssl_client_certificate {certificates.ca};"
    front = {
        "nginx": lambda: gateways.nginx(server.base_url, tmp_path, server=wanted, tls=certificates),
        "HAProxy": lambda: gateways.haproxy([server.base_url], tmp_path, tls=certificates, client_ca=True),
        "Caddy": lambda: gateways.caddy(server.base_url, tmp_path, tls=certificates, client_ca=True),
    }[name]()
    changes = {
        "target.verify_tls": str(certificates.ca),
        "target.client_cert": str(certificates.client_cert),
        "target.client_key": str(certificates.client_key),
    }
    with run_through(front, server, tmp_path, changes) as ran:
        assert outcomes(ran, "failed", "error") == {}


@pytest.mark.parametrize("name", ["HAProxy", "Caddy"])
def test_a_handshake_that_wants_a_certificate_says_so(
    name: str, server: launch.Running, certificates: Certificates, tmp_path: Path
) -> None:
    front = {
        "HAProxy": lambda: gateways.haproxy([server.base_url], tmp_path, tls=certificates, client_ca=True),
        "Caddy": lambda: gateways.caddy(server.base_url, tmp_path, tls=certificates, client_ca=True),
    }[name]()
    with run_through(front, server, tmp_path, {"target.verify_tls": str(certificates.ca)}) as ran:
        assert "target.client_cert" in stopped(ran)


def test_a_proxy_of_the_target_file_is_used_and_its_password_masked(server: launch.Running, tmp_path: Path) -> None:
    with forward_proxy.serve() as proxy:
        changes = {"target.proxy": proxy.url()}
        with run_through(nothing(server.base_url), server, tmp_path, changes) as ran:
            assert outcomes(ran, "failed", "error") == {}
            assert len(proxy.passed) >= ran.results["run"]["requests"]
            assert forward_proxy.PASSWORD not in ran.out + ran.err
            files = [file.read_bytes() for file in ran.folder.rglob("*") if file.is_file()]
            assert not any(forward_proxy.PASSWORD.encode() in content for content in files)


def test_a_proxy_that_refuses_the_password_is_named(server: launch.Running, tmp_path: Path) -> None:
    with forward_proxy.serve() as proxy:
        changes = {"target.proxy": proxy.url("a-wrong-password")}
        with run_through(nothing(server.base_url), server, tmp_path, changes) as ran:
            said = stopped(ran)
    assert "407" in said
    assert "target.proxy" in said
    assert "a-wrong-password" not in said


def nothing(url: str) -> AbstractContextManager[Gateway]:
    """Put no gateway in front of a server."""
    return nullcontext(gateways.Gateway(url, Path()))
