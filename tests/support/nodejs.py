"""Node, for the tests that start what is written for it: skipped without it, failed where it was promised."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

OLDEST_NODE = 18
REQUIRE_NODE = "CONFORMANCE_REQUIRE_NODE"


def unavailable(why: str) -> None:
    """Without Node there is nothing to test with; where it was promised, that is a failure."""
    if os.environ.get(REQUIRE_NODE):
        pytest.fail(f"{why}, and {REQUIRE_NODE} is set")
    pytest.skip(f"{why}: the suite was not held against this other server")


def program(name: str) -> str:
    """The path of `node`, or of a program that comes with it."""
    node, found = shutil.which("node"), shutil.which(name)
    if node is None or found is None:
        unavailable("there is no Node here")
    version = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        unavailable(f"Node {version} is older than {OLDEST_NODE}")
    return str(found)
