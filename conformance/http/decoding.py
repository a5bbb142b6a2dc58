"""Content encodings: a body decompressed in pieces of bounded size, so that a bomb costs no more than the limit."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACCEPT_ENCODING = "gzip, deflate"
#: most bytes that one step of decompression gives
PIECE = 2**18
MAX_ENCODINGS = 3
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class EncodingError(ValueError):
    """The body is not in the encoding that its header names."""


def decoded(chunks: Iterable[bytes], encodings: str) -> Iterator[bytes]:
    """Decode a body; `encodings` are those of all Content-Encoding lines, comma-separated.

    Yields at least once for every chunk that comes, if only nothing, so that the reader can look at the clock.
    Raises EncodingError.
    """
    names = [name for name in (part.strip().lower() for part in encodings.split(",")) if name not in ("", "identity")]
    if len(names) > MAX_ENCODINGS:
        raise EncodingError(f"a body that was encoded more than {MAX_ENCODINGS} times")
    for name in reversed(names):  # they are listed in the order in which they were applied
        if name not in _WINDOWS:
            raise EncodingError(f"content-encoding {name[:40]!r}, which was not offered ({ACCEPT_ENCODING})")
        chunks = _inflated(chunks, name, _WINDOWS[name])
    yield from chunks


def _inflated(chunks: Iterable[bytes], name: str, window: int) -> Iterator[bytes]:
    inflate, begun = zlib.decompressobj(window), False
    try:
        for chunk in chunks:
            begun = begun or bool(chunk)
            data = chunk
            while True:
                if inflate.eof and data:  # gzip files may follow each other: together they are one (RFC 1952)
                    inflate = zlib.decompressobj(window)
                piece = inflate.decompress(data, PIECE)
                yield piece
                data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
                if not data and (inflate.eof or len(piece) < PIECE):
                    break
    except zlib.error:
        raise EncodingError(f"a body that is not {name}, as its content-encoding says") from None
    if begun and not inflate.eof:
        raise EncodingError(f"a {name} body that ends too early")
