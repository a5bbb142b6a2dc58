"""Families of hostile bodies: each gives a body of about any size, to see how time and memory grow with it."""

from __future__ import annotations

import base64
import itertools
import json
import random
import sys
from collections.abc import Callable

Family = Callable[[int], bytes]

SECRET = "the-full-key-of-a-hostile-server"
OID = "651586fca6078e98982dbd90"


def _filled(start: str | bytes, unit: str | bytes, end: str | bytes) -> Family:
    """`unit` again and again, between `start` and `end`."""
    first, middle, last = (part.encode() if isinstance(part, str) else part for part in (start, unit, end))

    def family(size: int) -> bytes:
        count = max(1, (size - len(first) - len(last)) // len(middle))
        return first + middle * count + last

    return family


def _list_of(item: str) -> Family:
    """A list answer of such items, the last of them null."""
    return _filled('{"data": [', f"{item}, ", "null]}")


def _members(start: str, member: Callable[[int], str], end: str) -> Family:
    """An object of members that are numbered."""

    def family(size: int) -> bytes:
        parts: list[str] = []
        length = 0
        for number in itertools.count():
            part = member(number)
            length += len(part) + 1
            if length > size:
                return (start + ",".join(parts) + end).encode()
            parts.append(part)
        raise AssertionError

    return family


def _deep(opening: str, closing: str) -> Family:
    def family(size: int) -> bytes:
        depth = size // (len(opening) + len(closing))
        return (opening * depth + "1" + closing * depth).encode()

    return family


def _nested_to_the_limit(size: int) -> bytes:
    """Arrays of 195 levels beside each other."""
    item = "[" * 195 + "]" * 195
    return ('{"data": [' + ",".join([item] * max(1, size // len(item))) + "]}").encode()


def _random_text(size: int) -> bytes:
    rng = random.Random(1)
    return b'{"data": "' + base64.b64encode(rng.randbytes(size * 3 // 4)) + b'"}'


def _backups(size: int) -> bytes:
    """An honest list."""
    return _backup_list(lambda _: {})(size)


def _backup_list(more: Callable[[int], dict[str, object]]) -> Family:
    times = dict.fromkeys(("created", "updated", "deleted"), "2024-01-01T00:00:00Z")

    def family(size: int) -> bytes:
        items: list[str] = []
        length = 0
        while length < size:
            number = len(items)
            target = {"integration_id": OID, "path": f"/a/{number}", "file_id": "f", "size": number}
            state = {"current": "live", "changed": times["created"]}
            ids = {"id": f"{number:024x}", "hub_id": OID, "container_id": OID, "instance_id": OID}
            items.append(json.dumps({**ids, "target": target, "state": state, "events": times, **more(number)}))
            length += len(items[-1])
        return f'{{"data": [{",".join(items)}]}}'.encode()

    return family


def _integrations(size: int) -> bytes:
    """Integrations that show a secret each."""
    integration = '"{0:024x}": {{"id": "{0:024x}", "auth": {{"secret": "s3cr3t-{0:08d}", "api_key": "{0:08d}"}}}}'
    body = _members('{"data": [], "includes": {"integrations": {', integration.format, "}}}")
    return body(size)


FAMILIES: dict[str, Family] = {
    "honest list": _backups,
    "list with nulls at optional members": _backup_list(lambda _: {"state": {"current": "live", "error": None}}),
    "list of items without members": _list_of("{}"),
    "list of empty arrays": _list_of("[]"),
    "list of small objects": _list_of('{"a": 1}'),
    "list of numbers": _list_of("1"),
    "list of empty strings": _list_of('""'),
    "list of equal items": _list_of(f'{{"id": "{OID}"}}'),
    "one name for all members": _filled('{"data": [], ', '"a": 1, ', '"b": 2}'),
    "distinct names": _members('{"data": [],', lambda number: f'"{number}": {number}', "}"),
    "each name twice": _members('{"data": [],', lambda number: f'"{number // 2}": 1', "}"),
    "objects with duplicates": _list_of('{"a": 1, "a": 2}'),
    "duplicates below a long name": lambda size: (
        b'{"' + b"x" * (size // 2) + b'": [' + b'{"a":1,"a":2},' * (size // 30) + b"1]}"
    ),
    "deep arrays": _deep("[", "]"),
    "deep objects": _deep('{"a":', "}"),
    "arrays that are never closed": _filled("", "[", ""),
    "deep arrays beside each other": _nested_to_the_limit,
    "one long integer": _filled('{"data": ', "7", "}"),
    "one long fraction": _filled('{"data": 0.', "7", "}"),
    "one long exponent": _filled('{"data": 1e', "7", "}"),
    "many long integers": _list_of("7" * 4000),
    "one long string": _filled('{"data": "', "x", '"}'),
    "random text": _random_text,
    "a string of zeros": _filled(b'{"data": "', b"\x00", b'"}'),
    "only zeros": _filled("", b"\x00", ""),
    "escaped quotes": _filled('{"data": "', '\\"', '"}'),
    "escaped quotes without an end": _filled('{"data": "', '\\"', ""),
    "escaped backslashes": _filled('{"data": "', "\\\\", '"}'),
    "percent escapes": _filled('{"data": "', "%41", '"}'),
    "percent escapes of percent signs": _filled('{"data": "', "%2525", '"}'),
    "HTML references": _filled('{"data": "', "&#65;", '"}'),
    "unicode escapes": _filled('{"data": "', "\\u0041", '"}'),
    "unicode escapes of a key": _filled('{"data": "', "".join(f"\\u{ord(c):04x}" for c in SECRET), '"}'),
    "surrogate pairs": _filled('{"data": "', "\\ud83d\\ude00", '"}'),
    "lone surrogates": _filled('{"data": "', "\\ud800", '"}'),
    "wide characters": _filled('{"data": "', "a😀", '"}'),
    "mixed escapes": _filled('{"data": "', '%41\\u0042&#67;\\"', '"}'),
    "the key again and again": _filled('{"data": "', f"{SECRET} ", '"}'),
    "the key in base64 again and again": _filled('{"data": "', base64.b64encode(SECRET.encode()).decode() + " ", '"}'),
    "the beginning of the key again and again": _filled('{"data": "', SECRET[:-1] + " ", '"}'),
    "secrets of integrations": _integrations,
    "one secret again and again": _filled('{"data": [', '{"auth": {"secret": "hunter2hunter2"}}, ', "null]}"),
    "masks": _filled('{"auth": {"secret": "', "*", '"}}'),
    "almost a mask": _filled('{"auth": {"secret": "', "*[a]", 'abcdefgh"}}'),
    "ellipses": _filled('{"data": "', "…", '"}'),
    "brackets in strings": _filled('{"data": "', "[{", '"}'),
    "quotes": _filled("", '"', ""),
    "commas": _filled("", ",", ""),
    "blanks": _filled("", " \t\r\n", ""),
    "a page of HTML": _filled("<!doctype html><title>", "<p>&nbsp;[x]{y},", "</html>"),
    "bytes that are not UTF-8": _filled('{"data": "', b"\xff\xfe", '"}'),
    "a long code": _filled('{"data": null, "error": {"status": 404, "code": "404', ".a", '", "title": "x"}}'),
    "a long code without dots": _filled(
        '{"data": null, "error": {"status": 404, "code": "404.', "a-", '", "title": "x"}}'
    ),
    "a long time": _filled('{"data": {"events": {"created": "2024-01-01T00:00:00.', "0", 'Z"}}}'),
    "a long source": _filled('{"data": null, "error": {"status": 422, "code": "422.x", "source": "', "/a~0", '"}}'),
    "job steps": _filled('{"data": {"job": {"tasks": [', '{"steps": []}, ', "null]}}}"),
    "free input": _members('{"data": {"tasks": [{"input": {', lambda number: f'"{number}": [{number}]', "}}]}}"),
    "array of strings with one number": _filled(
        '{"data": [], "includes": {"integrations": {"a": {"meta": {"definition": {"features": [', '"", ', "1]}}}}}}"
    ),
}

if __name__ == "__main__":
    sys.stdout.buffer.write(FAMILIES[sys.argv[1]](int(sys.argv[2])))
