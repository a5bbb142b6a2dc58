"""URLs of the target and of proxies: parsed in one way by what validates them and by what connects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import quote

from conformance import _compat

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 2000
MAX_HOST = 253
MAX_PORT = 65535
_AUTHORITY_PATH = re.compile(r"([^/?#]*)([^?#]*)(.*)")  # and what follows; it matches any text of one line
#: what a path may hold as it is, beside letters and digits (RFC 3986, section 3.3)
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"
#: a label of a host name; underscores occur in the names of services inside a cluster
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")


class UrlError(ValueError):
    """A text cannot be used as a URL. The message says why in a few words, and never quotes the text."""


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """An http or https URL.

    `host` is in lower case and without brackets, `port` is None for the default of the scheme, and `path` is
    percent-encoded.
    """

    scheme: str
    host: str
    port: int | None = None
    path: str = ""
    username: str | None = None
    password: str | None = None
    #: Whether a query or a fragment follows, be it an empty one.
    has_more: bool = False

    @property
    def netloc(self) -> str:
        """Host and port as a `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by its name or address."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse(text: str) -> HttpUrl:
    """Return the parts of a URL, as httpx sees them. Raises UrlError, also for what could not be connected to."""
    httpx = _compat.httpx()

    if len(text) > MAX_LENGTH:
        raise UrlError(f"it is longer than {MAX_LENGTH:,} characters")
    if not re.fullmatch(r"[\x21-\x7e]+", text) or "\\" in text:
        raise UrlError("it contains a character that URLs cannot contain")
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in DEFAULT_PORTS:
        raise UrlError("the scheme must be http or https")
    authority, path, more = _AUTHORITY_PATH.findall(rest)[0]
    try:
        url = httpx.URL(f"{scheme.lower()}://{rest}")
    except httpx.InvalidURL:
        raise UrlError(_problem(authority)) from None
    host = url.raw_host.decode("ascii")
    _require_host(host)
    if url.port is not None and not 0 < url.port <= MAX_PORT:
        raise UrlError("the port must not be 0" if url.port == 0 else f"the port is greater than {MAX_PORT}")
    has_user = "@" in authority
    return HttpUrl(
        url.scheme,
        host,
        url.port,
        # httpx would remove dot segments
        quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path), _PATH_SAFE),
        url.username if has_user else None,
        url.password if ":" in authority.rpartition("@")[0] else None,
        has_more=bool(more),
    )


def _require_host(host: str) -> None:
    """Raise UrlError for a host that the system's resolver would refuse to look up."""
    if not host:
        raise UrlError("it has no host")
    if ":" in host:
        try:
            IPv6Address(host.replace("%", " "))  # a URL cannot have an address with a zone
        except ValueError:
            raise UrlError("the host is not an IPv6 address") from None
        return
    labels = host.removesuffix(".").split(".")
    if len(host) > MAX_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise UrlError("the host is not a host name")


def _problem(authority: str) -> str:
    """Say what httpx refused, in our words: its own message quotes the URL."""
    host, _, port = authority.rpartition("@")[2].partition(":")
    if authority.count("[") != authority.count("]"):
        return "host and port cannot be separated; write an IPv6 address in brackets"
    if "[" in authority:
        return "the host is not an IPv6 address"
    if re.fullmatch(r"[0-9.]+", host):
        return "the host is not an IPv4 address"
    return "the port is not a number" if port and not port.isdigit() else "the host is not a host name"
