"""URLs of the target and of proxies: parsed in one way by what validates them and by what connects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, unquote

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 2000
MAX_HOST = 253
MAX_PORT = 65535
_AUTHORITY_PATH = re.compile(r"([^/?#]*)([^?#]*)(.*)")  # and what follows; it matches any text of one line
_HOST_PORT = re.compile(r"(\[.*\]|[^:]*):?(.*)")  # it matches any text of one line, too
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
    """Return the parts of a URL. Raises UrlError, also for what could not be connected to."""
    if len(text) > MAX_LENGTH:
        raise UrlError(f"it is longer than {MAX_LENGTH:,} characters")
    if not re.fullmatch(r"[\x21-\x7e]+", text) or "\\" in text:
        raise UrlError("it contains a character that URLs cannot contain")
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise UrlError("the scheme must be http or https")
    authority, path, more = _AUTHORITY_PATH.findall(rest)[0]
    user, at, address = authority.rpartition("@")
    host, port = _host_and_port(address)
    username, colon, password = user.partition(":")
    return HttpUrl(
        scheme,
        host,
        None if port == DEFAULT_PORTS[scheme] else port,
        # dot segments stay as they are
        quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path), _PATH_SAFE),
        unquote(username) if at else None,
        unquote(password) if colon else None,
        has_more=bool(more),
    )


def _host_and_port(address: str) -> tuple[str, int | None]:
    """Separate the two. Raises UrlError."""
    host, port = _HOST_PORT.findall(address)[0]
    if port and not port.isdigit():
        if address.count("[") != address.count("]"):
            raise UrlError("host and port cannot be separated; write an IPv6 address in brackets")
        raise UrlError("the port is not a number")
    host = _checked_host(host)
    if port and not 0 < int(port) <= MAX_PORT:
        raise UrlError(f"the port is greater than {MAX_PORT}" if int(port) else "the port must not be 0")
    return host, int(port) if port else None


def _checked_host(host: str) -> str:
    """The host without brackets. Raises UrlError for one that the system's resolver would refuse to look up."""
    if not host:
        raise UrlError("it has no host")
    if host.startswith("[") and host.endswith("]"):
        try:
            IPv6Address(host[1:-1].replace("%", " "))  # a URL cannot have an address with a zone
        except ValueError:
            raise UrlError("the host is not an IPv6 address") from None
        return host[1:-1]
    if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", host):
        try:
            IPv4Address(host)
        except ValueError:
            raise UrlError("the host is not an IPv4 address") from None
    labels = host.removesuffix(".").split(".")
    if len(host) > MAX_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise UrlError("the host is not a host name")
    return host.lower()
