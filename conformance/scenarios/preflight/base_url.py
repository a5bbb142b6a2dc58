"""Whether the base URL is that of this API. A redirect, a foreign page or one refusal of everything stops the run."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from conformance.http.intermediaries import answerer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.config.secrets import Key
    from conformance.config.target import Target
    from conformance.http.exchange import Exchange
    from conformance.http.intermediaries import Answerer

#: What to change, by a part of the reason why no response came.
FAILURES: tuple[tuple[str, str], ...] = (
    ("certificate is not accepted", "set target.verify_tls to a file with the CA that signed it, or to false"),
    (
        "alert bad certificate",
        "set target.client_cert and target.client_key: the server requires a client certificate, or another one",
    ),
    ("alert unknown ca", "check target.client_cert: the server does not know the authority that signed it"),
    ("certificate required", "set target.client_cert and target.client_key: the server requires a client certificate"),
    ("wrong version number", "the port speaks plain HTTP: write http:// in target.base_url"),
    ("record layer failure", "the port speaks plain HTTP: write http:// in target.base_url"),
    ("connection refused", "nothing listens there: check host and port of target.base_url"),
    ("name or service not known", "no such host: check target.base_url"),
    ("name resolution", "the host name cannot be resolved now: check target.base_url and the network"),
    ("no address associated", "no such host: check target.base_url"),
)
#: Parts of reasons that are about the proxy, where there is one: it is what the client connects to.
OF_THE_PROXY = ("connection refused", "no connection", "the proxy refused")
#: What to change, by a part of the words of an intermediary.
PAGES: tuple[tuple[str, str], ...] = (
    (
        "ssl certificate was sent",
        "set target.client_cert and target.client_key: the server requires a client certificate",
    ),
    ("http request was sent to https port", "write https:// in target.base_url"),
    ("http request to an https server", "write https:// in target.base_url"),
    ("reason: you're speaking plain http", "write https:// in target.base_url"),
    (
        "ssl certificate error",
        "check target.client_cert and target.client_key: the server does not accept the certificate",
    ),
)
#: What to change, by the code with which everything is refused.
CODES: dict[str, tuple[str, str]] = {
    "404.hub": ("target.hub_id", "the target knows no such hub"),
    "403.wrong-hub": ("target.hub_id", "the key is of another hub"),
    "404.container": ("fixtures.container_id", "the target knows no such container"),
    "404.uri": ("target.base_url", "the API is not at this path"),
    "403.permissions": ("keys", "the key lacks containers-backups-view"),
}
TLS_TIMEOUT_S = 3.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def is_of_the_contract(exchange: Exchange) -> bool:
    """Whether a response has one of the contract's shapes, which proves the base URL."""
    if exchange.oauth or (exchange.is_success and exchange.is_judgeable_success):
        return exchange.oauth or exchange.data is not None
    return exchange.status is not None and exchange.status >= 400 and isinstance(exchange.error.get("code"), str)


def cause_of_silence(target: Target, failure: str) -> str:
    """Say in one line why the target cannot be reached, and what to change."""
    hint = next((fix for part, fix in FAILURES if part in failure.lower()), "")
    if target.proxy is not None and any(part in failure for part in OF_THE_PROXY):
        return f"{failure} ({target.base_url}, through the proxy of {_setting(target.proxy)}); {_fix_of(target.proxy)}"
    if not hint and urlsplit(target.base_url).scheme == "http" and _speaks_tls(target.base_url):
        hint = "the port speaks TLS: write https:// in target.base_url"
    return f"{failure} ({target.base_url})" + (f"; {hint}" if hint else "")


def _setting(proxy: Key) -> str:
    """The member of the target file, or the environment variable, that names a proxy."""
    return "target.proxy" if proxy.name == "proxy" else proxy.name


def _fix_of(proxy: Key) -> str:
    setting = _setting(proxy)
    if setting == "target.proxy":
        return "check target.proxy, or leave it out"
    return f"check {setting}, or name the target's host in NO_PROXY"


def stopping_cause(target: Target, exchanges: Sequence[Exchange], fix_of_hub: str = "") -> tuple[str, str]:
    """Return the cause that holds for every address that was read, and who answered instead of the API.

    `fix_of_hub` says what to change where the hub is refused, if more is known than that it is wrong.

    Both are empty if one of the responses has the contract's shape, and they are not all refused with one code.
    """
    answered = [exchange for exchange in exchanges if exchange.status is not None]
    if not answered:
        return "", ""
    if not any(map(is_of_the_contract, answered)):
        return _foreign_cause(target, answered)
    codes = {exchange.code for exchange in answered}
    code = next(iter(codes)) if len(codes) == 1 else None
    if code is None or code not in CODES or any(exchange.is_success for exchange in answered):
        return "", ""
    member, what = CODES[code]
    if member == "keys":
        return f"keys.{answered[0].request.key}: {what} ({code} on every address); give it view and manage", ""
    return _refused(target, member, what, code, fix_of_hub), ""


