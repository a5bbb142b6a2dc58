"""Preflight reads a few pages of a long list; a run reads the rest, in any size of page that the target takes."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from support.exchanges import answer

from conformance.config.secrets import Key
from conformance.config.target import FixtureIds, Keys, Target
from conformance.config.target_file import load_target
from conformance.execution.inspection import inspect
from conformance.execution.run import Run
from conformance.reference import launch
from conformance.scenarios.discovery import REQUESTS_OF_PREFLIGHT, Discovery
from conformance.scenarios.fixtures import Fixtures
from conformance.scenarios.preflight.model import Entry, State
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.http.client import Client
    from conformance.http.exchange import Exchange, Request

TARGET = Target("t", "http://127.0.0.1", "h", fixtures=FixtureIds("c"), keys=Keys(full=Key("full", "a-full-key")))


@dataclass
class Listing:
    """A client of a container with `count` backups: pages have at most `cap`, sizes above `largest` are refused."""

    count: int
    cap: int
    largest: int = 1000
    requests: int = 0

    def send(self, request: Request) -> Exchange:
        self.requests += 1
        asked: dict[str, Any] = dict(part.split("=") for part in request.query.split("&") if part)
        sizes = [int(value) for name, value in asked.items() if "size" in name]
        size, page = min(sizes[0] if sizes else 100, self.cap), 1
        if sizes and sizes[0] > self.largest:
            return answer(400, {"code": "400.page-size"}, operation="list")
        page = next((int(value) for name, value in asked.items() if "number" in name), 1)
        numbers = range((page - 1) * size, min(page * size, self.count))
        items = [{"id": f"b{number:04}", "container_id": "c", "state": {"current": "live"}} for number in numbers]
        return answer(200, {"data": items}, operation="list")

    def send_all(self, requests: list[Request]) -> list[Exchange]:
        return [self.send(request) for request in requests]


def discovery(listing: Listing) -> tuple[Discovery, Fixtures]:
    fixtures = Fixtures(TARGET)
    build = RequestBuilder(fixtures, random.Random(1), lambda _: None)
    return Discovery(fixtures, cast("Client", listing), build), fixtures


@pytest.mark.parametrize(("cap", "largest"), [(100, 1000), (25, 1000), (10, 1000), (10, 10)])
def test_preflight_reads_a_few_pages_of_a_long_list_and_a_run_the_rest(cap: int, largest: int) -> None:
    listing = Listing(2500, cap, largest)
    discovering, fixtures = discovery(listing)
    discovering.begin()
    assert listing.requests == REQUESTS_OF_PREFLIGHT
    assert (fixtures.is_list_whole, fixtures.plain_list_is_whole) == (False, False)
    assert any(fixtures.live())
    discovering.complete()
    assert (len(fixtures.backups), fixtures.is_list_whole) == (2500, True)
    requests = listing.requests
    discovering.complete()
    assert listing.requests == requests


@pytest.mark.parametrize("count", [0, 1, 99, 100])
def test_a_list_of_one_page_is_whole_at_once(count: int) -> None:
    listing = Listing(count, 100)
    discovering, fixtures = discovery(listing)
    discovering.begin()
    assert (len(fixtures.backups), fixtures.is_list_whole, fixtures.plain_list_is_whole) == (count, True, True)
    assert listing.requests <= 3


def test_preflight_of_a_container_with_many_small_pages_costs_30_requests_at_most(tmp_path: Path) -> None:
    with launch.serve_in_thread(variants=["page_size_cap"]) as server:
        file = tmp_path / "t.toml"
        file.write_text(server.target_toml)
        backups = server.store.main.backups
        for number in range(2500):
            backups[f"{number:024x}"] = replace(next(iter(backups.values())), id=f"{number:024x}")
        before = server.store.counters.requests
        preflight = inspect(replace(load_target(file, {}), probe=None), "full").preflight
        assert preflight.is_ready
        assert preflight.requests == server.store.counters.requests - before <= 30
        entry = preflight.entry("fixtures.container_id")
        assert entry is not None
        assert entry.detail == "holds at least 25 backups"


@pytest.mark.parametrize("faults", [(), ("no_backups_is_not_found",)], ids=["right", "broken"])
def test_a_container_is_unknown_where_list_and_get_agree(faults: tuple[str, ...], tmp_path: Path) -> None:
    with launch.serve_in_thread(faults) as server:
        entry = entry_of_empty_container(server, tmp_path, container="f" * 24)
    assert entry.state is State.WRONG
    assert "the target knows no such container" in entry.detail


def test_a_404_of_a_list_alone_is_not_a_mistake_of_the_target_file(tmp_path: Path) -> None:
    with launch.serve_in_thread(["no_backups_is_not_found"]) as server:
        assert entry_of_empty_container(server, tmp_path).state is State.UNKNOWN


def test_a_state_that_the_contract_does_not_know_is_not_a_mistake_of_the_target_file(tmp_path: Path) -> None:
    with launch.serve_in_thread(["got_in_capitals"]) as server:
        file = tmp_path / "t.toml"
        file.write_text(server.target_toml)
        preflight = inspect(replace(load_target(file, {}), probe=None), "full").preflight
    assert preflight.mistakes == ()
    entry = preflight.entry("fixtures.backup_id")
    assert entry is not None
    assert (entry.state, entry.detail) == (State.UNKNOWN, "LIVE is no state of the contract")


def entry_of_empty_container(server: launch.Running, folder: Path, container: str | None = None) -> Entry:
    file = folder / "t.toml"
    file.write_text(server.target_toml)
    target = replace(load_target(file, {}), probe=None)
    named = container or target.fixtures.empty_container_id
    target = replace(target, fixtures=replace(target.fixtures, empty_container_id=named))
    entry = inspect(target, "full").preflight.entry("fixtures.empty_container_id")
    assert entry is not None
    return entry


def test_workers_share_one_preflight_and_each_reads_the_list(tmp_path: Path) -> None:
    with launch.serve_in_thread() as server:
        file = tmp_path / "t.toml"
        file.write_text(server.target_toml)
        target = replace(load_target(file, {}), probe=None)
        sent, runs = [], []
        for worker in ("gw0", "gw1", "gw2"):
            before = server.store.counters.requests
            run = Run(
                target,
                seed=1,
                profile="read",
                selected=(),
                state=tmp_path / "state",
                worker=worker,
                workers=3,
                examples=1,
            )
            with closing(run):
                run.start()
            sent.append(server.store.counters.requests - before)
            runs.append(run)
        assert max(sent[1:]) <= 3 < sent[0] <= 30
        first, *others = runs
        for other in others:
            assert other.preflight == first.preflight
            assert other.context.key_proofs.states == first.context.key_proofs.states
            assert other.context.fixtures.backups == first.context.fixtures.backups
        for key in target.keys.present().values():
            assert key.reveal() not in (tmp_path / "state" / "preflight.json").read_text()


def test_without_the_key_nothing_is_read_and_the_member_is_named() -> None:
    fixtures = Fixtures(replace(TARGET, keys=Keys()))
    listing = Listing(7, 5)
    build = RequestBuilder(fixtures, random.Random(1), lambda _: None)
    discovering = Discovery(fixtures, cast("Client", listing), build)
    discovering.begin()
    discovering.complete()
    assert (fixtures.problem, listing.requests) == ("set keys.full", 0)


def test_a_target_that_refuses_every_page_size_shows_its_plain_list() -> None:
    listing = Listing(7, 5, largest=0)
    discovering, fixtures = discovery(listing)
    discovering.begin()
    discovering.complete()
    assert len(fixtures.backups) == 5
