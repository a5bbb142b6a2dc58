"""What queries say."""

from __future__ import annotations


def holds(sent: str, query: str) -> bool:
    """Whether a query was sent: alone, or beside other parameters or other words of its parameter."""
    name, _, word = query.partition("=")
    words = sent.removeprefix(f"{name}=").split(",") if sent.startswith(f"{name}=") else []
    return f"&{query}&" in f"&{sent}&" or word in words
