"""Redaction by value: no secret leaves the suite in any promised encoding, and no other evidence is touched.

What is found (`evidence.encodings`, `evidence.search`) is replaced by a label: `[key full]`.

A secret shorter than six characters, a number of the target, or a word of the contract or of reports occurs by chance:
looking for it everywhere would destroy the evidence. It is replaced where it is a credential (the whole value of a
header, or what follows an authentication scheme), and where it is the value of a member that holds secrets
(`evidence.secret_members`).
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, cast

from conformance.contract.vocabulary import vocabulary
from conformance.evidence.encodings import Form, encode, forms_of
from conformance.evidence.memory import Memory
from conformance.evidence.search import SHORTEST, Search, Span

if TYPE_CHECKING:
    from conformance.contract.json_types import JsonObject

#: Further secrets that the target returns are masked only at their own members.
MAX_LEARNT = 512
#: The same holds once this many forms are searched for.
MAX_FORMS = 30_000
#: How many places of a text that was cut are searched for the beginning of a secret.
MAX_CUTS = 100
DEEPEST = 200
#: Results are cached for data of at most this length, up to this many bytes of data in total.
LONGEST_REMEMBERED, MAX_REMEMBERED = 16 * 1024, 2 * 2**20
#: what a span takes up in memory, in bytes; roughly
SPAN_SIZE = 150
#: Elsewhere, a value of this form is as likely a size, a count or a time as a secret.
_NUMBER = re.compile(r"[0-9.eE+:TZ-]{1,24}")
TOO_DEEP = "[nested too deeply]"
_CUT = "…".encode()


class Redactor:
    """Knows the secrets of a run and takes them out of whatever is to be kept. Safe to use from several threads."""

    def __init__(self, secrets: Mapping[str, str] | Iterable[str] = (), *, protected: Iterable[str] = ()) -> None:
        """`secrets`: by label, or numbered. `protected`: values that are no secrets, whatever the target says."""
        self._lock = threading.Lock()
        self._labels: dict[str, str] = {}
        self._forms: list[tuple[str, Form]] = []
        #: made again when it is next used after a secret was added
        self._current: Search | None = None
        self._credentials: dict[bytes, str] = {}
        #: what was found in the data since a secret was added last
        self._found: Memory[bytes, list[Span]] = Memory(MAX_REMEMBERED)
        self._learnt: set[str] = set()
        self._protected = frozenset(word.lower() for word in protected) | vocabulary()
        named = secrets.items() if isinstance(secrets, Mapping) else ((str(i), s) for i, s in enumerate(secrets, 1))
        for label, secret in named:
            self.add(label, secret)

    def add(self, label: str, secret: str) -> None:
        """Mask a key of the target from now on as `[key label]`."""
        with self._lock:
            self._add(f"[key {label}]", secret)

    def learn(self, label: str, secret: str) -> None:
        """Mask a secret that the target itself returned from now on as `label`."""
        with self._lock:
            if secret and secret not in self._learnt and len(self._learnt) < MAX_LEARNT:
                self._learnt.add(secret)
                is_number = _NUMBER.fullmatch(secret) is not None
                if not is_number and not self.occurs_by_chance(secret) and len(self._forms) < MAX_FORMS:
                    self._add(label, secret)

    def occurs_by_chance(self, secret: str) -> bool:
        """Whether a secret is too short, or too ordinary a word, to be looked for everywhere."""
        return len(secret) < SHORTEST or secret.lower() in self._protected

    def _add(self, label: str, secret: str) -> None:
        if not secret or secret in self._labels:
            return
        self._labels[secret] = label
        if self.occurs_by_chance(secret):
            self._credentials = {**self._credentials, encode(secret): label}
        else:
            self._forms += [(label, form) for form in forms_of(secret, SHORTEST)]
            self._current = None
        # Last: whoever sees the new one must search for the new secret as well.
        self._found = Memory(MAX_REMEMBERED)

    @property
    def _search(self) -> Search:
        search = self._current
        if search is None:
            with self._lock:
                search = self._current = Search(self._forms)
        return search

    @property
    def knowledge(self) -> object:
        """What it knows, by identity: another object after every secret that is added."""
        return self._found

    @property
    def learnt(self) -> int:
        """How many secrets the target itself has returned so far."""
        return len(self._learnt)

    def margin(self, data: bytes) -> int:
        """How far behind a limit a secret can reach that begins before it."""
        return self._search.reach(data)

    def body(self, data: bytes, limit: int | None = None) -> bytes:
        """The bytes with every secret replaced; with `limit`, those that come from the first `limit` bytes.

        A secret that the limit would cut in two is replaced as a whole, so that no half of it stays.
        """
        limit = len(data) if limit is None else limit
        window = data[: limit + self.margin(data)] if limit < len(data) else data
        return _replaced(window, self._spans(window), limit)

    def text(self, text: str) -> str:
        """The text with every secret replaced."""
        data = encode(text)
        spans = self._spans(data)
        return _replaced(data, spans, len(data)).decode("utf-8", "surrogatepass") if spans else text

    def cut_text(self, text: str) -> str:
        """The same for text that was cut, as "…" says, maybe within a secret: its beginning is replaced as well."""
        data = encode(self.text(text))
        if _CUT not in data:
            return data.decode("utf-8", "surrogatepass")
        *pieces, rest = data.split(_CUT, MAX_CUTS)
        return _CUT.join([*map(self._without_beginning, pieces), rest]).decode("utf-8", "surrogatepass")

    def _without_beginning(self, data: bytes) -> bytes:
        span = self._search.beginning_at_end(data)
        return data if span is None else data[: span.start] + span.label.encode()

    def found(self, evidence: bytes | str) -> set[str]:
        """The labels of the secrets that the data contain."""
        return {label for _, _, label in self._spans(encode(evidence) if isinstance(evidence, str) else evidence)}

    def headers(self, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
        """The headers with every secret replaced; those given several times are joined as HTTP does."""
        shown: dict[str, list[str]] = {}
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            shown.setdefault(self.text(name), []).append(self.header(value))
        return {name: ", ".join(values) for name, values in shown.items()}

    def header(self, value: str) -> str:
        """A header's value with every secret replaced, those included that occur elsewhere by chance."""
        credentials = self._credentials
        if not credentials:
            return self.text(value)
        scheme, _, rest = value.partition(" ")
        credential = encode(rest.strip() or scheme)
        for secret, label in credentials.items():
            if secret == credential or secret in _from_base64(credential).split(b":"):
                return f"{scheme} {label}" if rest else label
        return self.text(value)

    def value(self, value: JsonObject) -> JsonObject:
        """JSON data of ours with every secret in its strings and numbers replaced; names of members stay."""
        return cast("JsonObject", rebuilt(value, self._leaf))

    def _leaf(self, leaf: object) -> object:
        if leaf is None or isinstance(leaf, bool):
            return leaf
        text = leaf if isinstance(leaf, str) else str(leaf)
        clean = self.text(text)
        return leaf if clean == text else clean

    def _spans(self, data: bytes) -> list[Span]:
        """Where secrets stand, in order and without overlap."""
        found = self._found  # before anything is looked for: another thread may add a secret meanwhile
        spans = found.get(data)
        if spans is None:
            spans = _merged([*self._credentials_in(data), *self._search.spans(data)])
            if len(data) <= LONGEST_REMEMBERED:
                found.keep(data, spans, len(data) + SPAN_SIZE * len(spans))
        return spans

    def _credentials_in(self, data: bytes) -> Iterable[Span]:
        for secret, label in self._credentials.items():
            if secret in data:
                pattern = rb"(?i:\b(?:bearer|basic|token|digest)\s{1,9})(" + re.escape(secret) + rb")(?![\w+/=-])"
                for match in re.finditer(pattern, data):
                    yield Span(*match.span(1), label)


def rebuilt(value: object, leaf: Callable[[object], object], depth: int = DEEPEST) -> object:
    """A copy of JSON data with every leaf put through `leaf`."""
    if isinstance(value, dict):
        return {name: rebuilt(item, leaf, depth - 1) for name, item in value.items()} if depth else TOO_DEEP
    if isinstance(value, list | tuple):
        return [rebuilt(item, leaf, depth - 1) for item in value] if depth else TOO_DEEP
    return leaf(value)


def _replaced(data: bytes, spans: Iterable[Span], limit: int) -> bytes:
    """The data up to the limit, with each span that begins there replaced by its label."""
    kept, position = [], 0
    for start, end, label in spans:
        if start >= limit:
            break
        kept += [data[position:start], label.encode()]
        position = end
    kept.append(data[position:limit])
    return b"".join(kept)


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = Span(last.start, max(span.end, last.end), last.label)
        else:
            merged.append(span)
    return merged


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return b""
