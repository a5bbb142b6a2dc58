"""Faults and variants are well-formed values, and the server starts with each of them."""

from __future__ import annotations

import asyncio
import re
from copy import deepcopy
from typing import TYPE_CHECKING

import httpx
import pytest

from conformance.reference import launch, registry
from conformance.reference.app import application
from conformance.reference.data import sample_data
from conformance.reference.faults import all_faults
from conformance.reference.faults.http import connection
from conformance.reference.registry import DuplicateNameError, UnknownNameError, fault, variant
from conformance.reference.variants import all_variants

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours
    from conformance.reference.data.store import Store

CLAUSE = re.compile(r"(HTTP|ERR|AUTH|CAP|LIST|INC|GET|BKP|LOG|JOB|RST|JBS|DEL)-\d+")


@pytest.fixture(scope="module")
def fresh_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return sample_data.build(tmp_path_factory.mktemp("store"), restore_seconds=0)


async def ask(server: Behaviours) -> list[int]:
    """The statuses of a read and of a restore, without a socket."""
    fixtures = server.store.fixtures
    headers = {"Authorization": f"Bearer {server.store.token('full')}", "X-Hub-Id": fixtures.hub_id}
    backup = f"/v1/containers/{fixtures.container_id}/backups/{fixtures.backup_id}"
    body = {"action": "restore", "contents": {"instance_id": fixtures.instance_id}}
    transport = httpx.ASGITransport(application(server))
    async with httpx.AsyncClient(transport=transport, base_url="http://reference", headers=headers) as http:
        read = await http.get(f"{backup}?include=integrations")
        restored = await http.post(f"{backup}/tasks", json=body)
    return [read.status_code, restored.status_code]


#: changes that write to the connection, or reset it for what is asked here, need a socket
WITHOUT_A_SOCKET = [name for name, one in all_faults().items() if one.apply.__module__ != connection.__name__]
VARIANTS = [name for name in all_variants() if name != "first_accepted_restore_is_not_answered"]


@pytest.mark.parametrize("name", [*WITHOUT_A_SOCKET, *VARIANTS])
def test_the_server_works_with_every_change(name: str, fresh_store: Store) -> None:
    read, restored = asyncio.run(ask(launch.prepare(deepcopy(fresh_store), [name])))
    assert 200 <= read < 400
    assert 200 <= restored < 400


def test_faults_name_clauses_and_have_a_sentence() -> None:
    for change in all_faults().values():
        assert change.breaks, change.name
        assert all(CLAUSE.fullmatch(clause) for clause in (*change.breaks, *change.also)), change.name
        assert not set(change.breaks) & set(change.also), change.name
        assert change.sentence.endswith("."), change.name


def test_variants_name_a_difference_and_have_a_sentence() -> None:
    for change in all_variants().values():
        assert change.difference, change.name
        assert change.sentence.endswith("."), change.name


def test_names_are_unique() -> None:
    @fault(breaks=("CAP-1",))
    def one(_server: Behaviours) -> None:
        """One."""

    @variant("anything")
    def other(_server: Behaviours) -> None:
        """Another."""

    found: dict[str, registry.Change] = {"other": one}
    with pytest.raises(DuplicateNameError, match="other is defined twice"):
        registry.add(found, other)


def test_a_change_without_a_docstring_is_refused() -> None:
    def silent(_server: Behaviours) -> None:
        pass

    with pytest.raises(ValueError, match="silent needs a docstring"):
        fault(breaks=("CAP-1",))(silent)


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(UnknownNameError, match="did you mean list_for_everyone"):
        registry.find("list_for_everyon")


def test_several_changes_are_applied_in_order() -> None:
    with launch.serve_in_thread(["list_for_everyone"], ["oauth_401"]) as running:
        fixtures, store = running.store.fixtures, running.store
        path = f"{running.base_url}/v1/containers/{fixtures.container_id}/backups"
        headers = {"Authorization": f"Bearer {store.token('unrelated')}", "X-Hub-Id": fixtures.hub_id}
        assert httpx.get(path, headers=headers).status_code == 200
        assert httpx.get(path).json()["error"] == "invalid_token"