def _foreign_cause(target: Target, answered: Sequence[Exchange]) -> tuple[str, str]:
    """The cause where no response has the contract's shape: one redirect, or one intermediary, for all of them.

    A redirect to its own address with a slash behind it is no such cause: no base URL would avoid it (HTTP-9).
    """
    if any(_is_sent_to_its_own_address(target, exchange) for exchange in answered):
        return "", ""
    if to := _redirected_to(target, answered):
        return f'{target.base_url}: everything is redirected to {to}; write base_url = "{to}"', ""
    if location := _one_location(answered):
        words = f"{target.base_url}: everything is redirected to {location}"
        return f"{words}; if that is a login, set [headers] to what it requires, else write the URL of the API", ""
    answerer = _one_answerer(answered)
    return (_foreign(target, answerer, len(answered)), answerer.name) if answerer else ("", "")


def _refused(target: Target, member: str, what: str, code: str, fix_of_hub: str) -> str:
    path = urlsplit(target.base_url).path.rstrip("/")
    if member == "target.hub_id":
        fix = "set target.hub_id to one that exists" if code == "404.hub" else "set target.hub_id to the hub of the key"
        return f"{member}: {what} ({target.hub_id}: {code} on every address); {fix_of_hub or fix}"
    if member != "target.base_url":
        value = target.fixtures.container_id
        return f"{member}: {what} ({value}: {code} on every address); set {member} to one that exists"
    if path.endswith("/v1"):
        return f"{member}: {what} ({code} on every address); leave /v1 out, requests add it"
    return f"{member}: {what} ({code} on every address of {target.base_url}); check its path"


def _redirected_to(target: Target, exchanges: Sequence[Exchange]) -> str:
    """The base URL to which every request is redirected, keeping its path; empty if there is no such URL."""
    bases = set()
    for exchange in exchanges:
        location = exchange.response.header("location") if exchange.response else None
        if exchange.status not in REDIRECTS or not location:
            return ""
        asked = f"{urlsplit(target.base_url).path.rstrip('/')}{exchange.request.target}"
        if location.startswith("/"):
            return ""
        bases.add(location.removesuffix(asked).rstrip("/") if location.endswith(asked) else "")
    return next(iter(bases)) if len(bases) == 1 else ""


def _is_sent_to_its_own_address(target: Target, exchange: Exchange) -> bool:
    """Whether the response is a redirect to the address that was asked for, with a slash behind it or without one."""
    location = exchange.response.header("location") if exchange.response else None
    if exchange.status not in REDIRECTS or not location:
        return False
    asked = urlsplit(f"{target.base_url.rstrip('/')}{exchange.request.target}")
    to = urlsplit(urljoin(asked.geturl(), location))
    same = (to.scheme, to.netloc, to.path.rstrip("/")) == (asked.scheme, asked.netloc, asked.path.rstrip("/"))
    return same and to.path != asked.path


def _one_location(exchanges: Sequence[Exchange]) -> str:
    """The one URL to which every request is redirected, without its query; empty if they differ."""
    locations = {
        (exchange.response.header("location") or "").partition("?")[0] if exchange.response else ""
        for exchange in exchanges
        if exchange.status in REDIRECTS
    }
    return locations.pop() if len(locations) == 1 and all(answer.status in REDIRECTS for answer in exchanges) else ""


def _one_answerer(exchanges: Sequence[Exchange]) -> Answerer | None:
    """The intermediary that sent every response; None if one of them is not a foreign page, or they differ."""
    answerers = {answerer_of(exchange) for exchange in exchanges}
    return next(iter(answerers)) if len(answerers) == 1 else None


def _foreign(target: Target, answerer: Answerer, count: int) -> str:
    words = str(answerer)
    hint = next((fix for part, fix in PAGES if part in words.lower()), "")
    if answerer.status == 407:
        setting = _setting(target.proxy) if target.proxy is not None else "the proxy"
        hint = f"check user and password in {setting}"
    if not hint and answerer.status in (401, 403):
        hint = "set [headers] if the gateway requires a token of its own"
    if not hint and 300 <= answerer.status < 400:
        hint = "write the URL of the API itself"
    hint = hint or "check target.base_url"
    return f"{target.base_url}: answered by {words}, not by the API ({count} of {count} addresses); {hint}"


def _speaks_tls(base_url: str) -> bool:
    """Whether a TLS handshake with the host of a plain URL gets an answer in TLS."""
    url = urlsplit(base_url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((url.hostname or "", url.port or 80), TLS_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=url.hostname),
        ):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "") or "CERTIFICATE" in (error.reason or "")
    except (OSError, ValueError):
        return False
