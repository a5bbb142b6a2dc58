"""Servers that are forked from one process: as isolated from each other as servers that are started."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import tomllib

import httpx
import pytest
from support.waiting import wait_until

from conformance.reference import forking, launch

pytestmark = pytest.mark.process


def status_without_key(server: forking.Forked) -> int:
    """The status of a request without a key."""
    return httpx.get(f"{server.base_url}/v1/jobs/{'0' * 24}").status_code


def has_ended(server: forking.Forked) -> bool:
    """Whether nobody listens at the address of a server."""
    try:
        httpx.get(server.base_url, timeout=0.1)
    except httpx.TimeoutException:
        return False
    except httpx.TransportError:
        return True
    return False


def test_each_server_has_a_process_and_data_of_its_own() -> None:
    with forking.forked(["no_key_needed"]) as first, forking.forked() as second:
        assert len({os.getpid(), first.pid, second.pid}) == 3
        tables = [tomllib.loads(server.target_file.read_text("utf-8")) for server in (first, second)]
        roots = [server.target_file.parent for server in (first, second)]
        assert roots[0] != roots[1]
        assert tables[0]["keys"]["full"] != tables[1]["keys"]["full"]
        container = tables[0]["fixtures"]["container_id"]
        address, headers = f"/v1/containers/{container}/backups", {"x-hub-id": tables[0]["target"]["hub_id"]}
        answers = [httpx.get(server.base_url + address, headers=headers) for server in (first, second)]
        assert [answer.status_code for answer in answers] == [200, 401], "only the first has the fault"
    assert not any(root.exists() for root in roots)


def test_a_server_that_does_not_start_raises_the_reason() -> None:
    with pytest.raises(launch.LaunchError, match="did you mean no_cors"), forking.forked(["no_corz"]):
        pass
    with forking.forked() as next_server:
        assert status_without_key(next_server) == 401


def test_a_server_that_was_killed_costs_no_other_one() -> None:
    with forking.forked() as killed, forking.forked() as other:
        os.kill(killed.pid, signal.SIGKILL)
        wait_until(lambda: has_ended(killed))
        assert status_without_key(other) == 401
    with forking.forked() as next_server:
        assert status_without_key(next_server) == 401


def test_a_server_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "ENDING_TIMEOUT_S", 0.01)
    with forking.forked() as hung:
        os.kill(hung.pid, signal.SIGSTOP)
    wait_until(lambda: has_ended(hung))


def test_a_fork_server_that_has_ended_is_reported() -> None:
    server = forking.ForkServer()
    server.close()
    with (
        socket.socket() as lifeline,
        tempfile.TemporaryFile("w+") as errors,
        pytest.raises(launch.LaunchError, match="the process that forks servers"),
    ):
        server.fork([], lifeline, errors)
