"""The HTTP library: httpcore2 where it is installed, and httpcore otherwise.

httpcore2 continues httpcore with the same API, and the extra `httpx2` installs it. Every module that sends requests
takes the library from here, so that one process uses one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance._compat import http_library

if TYPE_CHECKING:
    import httpcore
else:
    from importlib import import_module

    httpcore = import_module(http_library())

__all__ = ["httpcore"]
