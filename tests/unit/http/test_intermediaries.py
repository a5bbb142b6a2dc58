"""Who sent a response in the API's place: by stock pages as they are, by headers, and never where it is the API's."""

from __future__ import annotations

import time

import pytest

from conformance.http.exchange import Exchange, Request, Response
from conformance.http.intermediaries import MAX_QUOTED, UNKNOWN, answerer_of

NO_CERTIFICATE = "No required SSL certificate was sent"
PLAIN_ON_TLS = "The plain HTTP request was sent to HTTPS port"
HAPROXY = (
    "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)
APACHE = (
    '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>404 Not Found</title>\n</head><body>\n'
    "<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n<hr>\n"
    "<address>Apache/2.4.57 (Debian) Server at x Port 80</address>\n</body></html>\n"
)
IIS = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n'
    "<HTML><HEAD><TITLE>Bad Request</TITLE></HEAD>\r\n<BODY><h2>Bad Request - Invalid URL</h2>\r\n"
    "<hr><p>HTTP Error 400. The request URL is invalid.</p>\r\n</BODY></HTML>\r\n"
)


def page(title: str, words: str = "", server: str = "") -> str:
    """A page as nginx, and what is made of it, write them."""
    center = f"<center>{words}</center>\r\n" if words else ""
    by = f"<hr><center>{server}</center>\r\n" if server else ""
    head = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    return f"{head}{center}{by}</body>\r\n</html>\r\n"


def came(status: int, body: str, **headers: str) -> Exchange:
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Exchange(Request("list", "GET", "/x"), Response(status, given, body.encode(), 0.01))


@pytest.mark.parametrize(
    ("exchange", "answerer"),
    [
        (came(400, page("400 Bad Request", NO_CERTIFICATE, "nginx/1.22.1")), f'nginx 400 "{NO_CERTIFICATE}"'),
        (came(400, page("400 Bad Request", PLAIN_ON_TLS, "nginx")), f'nginx 400 "{PLAIN_ON_TLS}"'),
        (came(503, HAPROXY), 'HAProxy 503 "No server is available to handle this request."'),
        (came(404, APACHE, Server="Apache/2.4.57"), 'Apache 404 "Not Found"'),
        (came(502, page("502 Bad Gateway"), Server="awselb/2.0"), 'AWS ALB 502 "Bad Gateway"'),
        (came(403, page("403 Forbidden", server="cloudflare")), 'Cloudflare 403 "Forbidden"'),
        (came(503, "error code: 1020", cf_ray="x"), 'Cloudflare 503 "error code: 1020"'),
        (came(503, "no healthy upstream", server="envoy"), 'Envoy 503 "no healthy upstream"'),
        (came(503, "upstream connect error or disconnect/reset before headers. reset reason: x"), "Envoy 503"),
        (came(502, "", Server="Caddy"), "Caddy 502"),
        (came(404, "404 page not found\n", Content_Type="text/plain"), 'Traefik 404 "404 page not found"'),
        (came(400, IIS, Server="Microsoft-HTTPAPI/2.0"), 'IIS 400 "Bad Request'),
        (came(403, '{"message":"Forbidden"}', x_amzn_ErrorType="ForbiddenException"), "AWS API Gateway 403"),
        (came(200, "<html><title>Log in - Portal</title><body><form></form>"), 'a login page 200 "Log in - Portal"'),
        (came(400, "Client sent an HTTP request to an HTTPS server.\n"), f"{UNKNOWN} 400"),
        (came(401, "<h1>Authorization Required</h1>"), f'{UNKNOWN} 401 "Authorization Required"'),
        (came(502, ""), f"{UNKNOWN} 502"),
    ],
)
def test_it_is_named_with_the_line_that_says_most(exchange: Exchange, answerer: str) -> None:
    assert str(answerer_of(exchange)).startswith(answerer)


@pytest.mark.parametrize(
    "exchange",
    [
        came(200, '{"data": []}', Server="nginx"),
        came(404, '{"error": {"status": 404}, "data": null}', Server="cloudflare", cf_ray="x"),
        came(401, '{"error": "invalid_token"}', Server="awselb/2.0"),
        Exchange(Request("list", "GET", "/x"), None, failure="connection refused"),
    ],
)
def test_json_of_the_api_is_not_attributed_to_an_intermediary(exchange: Exchange) -> None:
    assert answerer_of(exchange) is None


def test_words_are_bounded_and_printable() -> None:
    shown = answerer_of(came(400, "<p>" + "\x1b[31mred\u202e" + "x" * 500 + '"</p>'))
    assert shown is not None
    assert len(shown.words) == MAX_QUOTED
    assert shown.words.isprintable()
    assert '"' not in shown.words


@pytest.mark.parametrize("body", ["<" * 2_000_000, "<script" * 200_000, "<title>" * 200_000, "\n" * 2_000_000])
def test_a_hostile_body_takes_no_time(body: str) -> None:
    exchange, begun = came(500, body), time.process_time()
    assert answerer_of(exchange) is not None
    assert time.process_time() - begun < 2
