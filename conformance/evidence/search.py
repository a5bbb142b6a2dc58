"""Finds any of many texts in data, in time that does not depend on how many there are, through layers of escapes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from conformance.evidence.encodings import LAYERS, Form
from conformance.evidence.escapes import Origins, has_escapes, unescape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: data are searched in windows of this length, so that the memory for their escapes is bounded
WINDOW = 256 * 1024
#: One layer of escapes writes a byte with this many; further layers mostly escape only its escape signs.
MAX_WIDTH = 6
#: In decoded data, a form matches without this many bytes at its ends: an accidental escape sign beside it, such as `%`
#: before `abc`, consumes them.
TRIM = 2
#: The shortest match, in bytes.
SHORTEST = 6
#: How many bytes of a text are looked up at once; of many texts more, so that few of them share these bytes.
_GRAM, _LONG_GRAM = 4, 12
#: texts of at least this length are looked for apart from shorter ones, at fewer places
_LONG = 15
#: the most places that are passed over, and the most grams that are kept for it
_MAX_STRIDE, _MAX_GRAMS = 32, 60_000
#: of fewer texts each is looked for on its own
FEW = 4
#: of more texts many may have a part in common, such as the beginning of all keys of one vendor
_MANY = 200
#: how many parts of a text are candidates for the one by which it is looked for
_PARTS = 8
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


#: texts of one length whose cores are equal, by the whole text
_Equals = dict[bytes, _Text]


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
        for position, equals in self._cores(folded):
            text = next(iter(equals.values()))
            start = position - text.core_at
            end = start + len(text.whole)
            if start >= 0 and (whole := equals.get(folded[start:end])) is not None:
                text = whole
            elif trimmed:
                start, end = position, position + len(text.core)
            else:
                continue
            span = Span(*(_widened(data, start, end) if text.grouped else (start, end)), text.label)
            if before is not None and span.label == before.label and before.start <= span.start <= before.end:
                before = Span(before.start, max(before.end, span.end), span.label)  # a secret that repeats itself
            else:
                if before is not None:
                    yield before
                before = span
        if before is not None:
            yield before

    def _cores(self, folded: bytes) -> Iterator[tuple[int, _Equals]]:
        """Where the core of a text begins, with the texts that have it."""
        for group in self._groups:
            yield from group.cores(folded)

    def _folded(self, data: bytes) -> bytes:
        return data if self._exact else data.translate(_FOLDED)


class _Group:
    """Texts of about the same length, looked for together.

    Each text is found by some grams of its own: of its parts, by those that the fewest texts share. So the time does
    not depend on how many texts there are, even where all have a long part in common.
    """

    def __init__(self, texts: list[_Text]) -> None:
        equals: dict[tuple[bytes, int, int, bool], _Equals] = {}
        for text in texts:
            equals.setdefault((text.core, text.core_at, len(text.whole), text.grouped), {})[text.whole] = text
        self._few = [(core[0], alike) for core, alike in equals.items()] if len(texts) <= FEW else []
        shortest = min(len(text.core) for text in texts)
        self._gram = min(_LONG_GRAM, shortest) if len(texts) > _MANY else _GRAM
        #: Wherever a core occurs, one of the grams by which it is looked up is at a multiple of this.
        self._stride = max(1, min(shortest - self._gram + 1, _MAX_STRIDE, _MAX_GRAMS // len(texts)))
        #: by gram: for each place that it has in cores, and each length of these, the cores
        self._grams: dict[bytes, dict[tuple[int, int], dict[bytes, list[_Equals]]]] = {}
        if not self._few:
            shared = Counter(core[at : at + self._gram] for core, *_ in equals for at in self._parts(core))
            for (core, *_), alike in equals.items():
                rarest = min(self._parts(core), key=lambda at: shared[core[at : at + self._gram]])
                for at in range(rarest, rarest + self._stride):
                    places = self._grams.setdefault(core[at : at + self._gram], {})
                    places.setdefault((at, len(core)), {}).setdefault(core, []).append(alike)

    def _parts(self, core: bytes) -> Sequence[int]:
        """Where the parts of a core begin by which it may be looked for: they are spread over all of it."""
        last = len(core) - self._gram - self._stride + 1
        return range(0, last + 1, max(self._gram, -(-last // _PARTS))) if last > 0 else (0,)

    def cores(self, folded: bytes) -> Iterator[tuple[int, _Equals]]:
        """Where the core of a text begins, with the texts that have it."""
        grams, length = self._grams, self._gram
        places = range(0, len(folded) - length + 1, self._stride) if grams else ()
        for index in [index for index in places if folded[index : index + length] in grams]:
            for (offset, size), cores in grams[folded[index : index + length]].items():
                start = index - offset
                for equals in cores.get(folded[start : start + size], ()) if start >= 0 else ():
                    yield start, equals
        for core, equals in self._few:
            position = folded.find(core)
            while position >= 0:
                yield position, equals
                position = folded.find(core, position + 1)


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
