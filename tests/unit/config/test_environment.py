"""Settings of the environment: used as curl and OpenSSL use them, and named where they cannot be used."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from conformance.config import hermetic
from conformance.config.machine import exhausted
from conformance.config.target_file import TargetError, target_from_options
from conformance.generation import batches

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.config.target import Target

PROXY = "http://proxy.example.test:3128"


def target(environ: dict[str, str], base_url: str = "http://api.example.test") -> Target:
    return target_from_options(base_url, "h1", "c1", {"BACKUPS_KEY_FULL": "a-full-key", **environ})


def problems(environ: dict[str, str], base_url: str = "http://api.example.test") -> list[str]:
    with pytest.raises(TargetError) as caught:
        target(environ, base_url)
    return list(map(str, caught.value.problems))


# ---------------------------------------------------------------- proxies


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({"HTTP_PROXY": PROXY}, PROXY),
        ({"http_proxy": PROXY, "HTTP_PROXY": "http://other.test"}, PROXY),
        ({"http_proxy": "", "HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"all_proxy": "proxy.example.test:3128"}, PROXY),
        ({"ALL_PROXY": "http://other.test", "HTTP_PROXY": PROXY}, PROXY),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "localhost, .example.test"}, None),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "api.example.test"}, None),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "*.example.test"}, None),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "ample.test,[:::,10.0.0.0/99,,"}, PROXY),
        ({"HTTP_PROXY": PROXY, "no_proxy": "", "NO_PROXY": "*"}, PROXY),
        ({"REQUEST_METHOD": "GET", "HTTP_PROXY": PROXY}, PROXY),
    ],
)
def test_the_proxy_of_the_environment(environ: dict[str, str], address: str | None) -> None:
    proxy = target(environ).proxy
    assert (proxy and proxy.reveal()) == address


@pytest.mark.parametrize(
    ("host", "exceptions", "is_exempt"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("[fd00::7]", "fd00::/8", True),
        ("10.1.2.3", "fd00::/8", False),
    ],
)
def test_networks_in_no_proxy(host: str, exceptions: str, is_exempt: bool) -> None:
    proxy = target({"HTTP_PROXY": PROXY, "NO_PROXY": exceptions}, f"http://{host}:8080").proxy
    assert (proxy is None) == is_exempt


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "LOCALHOST", "[::1]"])
def test_no_proxy_is_used_for_this_machine_however_malformed(host: str) -> None:
    assert target({"ALL_PROXY": "http://proxy:notaport"}, f"http://{host}:1").proxy is None


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://proxy:notaport", "the port is not a number"),
        ("http://proxy:0", "the port must not be 0"),
        ("http://proxy:70000", "the port is greater than 65535"),
        ("socks5://user:hush-hush@proxy:1080", "the scheme must be http or https"),
        ("http://", "it has no host"),
        ("http://999.1.1.1:3128", "the host is not an IPv4 address"),
        ("http://[::1:3128", "host and port"),
        ("http://proxy..test", "the host is not a host name"),
        ("http://pro xy", "it contains a character that URLs cannot contain"),
        ("http://pr\N{LATIN SMALL LETTER O WITH DIAERESIS}xy", "it contains a character that URLs cannot contain"),
        ("http://user:hush-hush@proxy:3128/path", "it must not contain a path"),
        ("notaport:x", "the port is not a number"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "all_proxy"])
def test_a_malformed_proxy_of_the_environment_is_a_problem_of_one_line(variable: str, address: str, words: str) -> None:
    (line,) = problems({variable: address})
    assert line.startswith(f"{variable}: is not the URL of a proxy: ")
    assert words in line
    assert "NO_PROXY" in line
    assert "hush-hush" not in line


def test_a_proxy_of_the_target_file_goes_before_a_malformed_one_of_the_environment(tmp_path: Path) -> None:
    from conformance.config.target_file import load_target  # noqa: PLC0415 - for this test alone

    file = tmp_path / "t.toml"
    file.write_text(
        f'[target]\nbase_url = "http://api.example.test"\nhub_id = "h"\nproxy = "{PROXY}"\n'
        '[fixtures]\ncontainer_id = "c"\n'
    )
    proxy = load_target(file, {"HTTP_PROXY": "http://proxy:notaport"}).proxy
    assert proxy is not None
    assert proxy.reveal() == PROXY


def test_the_password_of_the_environments_proxy_is_masked() -> None:
    secrets: dict[str, str] = {}
    target({"HTTP_PROXY": "http://user:hush%2Dhush@proxy:3128"}).watch_secrets(secrets.__setitem__)
    assert secrets["proxy password"] == "hush-hush"


# ---------------------------------------------------------------- TLS


def test_authorities_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    missing, https = str(tmp_path / "missing"), "https://api.example.test"
    for environ, start in (
        ({"SSL_CERT_FILE": missing}, f"SSL_CERT_FILE: the CA bundle does not exist; looked for {missing}"),
        ({"SSL_CERT_FILE": str(tmp_path)}, "SSL_CERT_FILE: the CA bundle is not a file"),
        ({"SSL_CERT_FILE": str(tmp_path / "empty.pem")}, "SSL_CERT_FILE: the CA bundle contains no PEM certificate"),
        ({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}, "SSL_CERT_FILE: is empty"),
        ({"SSL_CERT_FILE": "", "SSL_CERT_DIR": missing}, "SSL_CERT_FILE: is empty"),
        ({"SSLKEYLOGFILE": f"{missing}/log"}, "SSLKEYLOGFILE: cannot be written to: No such file or directory"),
    ):
        (line,) = problems(environ, https)
        assert line.startswith(start)
        target(environ)  # plain HTTP uses none of them


def test_authorities_that_are_not_needed_may_be_missing(tmp_path: Path) -> None:
    target({"SSL_CERT_FILE": "", "SSL_CERT_DIR": f"/nowhere{os.pathsep}{tmp_path}"}, "https://api.example.test")
    log = tmp_path / "keys.log"
    target({"SSLKEYLOGFILE": str(log)}, "https://api.example.test")
    assert log.read_bytes() == b""


# ---------------------------------------------------------------- the machine


@pytest.mark.parametrize("size", ["0", "1", "-5", "x", "", " 80", "\N{SUPERSCRIPT TWO}", "1e2", "99999999999999999999"])
def test_sizes_that_no_terminal_has_are_dropped(size: str) -> None:
    environ = {"COLUMNS": size, "LINES": "24", "TERM": "dumb"}
    hermetic.drop_unusable_sizes(environ)
    assert environ == {"LINES": "24", "TERM": "dumb"}


@pytest.mark.parametrize("size", ["10", "80", "9999"])
def test_a_width_that_the_user_sets_stays(size: str) -> None:
    environ = {"COLUMNS": size}
    hermetic.drop_unusable_sizes(environ)
    assert environ == {"COLUMNS": size}


def test_a_machine_without_a_folder_for_temporary_files_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.gettempdir()
    assert "set TMPDIR" in (exhausted(caught.value) or "")


@pytest.mark.parametrize(
    "environ", [{"XDG_CACHE_HOME": "caches"}, {"HOME": "home"}, {"XDG_CACHE_HOME": "", "HOME": ""}]
)
def test_caches_never_go_into_the_current_folder(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert batches._cache_dir().is_absolute()
