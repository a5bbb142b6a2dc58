"""Finds any of many texts in data, in time that does not depend on how many there are, through layers of escapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from conformance.evidence.encodings import LAYERS, Form
from conformance.evidence.escapes import Origins, has_escapes, unescape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: data are searched in windows of this length, so that the memory for their escapes is bounded
WINDOW = 256 * 1024
#: One layer of escapes writes a byte with this many; further layers mostly escape only its escape signs.
MAX_WIDTH = 6
#: In decoded data, a form matches without this many bytes at its ends: an accidental escape sign beside it, such as `%`
#: before `abc`, consumes them.
TRIM = 2
#: The shortest match, in bytes.
SHORTEST = 6
#: How many bytes of a text are looked up at once.
_GRAM = 4
#: texts of at least this length are looked for apart from shorter ones, at fewer places
_LONG = 15
#: the most places that are passed over, and the most grams that are kept for it
_MAX_STRIDE, _MAX_GRAMS = 32, 60_000
#: of fewer texts each is looked for on its own
FEW = 4
_FOLDED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ-_", b"abcdefghijklmnopqrstuvwxyz+/")
_GROUPED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


class Span(NamedTuple):
    """A place at which a text was found."""

    start: int
    end: int
    label: str


class _Text(NamedTuple):
    whole: bytes
    core: bytes
    core_at: int
    grouped: bool
    label: str


class Search:
    """A fixed set of labelled forms to look for. Safe to use from several threads."""

    def __init__(self, forms: Iterable[tuple[str, Form]], *, exact: bool = False) -> None:
        """`exact`: case counts, and nothing is found but whole forms.

        Otherwise neither case counts nor which alphabet base64 was written with.
        """
        self._exact = exact
        texts: dict[bytes, _Text] = {}
        for label, form in forms:
            whole = self._folded(form.text)
            texts.setdefault(whole, _trimmed(whole, form.grouped, label, 0 if exact else TRIM))
        self._texts = list(texts.values())
        self._longest = max(map(len, texts), default=0)
        self._beginnings: dict[bytes, list[_Text]] = {}
        for text in self._texts:
            self._beginnings.setdefault(text.whole[:SHORTEST], []).append(text)
        short = [text for text in self._texts if len(text.core) < _LONG]
        long = [text for text in self._texts if len(text.core) >= _LONG]
        self._groups = [_Group(texts) for texts in (short, long) if texts]

    def reach(self, data: bytes) -> int:
        """How far a form that begins in the data can go on."""
        return self._longest * MAX_WIDTH * LAYERS if has_escapes(data) else self._longest

    def spans(self, data: bytes) -> Iterator[Span]:
        """Where forms are; those that overlap are not merged."""
        if self._texts:
            reach = self.reach(data)
            for start in range(0, len(data), WINDOW):
                window = data[start : start + WINDOW + reach] if len(data) > WINDOW else data
                for span in self._in_window(window):
                    yield Span(start + span.start, start + span.end, span.label)

    def beginning_at_end(self, data: bytes) -> Span | None:
        """The longest prefix of a form at the very end of the data; None if it is shorter than SHORTEST bytes."""
        folded = self._folded(data[-self._longest :])
        for start in range(len(folded) - SHORTEST + 1):
            rest = folded[start:]
            for text in self._beginnings.get(rest[:SHORTEST], ()):
                if text.whole.startswith(rest):
                    return Span(len(data) - len(rest), len(data), text.label)
        return None

    def _in_window(self, data: bytes) -> Iterator[Span]:
        yield from self._occurrences(data, trimmed=False)
        layers = [data]
        while len(layers) <= LAYERS and has_escapes(layers[-1]):
            layers.append(unescape(layers[-1]))
            spans = list(self._occurrences(layers[-1], trimmed=not self._exact))
            origins = [Origins(layer) for layer in layers[:-1]] if spans else []
            for start, end, label in spans:
                for origin in reversed(origins):
                    start, end = origin.source(start, end)  # noqa: PLW2901 - one layer further down
                yield Span(start, end, label)

    def _occurrences(self, data: bytes, *, trimmed: bool) -> Iterator[Span]:
        folded = self._folded(data)
        before: Span | None = None
        for position, text in self._cores(folded):
            start = position - text.core_at
            end = start + len(text.whole)
            if start < 0 or folded[start:end] != text.whole:
                if not trimmed:
                    continue
                start, end = position, position + len(text.core)
            span = Span(*(_widened(data, start, end) if text.grouped else (start, end)), text.label)
            if before is not None and span.label == before.label and before.start <= span.start <= before.end:
                before = Span(before.start, max(before.end, span.end), span.label)  # a secret that repeats itself
            else:
                if before is not None:
                    yield before
                before = span
        if before is not None:
            yield before

    def _cores(self, folded: bytes) -> Iterator[tuple[int, _Text]]:
        """Where the core of a text begins."""
        for group in self._groups:
            yield from group.cores(folded)

    def _folded(self, data: bytes) -> bytes:
        return data if self._exact else data.translate(_FOLDED)


class _Group:
    """Texts of about the same length, looked for together."""

    def __init__(self, texts: list[_Text]) -> None:
        self._texts = texts if len(texts) <= FEW else []
        self._grams: dict[bytes, list[tuple[int, _Text]]] = {}
        #: wherever a core occurs, one of its first grams is at a multiple of this
        shortest = min(len(text.core) for text in texts)
        self._stride = max(1, min(shortest - _GRAM + 1, _MAX_STRIDE, _MAX_GRAMS // len(texts)))
        for text in texts if len(texts) > FEW else ():
            for offset in range(self._stride):
                self._grams.setdefault(text.core[offset : offset + _GRAM], []).append((offset, text))

    def cores(self, folded: bytes) -> Iterator[tuple[int, _Text]]:
        """Where the core of a text begins."""
        grams = self._grams
        places = range(0, len(folded) - _GRAM + 1, self._stride) if grams else ()
        for index in [index for index in places if folded[index : index + _GRAM] in grams]:
            for offset, text in grams[folded[index : index + _GRAM]]:
                if index >= offset and folded.startswith(text.core, index - offset):
                    yield index - offset, text
        for text in self._texts:
            position = folded.find(text.core)
            while position >= 0:
                yield position, text
                position = folded.find(text.core, position + 1)


def _trimmed(whole: bytes, grouped: bool, label: str, trim: int) -> _Text:
    """The text with its core, which is at least SHORTEST bytes long."""
    first = min(trim, len(whole) - SHORTEST)
    last = min(trim, len(whole) - SHORTEST - first)
    return _Text(whole, whole[first : len(whole) - last], first, grouped, label)


def _widened(data: bytes, start: int, end: int) -> tuple[int, int]:
    """A grouped form with the characters beside it, which hold some bits of the secret's ends, and the padding."""
    if start and data[start - 1] in _GROUPED:
        start -= 1
    if end < len(data) and data[end] in _GROUPED:
        end += 1
    while data[end : end + 1] == b"=":
        end += 1
    return start, end
