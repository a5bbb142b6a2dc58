"""Addresses written in other ways, and the methods that the contract describes on them."""

from __future__ import annotations

import pytest

from conformance.generation.addresses import has_undocumented_method
from conformance.http.exchange import Request

CONTAINER = "/v1/containers/c"


@pytest.mark.parametrize(
    ("method", "path", "undocumented"),
    [
        ("POST", f"{CONTAINER}/backups/b%2Ftasks", True),  # as written, a POST to a backup
        ("GET", f"{CONTAINER}/backups/b%2Ftasks", True),  # decoded, a GET of tasks
        ("POST", f"{CONTAINER}/backups", True),
        ("POST", f"{CONTAINER}/backups/b%2F/tasks", False),
        ("POST", f"{CONTAINER}/backups/%00/tasks", False),
        ("POST", f"{CONTAINER}/backups/..%2Fbackups%2Fb/tasks", False),
        ("GET", f"{CONTAINER}/backups/b%2Flogs", False),
        ("GET", f"{CONTAINER}%2Fbackups", False),
        ("GET", f"{CONTAINER}/backups/{'a' * 500}", False),
        ("DELETE", f"{CONTAINER}/backups/b", False),
        ("GET", "/v1/jobs/%FF", False),
        ("GET", "/v1/jobs/j%2Funknown", False),
    ],
)
def test_where_a_501_to_the_method_is_right(method: str, path: str, undocumented: bool) -> None:
    assert has_undocumented_method(Request("get", method, path)) is undocumented
