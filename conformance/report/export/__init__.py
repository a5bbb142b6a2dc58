"""results.json in the formats of other tools (`export`)."""

from __future__ import annotations

import re
from urllib.parse import quote

_MAX_URI = 2000


def uri(text: str) -> str:
    """Return the text as a URI reference, with everything escaped that may not stand in one."""
    quoted = quote(text, safe=":/%", errors="replace")[:_MAX_URI]
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", quoted)
