"""The suite against servers in FastAPI and Fastify: right ones are left alone, and mistakes of such stacks are seen.

The servers and their faults were written from the contract alone, by somebody who had not read the suite.
CONFORMANCE_MATRIX=all tries every fault, otherwise a few of each server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import frameworks, share

if TYPE_CHECKING:
    from pathlib import Path

#: One at a time: they wait for real restores.
pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.one_worker]

#: What some tests try where they do not try everything: a mistake of each kind.
FEW = {
    "fastapi": ("raw-path-gate",),
    "fastify": ("array-coercion",),
}
#: Clauses that fall with a fault, since what it does breaks them as well.
ALSO: dict[str, set[str]] = {
    "fastapi/bearer-403": {"DEL-4"},  # a deletion without a key is 401 as well
    "fastapi/body-before-auth": {"ERR-5"},  # the exception of the framework has no published code
    "fastapi/echo-surrogate-500": {"JOB-6", "JOB-8"},  # an action and an instance with a lone surrogate: 4xx
    "fastapi/router-errors": {"HTTP-1"},  # so does its 404 for an address that is unusual
    "fastify/completed-before-written": {"RST-4"},  # a copy that is not awaited fails unseen
    "fastify/ids-by-the-second": {"RST-6"},  # restores at once share a job
    "fastify/late-heartbeat": {"RST-1"},  # a job that is first read after its last beat never ends
    # the body is read before the key; which of the refused restores ran cannot be seen for every clause
    "fastapi/task-before-check": {"CAP-9", "AUTH-9", "JOB-10"},
    "fastify/stuck-after-failure": {"RST-6"},  # restores at once wait behind the failed one
    "fastify/default-error-shape": {"AUTH-7"},  # the handler that is missing sets WWW-Authenticate
}


@pytest.mark.parametrize("server", frameworks.FRAMEWORKS)
def test_a_right_server_is_left_alone(server: str, tmp_path: Path) -> None:
    judged = frameworks.outcomes(server, tmp_path)
    assert frameworks.accused(judged, set()) == []


def tried(server: str) -> list[str]:
    """The names of the faults to try: all or a few."""
    if share.MATRIX is not share.Matrix.ALL:
        return list(FEW[server])
    return [fault.name for fault in frameworks.faults_of(server)]


@pytest.mark.parametrize(
    ("server", "name"), [(server, name) for server in frameworks.FRAMEWORKS for name in tried(server)]
)
def test_a_mistake_is_seen_by_its_clauses_alone(server: str, name: str, tmp_path: Path) -> None:
    fault = next(fault for fault in frameworks.faults_of(server) if fault.name == name)
    judged = frameworks.outcomes(server, tmp_path, fault.name)
    assert frameworks.missed(judged, fault) == []
    assert frameworks.accused(judged, {*fault.clauses, *ALSO.get(fault.id, ())}) == []


@pytest.mark.parametrize("server", frameworks.FRAMEWORKS)
def test_a_few_faults_are_among_those_that_the_server_lists(server: str) -> None:
    assert set(FEW[server]) <= {fault.name for fault in frameworks.faults_of(server)}
