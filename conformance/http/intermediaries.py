"""Recognizes responses that an intermediary sent in the API's place: proxies, load balancers, gateways and web servers.

A `Server` header alone says little, since a proxy adds it to the API's own responses as well. So only a response
without the API's JSON is attributed, by the shape of a stock page first, then by its headers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

from conformance.contract import strict_json

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange, Response

#: How much of a body is searched, in octets, and how much of its text is quoted, in characters.
MAX_LOOKED_AT = 16 * 1024
MAX_QUOTED = 80
UNKNOWN = "an intermediary"

_TAG = re.compile(r"<[^<>]{0,500}>")
_TITLE = re.compile(r"<title[^>]{0,100}>([^<]{0,300})</title\s{0,9}>", re.IGNORECASE)
_SCRIPT = re.compile(r"<(script|style)\b[^<]{0,2000}</\1>", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u024f]")


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who sent a response in the API's place: `nginx`, or `an intermediary` where nothing gives the name away.

    `words` is the most telling line of its body, bounded and printable; empty if there is none.
    """

    name: str
    status: int
    words: str = ""

    def __str__(self) -> str:
        quoted = f' "{self.words}"' if self.words else ""
        return f"{self.name} {self.status}{quoted}"


#: Shapes of stock pages, the most telling first.
_PAGES: tuple[tuple[str, str], ...] = (
    (r"<center>cloudflare|cloudflare ray id|error code: 1\d{3}\b|cdn-cgi/", "Cloudflare"),
    (r"<center>nginx|<title>welcome to nginx|<hr><center>openresty", "nginx"),
    (r"<address>apache|//ietf//dtd html 2\.0//en|<title>apache2? .{0,40}default page", "Apache"),
    (r"microsoft-httpapi|<h2>bad request - invalid|<title>iis |server error in '/|detailed error information", "IIS"),
    (r"upstream connect error or disconnect|^no healthy upstream$|^upstream request timeout$", "Envoy"),
    (r"<html><body><h1>\d{3} [a-z -]+</h1>\s", "HAProxy"),
    (r"your browser sent an invalid request\.\s*</body></html>", "HAProxy"),
    (r"<title>(?:login|log in|sign in|sign-in|single sign)", "a login page"),
)
#: Values of the `Server` header, by their beginnings.
_SERVERS: tuple[tuple[str, str], ...] = (
    ("awselb", "AWS ALB"), ("cloudflare", "Cloudflare"), ("nginx", "nginx"), ("openresty", "nginx"),
    ("apache", "Apache"), ("envoy", "Envoy"), ("istio-envoy", "Envoy"), ("caddy", "Caddy"), ("traefik", "Traefik"),
    ("haproxy", "HAProxy"), ("microsoft-iis", "IIS"), ("microsoft-httpapi", "IIS"), ("akamaighost", "Akamai"),
    ("varnish", "Varnish"), ("kong", "Kong"), ("squid", "Squid"), ("cloudfront", "CloudFront"),
)  # fmt: skip
#: Headers that only one product sends.
_HEADERS: tuple[tuple[str, str], ...] = (
    ("cf-ray", "Cloudflare"), ("x-envoy-upstream-service-time", "Envoy"), ("x-amzn-errortype", "AWS API Gateway"),
    ("x-amz-apigw-id", "AWS API Gateway"), ("x-amz-cf-id", "CloudFront"), ("x-varnish", "Varnish"),
    ("x-squid-error", "Squid"), ("x-kong-response-latency", "Kong"), ("x-azure-ref", "Azure Front Door"),
)  # fmt: skip
#: The whole text of the default pages of Go's proxies, which Traefik does not change.
_TRAEFIK = frozenset({"404 page not found", "Bad Gateway", "Gateway Timeout", "Service Unavailable"})


def answerer_of(exchange: Exchange) -> Answerer | None:
    """Return who sent this response in the API's place; None for the API's own JSON and where no response came."""
    response = exchange.response
    if response is None or _is_of_the_api(exchange):
        return None
    body = response.body if isinstance(response.body, bytes) else response.body.head
    text = body[:MAX_LOOKED_AT].decode("utf-8", "replace")
    name = _by_page(text) or _by_headers(response) or (_is_plain(response, text) and "Traefik") or UNKNOWN
    return Answerer(name, response.status, _telling_words(text, response.status))


def _is_of_the_api(exchange: Exchange) -> bool:
    """Whether the body has the contract's shape: an object with `data` or `error`."""
    if not isinstance(exchange.parsed, strict_json.Parsed):
        return False
    return isinstance(exchange.value, dict) and bool({"data", "error"} & exchange.value.keys())


def _by_page(text: str) -> str:
    lowered = text.strip().lower()
    return next((name for pattern, name in _PAGES if re.search(pattern, lowered)), "")


def _by_headers(response: Response) -> str:
    server = (response.header("server") or "").lower()
    named = next((name for start, name in _SERVERS if server.startswith(start)), "")
    return named or next((name for header, name in _HEADERS if response.header(header) is not None), "")


def _is_plain(response: Response, text: str) -> bool:
    plain = (response.header("content-type") or "").lower().startswith("text/plain")
    return plain and text.strip() in _TRAEFIK


def _telling_words(text: str, status: int) -> str:
    """The line that says most: what follows the status line of a stock page, or else its title."""
    title = _TITLE.search(text)
    body = _SCRIPT.sub(" ", _TITLE.sub("", text))
    lines = [_clean(line) for line in _TAG.sub("\n", body).splitlines()]
    generic = re.compile(
        rf"(?:{status}\b(?! page not found).*|(?:nginx|apache|openresty|cloudflare|microsoft-iis)\b.*)", re.IGNORECASE
    )
    telling = [line for line in lines if line and not generic.fullmatch(line)]
    headings = [line for line in (_clean(title[1]) if title else "", *lines) if line]
    best = telling[0] if telling else next((line for line in headings), "").removeprefix(f"{status} ")
    return best if len(best) <= MAX_QUOTED else best[: MAX_QUOTED - 1] + "…"


def _clean(text: str) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", unescape(text)).replace('"', "'").split())
