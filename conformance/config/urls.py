"""URLs of the target and of proxies: parsed in one way by what validates them and by what connects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, unquote

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 2000
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)")
_AUTHORITY = re.compile(
    r"(?:(?P<user>[^:]*)(?P<colon>:)?(?P<password>.*)@)?(?P<host>\[[^\[\]@]*\]|[^:@\[\]]*)(?::(?P<port>[^:@]*))?"
)
#: a label of a host name; underscores occur in the names of services inside a cluster
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
#: what a path may hold as it is, beside letters and digits (RFC 3986, section 3.3)
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"


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
    """Return the parts of a URL. Raises UrlError."""
    if len(text) > MAX_LENGTH:
        raise UrlError(f"it is longer than {MAX_LENGTH:,} characters")
    if not re.fullmatch(r"[\x21-\x7e]+", text) or "\\" in text:
        raise UrlError("it contains a character that URLs cannot contain")
    url = _URL.fullmatch(text)
    if url is None or url["scheme"].lower() not in DEFAULT_PORTS:
        raise UrlError("the scheme must be http or https")
    scheme = url["scheme"].lower()
    authority = _AUTHORITY.fullmatch(url["authority"])
    if authority is None:
        raise UrlError("host and port cannot be told apart; an IPv6 address stands in brackets")
    host = _host(authority["host"])
    port = _port(authority["port"] or "", DEFAULT_PORTS[scheme])
    user = authority["user"]
    return HttpUrl(
        scheme,
        host,
        port,
        quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", url["path"]), _PATH_SAFE),
        None if user is None else unquote(user),
        unquote(authority["password"]) if authority["colon"] else None,
        has_more=bool(url["rest"]),
    )


def _host(text: str) -> str:
    """Return a host in lower case. Raises UrlError for what the system's resolver would refuse to look up."""
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1].replace("%", " ")))  # an address with a zone is none of a URL
        except ValueError:
            raise UrlError("the host is not an IPv6 address") from None
    if not text:
        raise UrlError("it has no host")
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise UrlError("the host is not a host name")
    if len(labels) == 4 and all(label.isdigit() for label in labels):
        try:
            IPv4Address(text)
        except ValueError:
            raise UrlError("the host is not an IPv4 address") from None
    return text.lower()


def _port(text: str, default: int) -> int | None:
    if not text:
        return None
    if not text.isdigit():
        raise UrlError("the port is not a number")
    port = int(text[:10])
    if port == 0:
        raise UrlError("the port must not be 0")
    if port > 65535:
        raise UrlError("the port is greater than 65535")
    return None if port == default else port
