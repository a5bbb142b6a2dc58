"""Variants do what they say, seen by one request where that is enough."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from support.asgi import Ask, Served

from conformance.reference import launch
from conformance.reference.data import sample_data
from conformance.reference.variants import all_variants

if TYPE_CHECKING:
    from conformance.reference.data.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return sample_data.build(tmp_path_factory.mktemp("store"), restore_seconds=0)


def answer_of(store: Store, ask: Ask, *changes: str) -> httpx.Response:
    return asyncio.run(Served(deepcopy(store), *changes).ask(ask))


#: variant, request, status, media type, part of the body
ANSWERS: list[tuple[str, Ask, int, str, str]] = [
    ("apache_refuses_encoded_slashes", Ask("{backup}%2Flogs"), 404, "text/html", "was not found on this server"),
    ("tomcat_refuses_encoded_slashes", Ask("{backup}%2Flogs"), 400, "text/html", "HTTP Status 400"),
    ("firewall_forbids", Ask("{backups}?sort=id'"), 403, "text/html", "403 Forbidden"),
    ("firewall_forbids", Ask("{backups}?sort=id"), 200, "application/json", '"data"'),
    ("firewall_does_not_accept", Ask("{backups}/..%2F"), 406, "text/html", "Mod_Security"),
    ("firewall_wants_a_user_agent", Ask(headers={"User-Agent": ""}), 403, "text/html", "403 Forbidden"),
    ("proxy_refuses_control_characters", Ask("{backups}/%00"), 400, "text/html", "400 Bad Request"),
    ("long_addresses_are_refused", Ask(f"{{backups}}/{'a' * 1001}"), 414, "text/html", "Too Large"),
    ("large_bodies_are_refused_by_a_page", Ask("{backup}/tasks", "POST", body=b" " * 200_000), 413, "text/html", "413"),
    ("kong_knows_no_route", Ask("/v1/nothing"), 404, "application/json", '{"message"'),
    ("kong_knows_no_route", Ask("{backup}", "PUT"), 405, "application/json", '"error"'),
    ("api_gateway_misses_a_token", Ask("{backup}/unknown"), 403, "application/json", '{"message"'),
    ("proxy_knows_no_route", Ask("{backup}/unknown"), 404, "text/plain", "default backend"),
    ("unknown_addresses_need_a_key", Ask("{backup}/unknown", key=None), 401, "application/json", '"401.auth-invalid"'),
    ("unknown_addresses_need_a_key", Ask("{backup}/unknown"), 404, "application/json", '"404.uri"'),
    ("trailing_slashes_are_dropped", Ask("{backup}/"), 200, "application/json", '"data"'),
    ("trailing_slashes_are_dropped", Ask("{backup}/", key=None), 401, "application/json", '"error"'),
    ("doubled_slashes_are_merged", Ask("/{backup}"), 200, "application/json", '"data"'),
    ("doubled_slashes_are_merged", Ask("/{backup}", key=None), 401, "application/json", '"error"'),
    ("trailing_slashes_are_redirected", Ask("{backup}/"), 307, "", ""),
    ("large_pages_are_refused", Ask("{backups}?page[size]=101"), 422, "application/json", '"422.invalid-argument"'),
    ("large_pages_are_refused", Ask("{backups}?page[size]=100"), 200, "application/json", '"data"'),
    ("pages_above_ten_are_refused", Ask("{backups}?page[size]=11"), 400, "application/json", '"400.invalid-syntax"'),
    ("pages_above_30_are_refused", Ask("{backups}?page[size]=31"), 403, "application/json", '"error"'),
    ("empty_includes_are_an_array", Ask(), 200, "application/json", '"includes":[]'),
    ("empty_includes_are_null", Ask(), 200, "application/json", '"includes":null'),
    ("empty_integrations_are_an_array", Ask(), 200, "application/json", '"includes":{"integrations":[]}'),
    ("empty_integrations_are_null", Ask(), 200, "application/json", '"includes":{"integrations":null}'),
    ("empty_includes_are_an_array", Ask("{backup}?include=integrations"), 200, "application/json", '"integrations":{"'),
    ("secrets_are_abbreviated", Ask("{backups}?include=integrations"), 200, "application/json", '"ak-..."'),
    ("only_commas_separate_lists", Ask("{backups}?sort=id&sort=size"), 400, "application/json", '"error"'),
    ("only_commas_separate_lists", Ask("{backups}?sort=id,size"), 200, "application/json", '"data"'),
    ("unknown_parameters_are_refused", Ask("{backups}?page[]=1"), 400, "application/json", '"error"'),
    ("ranges_are_served", Ask(headers={"Range": "bytes=0-7"}), 206, "application/json", '{"data":'),
    ("ranges_are_refused", Ask(headers={"Range": "bytes=0-7"}), 416, "text/plain", "range"),
    ("conditional_requests_are_served", Ask(headers={"If-None-Match": "*"}), 304, "application/json", ""),
    ("accept_is_honoured", Ask(headers={"Accept": "text/html"}), 406, "application/json", '"406.not-acceptable"'),
    ("accept_is_honoured", Ask(headers={"Accept": "text/html, */*;q=0.1"}), 200, "application/json", '"data"'),
    ("accept_is_honoured_by_a_page", Ask(headers={"Accept": "image/png"}), 406, "text/html", "Not Acceptable"),
    ("length_is_required", Ask("{backup}/tasks", "POST", headers={"Transfer-Encoding": "chunked"}), 411,
     "application/json", '"411.length-required"'),
    ("expectations_are_refused", Ask(headers={"Expect": "100-continue"}), 417, "", ""),
    ("encoded_bodies_are_decoded", Ask("{backup}/tasks", "POST", headers={"Content-Encoding": "gzip"}), 400,
     "application/json", "The body is not gzip"),
    ("reads_with_a_body_are_refused", Ask(body=b"{}"), 400, "application/json", '"error"'),
    ("leap_seconds", Ask(), 200, "application/json", "23:59:60Z"),
    ("sizes_beyond_64_bits", Ask(), 200, "application/json", '"size":1844674407370955'),
    ("zero_time_in_small_letters", Ask(), 200, "application/json", '"0001-01-01t00:00:00z"'),
    ("codes_with_digits", Ask(key="other_hub"), 403, "application/json", '"403.2fa-required"'),
    ("malformed_ids_are_forbidden", Ask("{backups}/x"), 403, "application/json", '"403.mismatch"'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ask", "status", "media_type", "part"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_the_variant_shows(store: Store, *, name: str, ask: Ask, status: int, media_type: str, part: str) -> None:
    answer = answer_of(store, ask, name)
    found_type = answer.headers.get("content-type", "").partition(";")[0]
    assert (answer.status_code, found_type) == (status, media_type)
    assert part in answer.text


#: variant, status that an occasional request has
OCCASIONAL = {
    "kong_limits_rates": 429,
    "nginx_limits_rates": 429,
    "limited_without_a_body": 429,
    "maintenance_with_retry_after": 503,
    "clock_is_an_hour_behind": 429,
    "clock_is_an_hour_ahead": 429,
    "random_502": 502,
    "random_503": 503,
    "random_504": 504,
    "random_520": 520,
}


@pytest.mark.parametrize(("name", "status"), OCCASIONAL.items())
def test_an_occasional_request_is_unavailable(store: Store, name: str, status: int) -> None:
    async def main() -> list[httpx.Response]:
        served = Served(deepcopy(store), name)
        return [await served.ask(Ask()) for _ in range(175)]

    answers = asyncio.run(main())
    assert {answer.status_code for answer in answers} == {200, status}
    refused = next(answer for answer in answers if answer.status_code == status)
    asks_to_wait = status == 429 or name == "maintenance_with_retry_after"
    assert ("retry-after" in refused.headers) == asks_to_wait
    if "clock" in name:
        waiting = parsedate_to_datetime(refused.headers["retry-after"]) - parsedate_to_datetime(refused.headers["date"])
        assert 0 <= waiting.total_seconds() <= 2


def test_the_date_of_a_response_is_set_once() -> None:
    with launch.serve_in_thread() as running:
        assert len(httpx.get(f"{running.base_url}/v1/nothing").headers.get_list("date")) == 1


def test_identical_restores_share_a_job(store: Store) -> None:
    async def main(*changes: str) -> set[str]:
        served = Served(deepcopy(store), *changes)
        return {await served.restore() for _ in range(3)}

    assert len(asyncio.run(main("identical_restores_share_a_job"))) == 1
    assert len(asyncio.run(main())) == 3


def test_a_lost_answer_is_that_of_one_accepted_restore() -> None:
    with (
        launch.serve_in_thread([], ["one_accepted_restore_is_not_answered"]) as running,
        httpx.Client(base_url=running.base_url) as http,
    ):
        fixtures = running.store.fixtures
        headers = {"Authorization": f"Bearer {running.store.token('full')}", "X-Hub-Id": fixtures.hub_id}
        path = f"/v1/containers/{fixtures.container_id}/backups/{fixtures.backup_id}/tasks"
        body = {"action": "restore", "contents": {"instance_id": fixtures.instance_id}}
        lost = 0
        for _ in range(4):
            try:
                assert http.post(path, headers=headers, json=body).status_code == 202
            except httpx.TransportError:
                lost += 1
        assert (lost, running.store.counters.accepted_restores) == (1, 4)


def test_a_restore_to_another_instance_is_refused(store: Store) -> None:
    other = store.fixtures.second_instance_id
    body = f'{{"action":"restore","contents":{{"instance_id":"{other}"}}}}'
    ask = Ask("{backup}/tasks", "POST", body=body)
    assert answer_of(store, ask, "backups_return_to_their_instance_only").status_code == 422
    assert answer_of(store, ask).status_code == 202


def test_the_sample_has_backups_of_each_instance(store: Store) -> None:
    main = store.main
    assert {backup.instance_id for backup in main.backups.values() if backup.current == "live"} == set(main.instances)


def test_only_variants_of_unreliable_targets_are_inconclusive() -> None:
    unreliable = {name for name, one in all_variants().items() if one.expected == "inconclusive"}
    assert unreliable >= {"random_502", "another_client_restores_once", "one_log_is_huge"}
    modules = {all_variants()[name].apply.__module__.rpartition(".")[2] for name in unreliable}
    assert modules == {"removals", "unavailable"}
