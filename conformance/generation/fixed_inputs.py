"""Inputs that break careless servers, sent in every run whatever the seed.

They are the inputs that the contract lists in "Settled since the first release", by what is odd about them and by the
clause that says how they must be answered, and some more at the end. What is generated from the seed comes beside them.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.http.exchange import Headers

Oddity = Literal[
    "inherited name", "operator", "list given twice", "number beyond 64 bits", "number beyond doubles", "format marker",
    "template marker", "SQL metacharacter", "path metacharacter", "lone surrogate", "NUL",
]  # fmt: skip

NUMBER, SIZE = "page%5Bnumber%5D", "page%5Bsize%5D"
#: Decimal digits of a number that no 64-bit integer, and of one that no double can hold.
BEYOND_64_BITS = ("9223372036854775808", "18446744073709551616", "99999999999999999999")
BEYOND_DOUBLES = ("1" + "0" * 400, "1e400")
#: An integer of more digits than Python reads by default (4,300); other languages have limits of their own.
MANY_DIGITS = "1" + "0" * 5000

#: Words that are odd wherever a client may put a word, percent-encoded as in a query.
WORDS: Mapping[Oddity, tuple[str, ...]] = {
    "inherited name": ("constructor", "__proto__", "toString", "hasOwnProperty", "__class__"),
    "format marker": ("%25s", "%7B%7D", "%25n"),
    "template marker": ("%24%7Bx%7D", "%7B%7B7*7%7D%7D"),
    "SQL metacharacter": ("%27", "%22", "id%27--", "id%3Bdrop", "%27%20OR%20%271%27=%271"),
    "path metacharacter": ("..%2F..%2Fetc%2Fpasswd", "..%5C", "%2F", "id.x"),
    "lone surrogate": ("%ED%A0%80",),
    "NUL": ("%00", "id%00"),
}


@dataclass(frozen=True)
class OddQuery:
    """One query string, and what is odd about it."""

    oddity: Oddity
    query: str


def page_and_sort_queries() -> list[OddQuery]:
    """Queries with an unusual page or sort (LIST-10)."""
    words = [OddQuery(oddity, f"sort={word}") for oddity, spellings in WORDS.items() for word in spellings]
    words += [OddQuery(oddity, f"{NUMBER}={spellings[0]}") for oddity, spellings in WORDS.items()]
    words += [OddQuery("inherited name", f"page%5B{name}%5D=1") for name in ("constructor", "__proto__")]
    operators = [f"{name}%5B{key}%5D=1" for name in ("sort", NUMBER, SIZE) for key in ("%24ne", "x", "")]
    operators += ["page%5B%5D=1", "page%5B0%5D=1", "page=1", "sort%5B0%5D=id", "page%5B%24gt%5D=0"]
    twice = ("sort=id&sort=-id", f"{NUMBER}=1&{NUMBER}=2", f"{SIZE}=2&{SIZE}=3")
    numbers = [(oddity, name, value) for name in (NUMBER, SIZE) for oddity, value in _numbers()]
    return [
        *words,
        *(OddQuery("operator", query) for query in operators),
        *(OddQuery("list given twice", query) for query in twice),
        *(OddQuery(oddity, f"{name}={value}") for oddity, name, value in numbers),
    ]


def include_queries() -> list[OddQuery]:
    """Queries with an unusual include (INC-6)."""
    words = [OddQuery(oddity, f"include={word}") for oddity, spellings in WORDS.items() for word in spellings]
    operators = (
        "include%5B%24ne%5D=1",
        "include%5B%5D=integrations",
        "include%5B0%5D=integrations",
        "include%5Bx%5D=1",
    )
    return [
        *words,
        *(OddQuery("operator", query) for query in operators),
        OddQuery("list given twice", "include=integrations&include=nope"),
        OddQuery("list given twice", "include=integrations&include=integrations"),
        OddQuery("number beyond 64 bits", f"include={BEYOND_64_BITS[1]}"),
        OddQuery("number beyond doubles", f"include={BEYOND_DOUBLES[0]}"),
    ]


def unknown_parameters() -> list[OddQuery]:
    """Queries with parameters that the contract does not name, and nearly all of different names (HTTP-3)."""
    names = [OddQuery("inherited name", f"{name}=1") for name in (*WORDS["inherited name"], "__proto__%5Ba%5D")]
    words = [(oddity, word) for oddity, spellings in WORDS.items() for word in spellings[:2]]
    return [
        *names,
        *(OddQuery(oddity, f"x{place}={value}") for place, (oddity, value) in enumerate([*words, *_numbers()])),
        *(OddQuery("operator", f"{name}%5B{key}%5D=1") for name, key in (("u", "%24ne"), ("v", "x"), ("w", ""))),
        OddQuery("operator", "%24where=1"),
        OddQuery("list given twice", "x=1&x=2"),
    ]


def _numbers() -> list[tuple[Oddity, str]]:
    beyond_64_bits: list[tuple[Oddity, str]] = [("number beyond 64 bits", value) for value in BEYOND_64_BITS]
    return beyond_64_bits + [("number beyond doubles", value) for value in BEYOND_DOUBLES]


# ---------------------------------------------------------------- headers


@dataclass(frozen=True)
class OddHeaders:
    """Headers that are odd, or missing, and the body that they go with; `label` says what is odd about them."""

    label: str
    headers: Headers = ()
    without: tuple[str, ...] = ()
    body: bytes | None = None


def read_headers() -> list[OddHeaders]:
    """Unusual headers for a read (HTTP-3)."""
    return [
        OddHeaders("no User-Agent", without=("user-agent",)),
        OddHeaders("an empty User-Agent", (("User-Agent", ""),)),
        OddHeaders("no Accept", without=("accept",)),
        OddHeaders("an Accept that excludes JSON", (("Accept", "application/xml"),)),
        OddHeaders("an Accept of a browser", (("Accept", "text/html,application/xhtml+xml;q=0.9"),)),
        OddHeaders("an Accept that excludes everything", (("Accept", "*/*;q=0"),)),
        OddHeaders("a malformed Accept", (("Accept", ";q=x,,/"),)),
        OddHeaders("a GET with a body", (("Content-Type", "application/json"),), body=b'{"x":1}'),
        OddHeaders("a satisfiable Range", (("Range", "bytes=0-1"),)),
        OddHeaders("an unsatisfiable Range", (("Range", "bytes=9-1"),)),
        OddHeaders("a Range of the last byte", (("Range", "bytes=-1"),)),
        OddHeaders("a malformed Range", (("Range", "bytes=x"),)),
        OddHeaders("If-None-Match", (("If-None-Match", "*"),)),
        OddHeaders("If-Modified-Since", (("If-Modified-Since", "yesterday"),)),
        OddHeaders("an Expect", (("Expect", "100-continue"),)),
    ]


def restore_headers(body: bytes) -> list[OddHeaders]:
    """Unusual headers for a job request; `body` is a request for a restore to an unknown instance (HTTP-3)."""
    return [
        OddHeaders("no User-Agent", without=("user-agent",), body=body),
        OddHeaders("an empty User-Agent", (("User-Agent", ""),), body=body),
        OddHeaders("no Accept", without=("accept",), body=body),
        OddHeaders("an Accept that excludes JSON", (("Accept", "application/xml"),), body=body),
        OddHeaders("a malformed Accept", (("Accept", ";q=x,,/"),), body=body),
        OddHeaders("a gzip body", (("Content-Encoding", "gzip"),), body=gzip.compress(body, mtime=0)),
        OddHeaders("a body that is not gzip", (("Content-Encoding", "gzip"),), body=body),
        OddHeaders("an unknown Content-Encoding", (("Content-Encoding", "x-nope"),), body=body),
        OddHeaders("a chunked body", (("Transfer-Encoding", "chunked"),), body=body),
        OddHeaders("Expect: 100-continue", (("Expect", "100-continue"),), body=body),
        OddHeaders("an unknown Expect", (("Expect", "nope"),), body=body),
        OddHeaders("a Range", (("Range", "bytes=0-1"),), body=body),
    ]


# ---------------------------------------------------------------- bodies

#: The same words as text of a JSON body.
TEXTS: Mapping[Oddity, tuple[str, ...]] = {
    "inherited name": WORDS["inherited name"],
    "format marker": ("%s", "{}", "%n"),
    "template marker": ("${x}", "{{7*7}}"),
    "SQL metacharacter": ("'", '"', "x' OR '1'='1", "x; DROP TABLE backups"),
    "path metacharacter": ("../", "..\\", "/"),
    "lone surrogate": ("\ud800",),
    "NUL": ("\0",),
}
#: Members with names or values that a careless parser stumbles over.
_ODD_MEMBERS: Mapping[Oddity, tuple[bytes, ...]] = {
    "inherited name": (b'"__proto__":{"a":1}', b'"constructor":{"prototype":{}}', b'"toString":1', b'"__class__":"x"'),
    "operator": (b'"$where":"1"', b'"u":{"$ne":1}'),
    "list given twice": (b'"x":1,"x":2', b'"action":"restore","action":"restore"'),
}


def odd_texts() -> list[tuple[Oddity, str]]:
    """Every odd text, for the members of a job request that hold text (JOB-6, JOB-8)."""
    return [(oddity, text) for oddity, texts in TEXTS.items() for text in texts]


def odd_bodies(instance: str) -> list[tuple[Oddity, bytes]]:
    """Job requests to an unknown instance, each with one odd member beside those that it needs (HTTP-3).

    Most members have names of their own, so that one request can have several.
    """
    members: list[tuple[Oddity, bytes]] = [(oddity, part) for oddity, parts in _ODD_MEMBERS.items() for part in parts]
    values = [(oddity, number.encode()) for oddity, number in (*_numbers(), ("number beyond doubles", MANY_DIGITS))]
    values += [(oddity, json.dumps(text).encode()) for oddity, text in odd_texts()]
    members += [(oddity, b'"x%d":%b' % (place, value)) for place, (oddity, value) in enumerate(values)]
    return [(oddity, b"%b%b}" % (beginning_of_body(instance), member)) for oddity, member in members]


def beginning_of_body(instance: str) -> bytes:
    """A job request to an instance, up to where another member may follow."""
    return b'{"action":"restore","contents":{"instance_id":%b},' % json.dumps(instance).encode()


# ---------------------------------------------------------------- beside what the contract lists

ODD_HUBS = ("0", "null", "not a hub", "' OR '1'='1", "%00", "z" * 24, "a" * 500)
ODD_QUERIES = (
    "include=%FF",
    "sort=%00",
    "include=%",
    "sort=%zz",
    "include=%E0%A4%A",
    "%=1",
    "a=" + "b" * 2000,
    "page=1",
    "include[]=integrations",
    "&&=&",
    "%E2%82%AC=1",
    "include=nope%0D%0AX-Nope:%20nope%0D%0A%0D%0A",  # copied into a header, it would end the headers
)
#: headers that browsers and proxies may add, beside those that every run must send
ODD_HEADERS = (
    ("Accept-Language", "x" * 500),
    ("X-Forwarded-For", "' OR 1=1 --"),
    ("Cookie", 'a; =; session="nonsense'),
    ("Origin", "null"),
    ("Origin", "://"),
    ("Content-Type", "application/xml"),
)
#: and such as the HTTP library or the logging of a server reads
MALFORMED_HEADERS = (
    ("Accept-Encoding", ";q=x,,gzip;q=nope"),
    ("X-Request-Id", "not an id"),
    ("Forwarded", "for=;;="),
)
#: legal values of unknown members, beside the values that every run must send
ODD_VALUES = (
    b"[" * 300 + b"]" * 300,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b'"\\udfff\\ud800"',
    b"-0.0000000000000000000000000000001e-400",
    b'"' + b"x" * 100_000 + b'"',
)
ODD_BODIES = (
    *(b"[" * 50_000, b"{" * 500, b"[]", b"[null]", b"7", b'"restore"', b"null", b"1e999"),
    *(b"\xff\xfe{\x00}\x00", b"\x00", b"\xef\xbb\xbf{}", b"\xed\xa0\x80"),
)
ODD_TYPES = ("", ";", "application/json; charset=nope", "application/json; charset=utf-7", "multipart/form-data", "/")
