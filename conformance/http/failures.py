"""Why no response came, in a few words of our own: an error's text may quote what the target sent."""

from __future__ import annotations

import ssl

import httpcore


def describe(error: Exception) -> str:
    """One line about an error of httpcore or of the operating system."""
    inner = error.args[0] if error.args else None  # the pool raises without a cause, but the first error is inside
    cause = error.__cause__ or (inner if isinstance(inner, Exception) else error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the TLS certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {(cause.reason or 'unknown reason').lower().replace('_', ' ')}"
    if isinstance(error, httpcore.ConnectError) and not isinstance(cause, ConnectionRefusedError):
        return f"no connection: {(getattr(cause, 'strerror', None) or 'unknown reason').lower()}"
    if isinstance(error, httpcore.RemoteProtocolError):
        return next((words for start, words in _PROTOCOL.items() if str(error).startswith(start)), "not HTTP/1.1")
    return _KINDS.get(type(error), "connection reset")


_KINDS: dict[type[Exception], str] = {
    httpcore.ConnectError: "connection refused",
    httpcore.WriteError: "connection reset while sending",
    httpcore.LocalProtocolError: "not to be sent as HTTP",
    httpcore.ProxyError: "the proxy refused",
}
_PROTOCOL = {
    "Server disconnected": "connection closed without an answer",
    "peer closed connection": "connection closed",
    "Receive buffer too long": "headers of more than 100 kB",
}
