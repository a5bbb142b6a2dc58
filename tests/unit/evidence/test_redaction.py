"""No secret survives in any encoding, and nothing but secrets is touched."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from conformance.contract.vocabulary import vocabulary
from conformance.evidence.encodings import MAX_PIECE
from conformance.evidence.redaction import DEEPEST, Redactor
from conformance.evidence.search import SHORTEST
from conformance.evidence.secret_members import is_masked, learn_secrets, mask_places

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "secret_aB+/9=z~Q7w8E9r0T1y2"


def all_unicode(text: str) -> str:
    return json.dumps(text)[1:-1] if not text.isascii() else "".join(f"\\u{ord(c):04X}" for c in text)


def all_percent(text: str, form: str = "%{:02x}") -> str:
    return "".join(form.format(byte) for byte in text.encode())


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "quote": lambda s: quote(s, safe=""),
    "quote with slashes": quote,
    "quote_plus": quote_plus,
    "quote, lower hex": lambda s: quote(s, safe="").lower() if s.islower() else all_percent(s),
    "all percent, upper hex": lambda s: all_percent(s, "%{:02X}"),
    "percent twice": lambda s: quote(quote(s, safe=""), safe=""),
    "json": lambda s: json.dumps(s)[1:-1],
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json with escaped slashes": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "json, all unicode": all_unicode,
    "json in json": lambda s: json.dumps(json.dumps(s)),
    "json of percent": lambda s: json.dumps(quote(s, safe=""))[1:-1],
    "html": html.escape,
    "html references": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "html hex references": lambda s: "".join(f"&#x{ord(c):X};" for c in s),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64url": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "base64 without padding": lambda s: base64.b64encode(s.encode()).decode().rstrip("="),
    "basic, as user": lambda s: base64.b64encode(f"{s}:".encode()).decode(),
    "basic, as password": lambda s: base64.b64encode(f":{s}".encode()).decode(),
    "basic, aligned at 2": lambda s: base64.b64encode(f"u:{s}".encode()).decode(),
    "basic, aligned at 0": lambda s: base64.b64encode(f"ab:{s}:cd".encode()).decode(),
    "base64 in a URL": lambda s: quote(base64.b64encode(f"a:{s}".encode()).decode(), safe=""),
    "base64 in escaped json": lambda s: base64.b64encode(s.encode()).decode().replace("/", "\\/"),
    "upper case": lambda s: "".join(c.upper() if c.isascii() else c for c in s),
    "lower case": lambda s: "".join(c.lower() if c.isascii() else c for c in s),
    "base32": lambda s: base64.b32encode(s.encode()).decode(),
    "base32, lower case, within": lambda s: base64.b32encode(f"ab{s}c".encode()).decode().lower(),
    "base64 of base64": lambda s: base64.b64encode(base64.b64encode(s.encode())).decode(),
    "base64 of base64, within": lambda s: base64.b64encode(b"a" + base64.b64encode(f"u:{s}:".encode())).decode(),
    "base64 of hex": lambda s: base64.b64encode(s.encode().hex().encode()).decode(),
    "base64 of HEX, within": lambda s: base64.b64encode(b"x" + s.encode().hex().upper().encode()).decode(),
    "base64 of UTF-16": lambda s: base64.b64encode(s.encode("utf-16")).decode(),
    "base64 of UTF-16, big end first": lambda s: base64.b64encode(s.encode("utf-16-be")).decode(),
    "hex of UTF-16": lambda s: s.encode("utf-16-le").hex(),
    "percent of base64 of base64": lambda s: quote(base64.b64encode(base64.b64encode(s.encode())).decode(), safe=""),
    "zero bytes between": lambda s: s.encode("utf-16-le", "surrogatepass").decode("latin-1") if s.isascii() else s,
}

#: the promised encodings, as the documentation names them, and the cases above that test each
PROMISED: dict[str, tuple[str, ...]] = {
    "as it is": ("raw", "upper case", "lower case"),
    "percent-encoding": (
        "quote", "quote with slashes", "quote_plus", "quote, lower hex", "all percent, upper hex", "percent twice",
        "json of percent",
    ),
    "JSON escapes": ("json", "json, not ascii", "json with escaped slashes", "json, all unicode", "json in json"),
    "HTML references": ("html", "html references", "html hex references"),
    "hexadecimal": ("hex", "HEX", "hex of UTF-16"),
    "base64": (
        "base64", "base64url", "base64 without padding", "basic, as user", "basic, as password",
        "basic, aligned at 2", "basic, aligned at 0", "base64 in a URL", "base64 in escaped json",
    ),
    "base32": ("base32", "base32, lower case, within"),
    "base64 of base64": ("base64 of base64", "base64 of base64, within", "percent of base64 of base64"),
    "base64 of hexadecimal": ("base64 of hex", "base64 of HEX, within"),
    "UTF-16": ("base64 of UTF-16", "base64 of UTF-16, big end first", "zero bytes between"),
}  # fmt: skip


def test_the_encodings_of_the_documentation_are_those_that_are_tested() -> None:
    page = (Path(__file__).parents[3] / "docs" / "security.md").read_text("utf-8")
    section = page.partition("## Encodings of a secret\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert listed == list(PROMISED)
    assert {name for names in PROMISED.values() for name in names} == set(ENCODINGS)


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=SHORTEST, max_size=60)
any_secrets = st.one_of(secrets, st.text(st.characters(codec="utf-8"), min_size=SHORTEST, max_size=40))
surroundings = st.sampled_from(["", " ", '"', '{"a": "', "Bearer ", "x", "=", "/", "%", "\\\\", "日本", "9"])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_encoding_is_replaced_by_the_label(encoding: str) -> None:
    shown = Redactor({"full": SECRET}).text(f"<{ENCODINGS[encoding](SECRET)}>")
    around = shown.removeprefix("<").removesuffix(">").split("[key full]")
    assert len(around) == 2
    assert max(map(len, around)) <= 6  # quotes, and what encodes what stands beside the secret


@settings(max_examples=150)
@given(secret=any_secrets, encoding=st.sampled_from(sorted(ENCODINGS)), before=surroundings, after=surroundings)
def test_no_encoding_of_any_secret_survives(secret: str, encoding: str, before: str, after: str) -> None:
    assume(secret.lower() not in vocabulary())
    encoded = ENCODINGS[encoding](secret)
    shown = Redactor({"full": secret}).text(f"{before}{encoded}{after}")
    assert encoded not in shown
    assert "[key full]" in shown


@settings(max_examples=100)
@given(secret=secrets, start=st.integers(0, 40), limit=st.integers(0, 120))
def test_a_limit_never_leaves_a_part_of_a_secret(secret: str, start: int, limit: int) -> None:
    assume(secret.lower() not in vocabulary())
    data = b"." * start + json.dumps(secret).encode() + b"," * 400
    kept = Redactor({"k": secret}).body(data, limit)
    rest = kept.replace(b"[key k]", b"")
    assert set(rest) <= set(b'.",\\')
    assert kept.count(b".") == min(start, limit)


def test_what_is_no_secret_stays_byte_for_byte() -> None:
    body = b'{"state": {"current": "live"}, "a": 1, "a": "\\u0041%41&amp;", "b": "\xff\x00"}  '
    assert Redactor({"full": SECRET}).body(body) == body


def test_every_secret_has_its_own_label_and_the_longest_match_wins() -> None:
    redactor = Redactor({"full": "abcdefgh", "view": "abcdefghijkl"})
    assert redactor.text("abcdefghijkl abcdefgh") == "[key view] [key full]"
    assert redactor.found(b"xx abcdefgh") == {"[key full]"}
    assert redactor.found("nothing") == set()


def test_a_secret_that_is_learnt_later_is_replaced_in_what_was_shown_before() -> None:
    redactor = Redactor({"full": SECRET})
    assert redactor.text("a secret: sesame-opens") == "a secret: sesame-opens"
    assert redactor.text("bearer abc") == "bearer abc"
    redactor.learn("[secret]", "sesame-opens")
    redactor.add("view", "abc")  # too short to be looked for everywhere
    assert redactor.text("a secret: sesame-opens") == "a secret: [secret]"
    assert redactor.text("bearer abc") == "bearer [key view]"


def test_secrets_without_labels_are_numbered() -> None:
    assert Redactor([SECRET]).text(SECRET) == "[key 1]"


def test_overlapping_secrets_leave_nothing_of_either() -> None:
    assert Redactor({"a": "abcdefgh", "b": "fghijklm"}).text("-abcdefghijklm-") == "-[key a]-"


def test_headers_of_all_kinds() -> None:
    redactor = Redactor({"full": SECRET, "gate": "abc"})
    basic = base64.b64encode(f"user:{SECRET}".encode()).decode()
    shown = redactor.headers(
        [
            ("Authorization", f"Bearer {SECRET}"),
            ("X-Echo", "a"),
            ("X-Echo", SECRET),
            (SECRET, "1"),
            ("B", f"Basic {basic}"),
        ]
    )
    assert shown["Authorization"] == "Bearer [key full]"
    assert shown["X-Echo"] == "a, [key full]"
    assert shown["[key full]"] == "1"
    assert base64.b64decode(shown["B"].removeprefix("Basic ").partition("[")[0] + "==").decode("latin-1") in "user:"


def test_a_short_secret_is_replaced_where_it_is_a_credential_and_nowhere_else() -> None:
    redactor = Redactor({"gate": "live"})
    basic = base64.b64encode(b"live:").decode()
    assert redactor.headers({"A": "Bearer live", "B": "live", "C": f"Basic {basic}"}) == {
        "A": "Bearer [key gate]",
        "B": "[key gate]",
        "C": "Basic [key gate]",
    }
    assert redactor.text('{"current": "live"} Authorization: bearer live') == (
        '{"current": "live"} Authorization: bearer [key gate]'
    )
    assert redactor.value({"current": "live"}) == {"current": "live"}


def test_json_values_keep_their_types_unless_they_are_secret() -> None:
    redactor = Redactor({"full": "12345678"})
    value = {"a": [1, 1.5, True, None, "x"], "12345678": {"n": 12345678}}
    assert redactor.value(value) == {"a": [1, 1.5, True, None, "x"], "12345678": {"n": "[key full]"}}


def nested(levels: int) -> Any:
    value: Any = SECRET
    for _ in range(levels):
        value = {"auth": [value]}
    return value


def test_deep_nesting_is_cut_and_not_followed() -> None:
    assert SECRET not in json.dumps(Redactor({"full": SECRET}).value(nested(DEEPEST)))


def masked_body(redactor: Redactor, body: Any) -> Any:
    """A body as evidence shows it."""
    learn_secrets(redactor, body)
    return json.loads(redactor.body(mask_places(json.dumps(body).encode())))


def test_secret_members_are_masked_everywhere_and_remembered() -> None:
    redactor = Redactor()
    body = {"data": [], "includes": {"integrations": {"x": {"auth": {"secret": "hunter2hunter2", "region": "eu-1"}}}}}
    assert masked_body(redactor, body)["includes"]["integrations"]["x"] == {
        "auth": {"secret": "[secret auth.secret]", "region": "eu-1"}
    }
    assert redactor.text("log: hunter2hunter2 used") == "log: [secret auth.secret] used"
    assert redactor.text(base64.b64encode(b"--hunter2hunter2").decode()).endswith("[secret auth.secret]")


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ({"secret": None, "api_key": ""}, {"secret": None, "api_key": ""}),
        ({"secret": "********"}, {"secret": "********"}),
        ({"secret": "[redacted]"}, {"secret": "[redacted]"}),
        ({"api_key": 12345678}, {"api_key": "[secret auth.api_key]"}),
        ({"api_key": -1.5e7}, {"api_key": "[secret auth.api_key]"}),
        ({"base64_config": ["a1b2c3d4"]}, {"base64_config": ["[secret auth.base64_config]"]}),
        ({"secret": {"name": "Secret", "required": True}}, {"secret": {"name": "Secret", "required": True}}),
        ({"secret": "abc"}, {"secret": "[secret auth.secret]"}),
        ({"secret": 'a"b\\'}, {"secret": "[secret auth.secret]"}),
        ({"key_id": "AKIA", "state": "x"}, {"key_id": "AKIA", "state": "x"}),
    ],
)
def test_what_is_masked_of_an_integrations_auth(auth: dict[str, Any], shown: dict[str, Any]) -> None:
    redactor = Redactor()
    assert masked_body(redactor, {"auth": auth}) == {"auth": shown}
    assert redactor.text('abc {"required": true, "********": "[redacted]"}') == (
        'abc {"required": true, "********": "[redacted]"}'
    )


@pytest.mark.parametrize("word", ["restore", "string", "container_id", "RESTORE", "includes", "abc", ""])
def test_a_secret_that_is_a_word_of_the_contract_is_masked_at_its_place_only(word: str) -> None:
    redactor = Redactor()
    body = {"action": word, "auth": {"secret": word}, word: 1}
    masked = {"secret": "[secret auth.secret]"} if word else {"secret": ""}
    assert masked_body(redactor, body) == {"action": word, "auth": masked, word: 1}
    assert redactor.text(f"{word} {word}") == f"{word} {word}"


@pytest.mark.parametrize(
    "word",
    ["restore", "clauses", "left_out", "not_tested", "Retry-After", "failed first", "other hub", "secrets_shown"],
)
def test_words_of_reports_and_names_of_members_are_never_masked(word: str) -> None:
    redactor = Redactor()
    learn_secrets(redactor, {"auth": {"secret": word, "api_key": word.upper()}})
    text = f'CAP-4 failed first; {word}: "{word.upper()}"'
    assert redactor.text(text) == text
    assert redactor.headers([(word, word)]) == {word: word}


@pytest.mark.parametrize("number", [200000, 1795642098, 1.5, "1795642098", "2026-01-01"[:4] * 2])
def test_a_secret_that_is_a_number_is_masked_at_its_place_only(number: object) -> None:
    redactor = Redactor()
    body = {"size": 200000, "changed": "1795642098", "auth": {"api_key": number}}
    assert masked_body(redactor, body) == {**body, "auth": {"api_key": "[secret auth.api_key]"}}


def test_a_secret_that_is_an_id_of_the_target_file_is_masked_at_its_place_only() -> None:
    redactor = Redactor(protected=["651586FCA6078e98982dbd90"])
    body = {"id": "651586fca6078e98982dbd90", "auth": {"secret": "651586fca6078e98982dbd90"}}
    assert masked_body(redactor, body) == {**body, "auth": {"secret": "[secret auth.secret]"}}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"auth": {"secret": "cut off in the mid', b'{"auth": {"secret": "[secret auth.secret]"'),
        (b'{"secret" : "a\\', b'{"secret" : "[secret auth.secret]"'),
        (b'{"s\\u0065cret": "word"}', b'{"s\\u0065cret": "[secret auth.secret]"}'),
        (b'{"\\u0061pi_\\u006Bey": "word", "x": 1}', b'{"\\u0061pi_\\u006Bey": "[secret auth.api_key]", "x": 1}'),
        (b'<script>{"api_key": "abc"}', b'<script>{"api_key": "[secret auth.api_key]"}'),
        (b'{"secrets": "abc", "x_secret": "abc"}', b'{"secrets": "abc", "x_secret": "abc"}'),
        (b'{"secret": nul', b'{"secret": nul'),
    ],
)
def test_places_are_masked_in_any_text(body: bytes, shown: bytes) -> None:
    assert mask_places(body) == shown


@pytest.mark.parametrize(
    "value", ["***", "********", "****abcd", "ab****cd", "[redacted]", "<hidden value>", "•••• 12"]
)
def test_masks(value: str) -> None:
    assert is_masked(value)


@pytest.mark.parametrize("value", ["", "abc", "****abcde", "ab***cde", "[s3cr3t]", "secret", "AKIA1234"])
def test_no_masks(value: str) -> None:
    assert not is_masked(value)


def test_a_very_long_secret_is_found_in_pieces() -> None:
    secret = "".join(chr(33 + (i * 7919) % 90) for i in range(MAX_PIECE * 2 + 3))
    shown = Redactor({"config": secret}).text(f"<{secret}>")
    assert shown.replace("[key config]", "") == "<>"


def test_a_key_added_during_the_run_is_redacted_from_then_on() -> None:
    redactor = Redactor()
    redactor.add("full", SECRET)
    assert redactor.text(unquote(quote(SECRET))) == "[key full]"


def test_a_large_page_takes_no_longer_than_ten_times_its_parsing() -> None:
    page = json.dumps([{"id": f"{i:024x}", "path": f"/a/{i}", "when": "2024-01-01T00:00:00Z"} for i in range(5000)])
    redactor = Redactor({name: f"{name}-{SECRET}-{name}" for name in ("full", "view", "manage", "expired", "other")})

    def best_of_three(work: Callable[[], object]) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    assert best_of_three(lambda: redactor.body(page.encode())) < 10 * best_of_three(lambda: json.loads(page))
