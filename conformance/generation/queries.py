"""Query strings: page, sort and include values in and out of their grammar.

Each strategy is built once for all runs of a process: hypothesis validates a new one when it is first drawn from.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import strategies as st

from conformance.generation import text

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

NUMBER, SIZE = "page%5Bnumber%5D", "page%5Bsize%5D"
#: numbers at which counting goes wrong: the ends of the usual integers, and what lies a little beyond them
EDGES = tuple(2**bits + more for bits in (15, 16, 31, 32, 53, 63, 64, 127) for more in (-1, 0, 1)) + tuple(
    10**digits for digits in (9, 17, 18, 19, 20, 40, 309)
)
NO_NUMBERS = ("1.5", "1,5", " 1", "1 ", "+1", "1_0", "1e3", "1e400", "0b1", "\u0661", "\u4e00", "\xbd")
UNKNOWN_SORTS = (*text.WORDS, "nope", "-nope")
UNKNOWN_INCLUDES = (*text.WORDS, "nope", "creators", "hubs", "integrations.creator", "integration", "INTEGRATIONS")
LONGEST = 2000


def pair(name: str, value: str) -> str:
    """One parameter, its value encoded."""
    return f"{name}={quote(value, safe='')}"


@cache
def pages() -> dict[str, SearchStrategy[str]]:
    """Page parameters, each odd in one way, and both at once."""
    either = st.sampled_from([NUMBER, SIZE])
    edge = st.sampled_from(EDGES)
    small = st.integers(0, 3)
    far, full = st.integers(10**17, 10**18 - 1), st.integers(100, 1000)
    odd = {
        "a page number of 0": small.map(lambda size: f"{NUMBER}=0" + (f"&{SIZE}={size}" if size else "")),
        "a page size of 0": small.map(lambda number: f"{SIZE}=0" + (f"&{NUMBER}={number}" if number else "")),
        "a negative page number": st.integers(1, 2**64).map(lambda number: f"{NUMBER}={-number}"),
        "a negative page size": st.integers(1, 2**64).map(lambda number: f"{SIZE}={-number}"),
        "a huge page number": edge.map(lambda number: f"{NUMBER}={number}"),
        "a page number of twenty digits": st.integers(10**19, 10**20 - 1).map(lambda number: f"{NUMBER}={number}"),
        "a huge page size": edge.map(lambda number: f"{SIZE}={number}"),
        "a page beyond 63 bits": st.builds(lambda number, size: f"{NUMBER}={number}&{SIZE}={size}", far, full),
        "huge pages": st.builds(lambda number, size: f"{NUMBER}={number}&{SIZE}={size}", edge, edge),
    }
    words = st.sampled_from((*text.WORDS, *NO_NUMBERS))
    odd |= {
        "a page that is a word": st.builds(pair, either, words),
        "a page in other digits": st.builds(pair, either, text.in_other_digits("17")),
        "a page with a NUL": st.builds(pair, either, text.inserted("12", st.sampled_from(["\0", "\n", "\u200b"]))),
        "an empty page": either.map(lambda name: f"{name}="),
        "a page given twice": st.builds(
            lambda name, first, second: f"{name}={first}&{name}={second}", either, small, edge
        ),
        "a page under another name": st.builds(lambda name, number: f"{name}={number}", _names(), small),
    }
    return odd


def _names() -> SearchStrategy[str]:
    spelled = ["page", "page[]", "page[number", "page[number][]", "page[number][x]", "page[]number", "Page[Number]"]
    spelled += [
        "page.number",
        "page_number",
        "page[size][]",
        "[page]",
        "page[page[number]]",
        "page[0]",
        "page[__proto__]",
    ]
    return st.sampled_from(spelled).map(lambda name: quote(name, safe=""))


@cache
def sorts() -> dict[str, SearchStrategy[str]]:
    """Unknown sorts."""
    dashes = st.sampled_from(["-", "--", "+", "-,", ",", ",id", "id,", "id,,id", "id,-id", "- id", "-id-", " id", "ID"])
    names = st.sampled_from(["id.", ".id", "id.x", "events.created.x", "target[size]", "$id", "id;", "id desc", "id'"])
    either = st.sampled_from(["id", "-id", "x"])
    return {
        "a sort by an unknown member": st.sampled_from(UNKNOWN_SORTS).map(lambda word: pair("sort", word)),
        "a garbled sort": st.one_of(dashes, names).map(lambda word: pair("sort", word)),
        "a sort with a NUL": text.inserted("id", st.just("\0")).map(lambda word: pair("sort", word)),
        "a sort in other scripts": text.exotic().map(lambda word: pair("sort", word)),
        "an empty sort": st.just("sort="),
        "a sort given twice": st.builds(lambda first, second: f"sort={first}&sort={second}", either, either),
        "a long sort": text.long("id,", 256, LONGEST).map(lambda value: pair("sort", value)),
    }  # fmt: skip


@cache
def includes() -> dict[str, SearchStrategy[str]]:
    """Unknown includes, and the known one garbled; none may cause a server error."""
    known = "integrations"
    words = st.sampled_from(UNKNOWN_INCLUDES)
    garbled = st.sampled_from(
        [f"{known},", f",{known}", f"{known},,nope", f" {known}", f"{known} ", f"[{known}]", f'"{known}"', "-" + known]
    )
    return {
        "an include given twice": st.sampled_from([known, "nope", ""]).map(
            lambda other: f"include={known}&include={other}"
        ),
        "an include named twice": st.integers(2, 40).map(lambda count: f"include={','.join([known] * count)}"),
        "an unknown include": words.map(lambda word: pair("include", word)),
        "an unknown include beside the known one": words.map(lambda word: f"include={known},{quote(word, safe='')}"),
        "a garbled include": garbled.map(lambda word: pair("include", word)),
        "an empty include": st.sampled_from(["include", "include=", "include=,", "include=,,,"]),
        "an include with a NUL": text.inserted(known, st.just("\0")).map(lambda word: pair("include", word)),
        "an include in other scripts": text.exotic().map(lambda word: pair("include", word)),
        "an include with invisible characters": text.inserted(known, st.sampled_from(text.INVISIBLE)).map(
            lambda word: pair("include", word)
        ),
        "a long include": text.long("nope,", 256, LONGEST).map(lambda value: pair("include", value)),
        "an include as a list": st.sampled_from(["include[]", "include[0]", "include[x]", "Include", "include%00"]).map(
            lambda name: f"{quote(name, safe='%')}={known}"
        ),
    }


def _quoted(name: str) -> str:
    return quote(name, safe="")


@cache
def strange() -> dict[str, SearchStrategy[str]]:
    """Query strings beside the documented parameters: names, numbers and encodings."""
    return {
        "an unknown parameter": st.builds(
            pair, text.printable(12).map(lambda name: quote(name, safe="")), text.printable()
        ),
        "a parameter in other scripts": st.builds(pair, text.exotic(8).map(_quoted), text.exotic()),
        "a parameter without a name": st.sampled_from(["=", "=1", "&", "&&=&", "?", ";", "%00=1", "a=&a", "%"]),
        "bytes that are no UTF-8": st.sampled_from(["%FF", "%C3%28", "%ED%A0%80", "%F8%88%80%80%80", "%C0%AF"]).map(
            lambda byte: f"x={byte}"
        ),
        "half an encoding": st.sampled_from(["%", "%2", "%zz", "%u0041", "%%", "%-1"]).map(lambda half: f"x={half}"),
        "many parameters": st.integers(50, 300).map(lambda count: "&".join(f"p{number}=1" for number in range(count))),
        "a long parameter": text.long("x", 1000, LONGEST).map(lambda value: f"x={value}"),
    }
