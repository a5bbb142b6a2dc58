"""URLs of target files: what is accepted has the parts that httpx sees in it, and can be looked up."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.config import urls

PIECES = [
    *("http", "https", "HTTP", "://", ":", "/", "//", "@", "[", "]", "%", "%zz", "%41", "1.2.3.4"),
    *("999.1.1.1", "01.2.3.4"),
    *("a", "B.c", "-", "_", ".", "..", "::1", "fe80::1%25eth0", "v1.x", "80", "443", "65536", "+80", "0", "\u0663"),
    *(" ", "\\", "{", "<", '"', "'", "!", "$", "*", ";", "=", "~", "?", "#", "xn--0", "user", "x" * 64),
]  # fmt: skip


@given(st.sampled_from(["http://", "https://"]), st.lists(st.sampled_from(PIECES), max_size=6))
def test_what_is_accepted_has_the_parts_that_httpx_sees(scheme: str, pieces: list[str]) -> None:
    text = scheme + "".join(pieces)
    try:
        url = urls.parse(text)
    except urls.UrlError:
        return
    other = httpx.URL(text)
    assert (url.scheme, url.host, url.port) == (other.scheme, other.raw_host.decode(), other.port)
    assert url.netloc.encode() == other.netloc
    assert url.username is None or (url.username, url.password or "") == (other.username, other.password)
    url.host.encode("idna")  # as the system's resolver is asked


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("HTTPS://API.Example.test:443/Base", urls.HttpUrl("https", "api.example.test", None, "/Base")),
        ("http://[::1]:8080", urls.HttpUrl("http", "::1", 8080)),
        ("http://u%40x:p%3Aw@p.test:", urls.HttpUrl("http", "p.test", None, "", "u@x", "p:w")),
        ("http://u@p.test/?", urls.HttpUrl("http", "p.test", None, "/", "u", None, has_more=True)),
        ("http://a.test/x{y}%2F%zz", urls.HttpUrl("http", "a.test", None, "/x%7By%7D%2F%25zz")),
        ("http://db_1.internal.", urls.HttpUrl("http", "db_1.internal.")),
    ],
)
def test_the_parts_of_a_url(text: str, url: urls.HttpUrl) -> None:
    assert urls.parse(text) == url


@pytest.mark.parametrize(("text", "netloc"), [("http://[::1]:8080", "[::1]:8080"), ("https://a.test:443", "a.test")])
def test_the_host_header(text: str, netloc: str) -> None:
    assert urls.parse(text).netloc == netloc
