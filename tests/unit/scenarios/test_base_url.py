"""Why the target cannot be reached, and what to change: the proxy is blamed where the client connects to a proxy."""

from __future__ import annotations

import pytest

from conformance.config.target_file import target_from_options
from conformance.http.exchange import Exchange, Request, Response
from conformance.scenarios.preflight.base_url import cause_of_silence, stopping_cause

PROXY = "http://user:hush-hush@proxy.example.test:3128"


@pytest.mark.parametrize(
    ("environ", "failure", "fix"),
    [
        ({}, "connection refused", "nothing listens there: check host and port of target.base_url"),
        ({"HTTPS_PROXY": PROXY}, "connection refused", "check HTTPS_PROXY, or name the target's host in NO_PROXY"),
        (
            {"all_proxy": PROXY},
            "no connection: name or service not known",
            "check all_proxy, or name the target's host",
        ),
        ({"ALL_PROXY": PROXY}, "the proxy refused", "check ALL_PROXY"),
        ({"HTTPS_PROXY": PROXY}, "the TLS certificate is not accepted: self-signed", "set target.verify_tls"),
    ],
)
def test_why_the_target_cannot_be_reached(environ: dict[str, str], failure: str, fix: str) -> None:
    target = target_from_options("https://api.example.test", "h1", "c1", {"BACKUPS_KEY_FULL": "a-full-key", **environ})
    words = cause_of_silence(target, failure)
    assert words.startswith(f"{failure} (https://api.example.test")
    assert fix in words
    assert "hush-hush" not in words
    assert "check target.base_url" not in words or not environ


@pytest.mark.parametrize(
    ("location", "stops"),
    [
        ("{path}/", False),
        ("https://api.example.test{path}/", False),
        ("http://api.example.test{path}/", True),
        ("https://www.example.test{path}/", True),
        ("https://api.example.test/eu{path}", True),
        ("{path}", True),
        ("/login", True),
    ],
)
def test_a_redirect_that_only_adds_a_slash_is_the_servers_own(location: str, *, stops: bool) -> None:
    target = target_from_options("https://api.example.test", "h1", "c1", {"BACKUPS_KEY_FULL": "a-full-key"})
    paths = ("/v1/containers/c1/backups", "/v1/containers/c1/backups/b1", "/v1/jobs/j1")
    redirected = [
        Exchange(
            Request("get", "GET", path),
            Response(
                308, (("location", location.format(path=path)), ("content-type", "text/html")), b"<html></html>", 0.1
            ),
        )
        for path in paths
    ]
    assert bool(stopping_cause(target, redirected)[0]) is stops
