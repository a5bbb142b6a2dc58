"""Content encodings: a body decompressed in pieces of bounded size, so that a bomb costs no more than the limit."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACCEPT_ENCODING = "gzip, deflate"
#: most bytes that one step of decompression gives
PIECE = 2**18


class EncodingError(ValueError):
    """The body is not in the encoding that its header names."""


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The body as it was before it was encoded. Raises EncodingError.

    Yields at least once for every chunk that came, if only nothing, so that whoever reads can look at the clock.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        yield from chunks
    elif name in ("gzip", "x-gzip"):
        yield from _inflated(chunks, name, zlib.MAX_WBITS | 16)
    elif name == "deflate":
        yield from _inflated(chunks, name, zlib.MAX_WBITS)
    else:
        raise EncodingError(f"content-encoding {name!r}, which was not offered ({ACCEPT_ENCODING})")


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
