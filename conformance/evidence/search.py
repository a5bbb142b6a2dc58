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
#: Bytes of an indexed gram; with more than `_MANY` texts the longer one, which fewer texts share.
_GRAM, _LONG_GRAM = 4, 12
#: Texts of at least this length have an index of their own, whose stride is longer than that of shorter texts.
_LONG = 15
#: The longest stride, in bytes, and the most grams in an index: a longer stride needs more of them.
_MAX_STRIDE, _MAX_GRAMS = 32, 60_000
#: Up to this many texts, each is searched for by itself, without an index.
FEW = 4
#: More texts than this often share a part, such as the prefix that a vendor gives all its keys.
_MANY = 200
#: How many places of a text are candidates for its indexed grams.
_CANDIDATES = 8
_FOLDED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ-_", b"abcdefghijklmnopqrstuvwxyz+/")
_GROUPED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


class Span(NamedTuple):
    """A place at which a text was found."""

    start: int
    end: int
    label: str


class _Text(NamedTuple):
    """A form to search for. `core` is `whole` without up to TRIM bytes at each end, and begins at `core_at` in it."""

    whole: bytes
    core: bytes
    core_at: int
    grouped: bool
    label: str


#: Texts of one length with the same core, by the whole text.
_SameCore = dict[bytes, _Text]


class Search:
    """A fixed set of labelled forms to look for. Safe to use from several threads."""

    def __init__(self, forms: Iterable[tuple[str, Form]], *, exact: bool = False) -> None:
        """`exact`: only whole forms match, and case matters.

        Otherwise neither case matters nor which of base64's two alphabets a form is written in.
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
        """Return the most bytes that a form beginning in the data can take up."""
        return self._longest * MAX_WIDTH * LAYERS if has_escapes(data) else self._longest

    def spans(self, data: bytes) -> Iterator[Span]:
        """Yield the places of forms; overlapping ones are not merged."""
        if not self._texts:
            return
        if len(data) <= WINDOW:
            yield from self._in_window(data)
            return
        reach = self.reach(data)
        for start in range(0, len(data), WINDOW):
            for span in self._in_window(data[start : start + WINDOW + reach]):
                yield Span(start + span.start, start + span.end, span.label)

    def beginning_at_end(self, data: bytes) -> Span | None:
        """Return the longest prefix of a form with which the data end; None if it is shorter than SHORTEST bytes."""
        folded = self._folded(data[-self._longest :])
        for start in range(len(folded) - SHORTEST + 1):
            rest = folded[start:]
            for text in self._beginnings.get(rest[:SHORTEST], ()):
                if text.whole.startswith(rest):
                    return Span(len(data) - len(rest), len(data), text.label)
        return None

    def _in_window(self, data: bytes) -> Iterator[Span]:
        above: list[bytes] = []
        for layer in layers(data):
            spans = list(self._occurrences(layer, trimmed=bool(above) and not self._exact))
            origins = [Origins(escaped) for escaped in above] if spans else []
            for start, end, label in spans:
                for origin in reversed(origins):
                    start, end = origin.source(start, end)  # noqa: PLW2901 - one layer further down
                yield Span(start, end, label)
            above.append(layer)

    def _occurrences(self, data: bytes, *, trimmed: bool) -> Iterator[Span]:
        folded = self._folded(data)
        before: Span | None = None
        for position, same in self._cores(folded):
            text = next(iter(same.values()))
            start = position - text.core_at
            end = start + len(text.whole)
            if start >= 0 and (whole := same.get(folded[start:end])) is not None:
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

    def _cores(self, folded: bytes) -> Iterator[tuple[int, _SameCore]]:
        """Yield where each core occurs, with the texts that have it."""
        for group in self._groups:
            yield from group.cores(folded)

    def _folded(self, data: bytes) -> bytes:
        return data if self._exact else data.translate(_FOLDED)


class _Group:
    """Texts of similar length, searched for together by an index of grams, which are short substrings of their cores.

    The data are sampled at each multiple of the stride. A gram there that is in the index leads to the cores that have
    it, which are compared with the data around it. The index has as many consecutive grams of each core as the stride
    is long, so that one of them is sampled wherever the core occurs. They are those that the fewest cores share: so
    the time does not depend on the number of texts, even where all have a long part in common.
    """

    def __init__(self, texts: list[_Text]) -> None:
        by_core: dict[tuple[bytes, int, int, bool], _SameCore] = {}
        for text in texts:
            by_core.setdefault((text.core, text.core_at, len(text.whole), text.grouped), {})[text.whole] = text
        self._unindexed = [(core, same) for (core, *_), same in by_core.items()] if len(texts) <= FEW else []
        shortest = min(len(text.core) for text in texts)
        self._gram = min(_LONG_GRAM, shortest) if len(texts) > _MANY else _GRAM
        self._stride = max(1, min(shortest - self._gram + 1, _MAX_STRIDE, _MAX_GRAMS // len(texts)))
        #: core -> the texts with this core
        self._indexed: dict[bytes, list[_SameCore]] = {}
        #: gram -> its offsets in cores, each with the length of the core; flat, for the garbage collector's sake
        self._index: dict[bytes, dict[tuple[int, int], None]] = {}
        if not self._unindexed:
            shared = Counter(core[at : at + self._gram] for core, *_ in by_core for at in self._candidates(core))
            for (core, *_), same in by_core.items():
                rarest = min(self._candidates(core), key=lambda at: shared[core[at : at + self._gram]])
                self._indexed.setdefault(core, []).append(same)
                for at in range(rarest, rarest + self._stride):
                    self._index.setdefault(core[at : at + self._gram], {})[at, len(core)] = None

    def _candidates(self, core: bytes) -> Sequence[int]:
        """Return offsets in a core, spread over all of it, at which its indexed grams may begin."""
        last = len(core) - self._gram - self._stride + 1
        return range(0, last + 1, max(self._gram, -(-last // _CANDIDATES))) if last > 0 else (0,)

    def cores(self, folded: bytes) -> Iterator[tuple[int, _SameCore]]:
        """Yield where each core occurs, with the texts that have it."""
        index, length = self._index, self._gram
        sampled = range(0, len(folded) - length + 1, self._stride) if index else ()
        for place in [place for place in sampled if folded[place : place + length] in index]:
            for offset, size in index[folded[place : place + length]]:
                start = place - offset
                for same in self._indexed.get(folded[start : start + size], ()) if start >= 0 else ():
                    yield start, same
        for core, same in self._unindexed:
            position = folded.find(core)
            while position >= 0:
                yield position, same
                position = folded.find(core, position + 1)


def layers(data: bytes) -> Iterator[bytes]:
    """Yield the data as they are, and with one layer of escapes after the other undone."""
    yield data
    for _ in range(LAYERS):
        if not has_escapes(data):
            return
        data = unescape(data)
        yield data


def _trimmed(whole: bytes, grouped: bool, label: str, trim: int) -> _Text:
    """Return the text with its core, which is at least SHORTEST bytes long."""
    first = min(trim, len(whole) - SHORTEST)
    last = min(trim, len(whole) - SHORTEST - first)
    return _Text(whole, whole[first : len(whole) - last], first, grouped, label)


def _widened(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Extend a grouped form by its padding and the characters beside it, which hold bits of the secret's ends."""
    if start and data[start - 1] in _GROUPED:
        start -= 1
    if end < len(data) and data[end] in _GROUPED:
        end += 1
    while data[end : end + 1] == b"=":
        end += 1
    return start, end
