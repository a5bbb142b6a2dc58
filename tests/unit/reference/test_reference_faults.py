"""Each fault does what it says, seen by one request, and the server without it does not."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from support.asgi import Ask, Served

from conformance.reference.data import sample_data

if TYPE_CHECKING:
    from conformance.reference.data.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return sample_data.build(tmp_path_factory.mktemp("store"), restore_seconds=0)


def statuses(store: Store, ask: Ask, *changes: str) -> tuple[int, str, str]:
    """The status, the media type and the body of the response to a request; a job to ask for is there."""

    async def main() -> tuple[int, str, str]:
        served = Served(deepcopy(store), *changes)
        if "job}" in ask.path:
            await served.restore()
        answer = await served.ask(ask)
        return answer.status_code, answer.headers.get("content-type", ""), answer.text

    return asyncio.run(main())


#: fault, request, status of the conformant server, status with the fault
STATUSES: list[tuple[str, Ask, int, int]] = [
    # encoded slashes
    ("paths_are_decoded_before_routing", Ask("{backup}%2Flogs"), 400, 200),
    ("paths_are_decoded_before_routing", Ask("/v1/containers/{container}%2Fbackups"), 404, 200),
    ("proxy_decodes_slashes", Ask("{backup}%2flogs"), 400, 200),
    ("encoded_slash_leads_to_logs", Ask("{backup}%2Flogs"), 400, 200),
    ("encoded_slash_leads_to_the_list", Ask("/v1/containers/{container}%2Fbackups"), 404, 200),
    ("encoded_slash_leads_to_tasks", Ask("{backup}%2Ftasks", "POST"), 405, 202),
    ("encoded_slash_at_the_end_is_dropped", Ask("{backup}%2F"), 400, 200),
    ("encoded_slash_at_the_end_is_redirected", Ask("{backup}%2F"), 400, 307),
    ("encoded_slash_crosses_containers", Ask("/v1/containers/{other}%2Fbackups%2F{id}"), 404, 200),
    ("encoded_slash_crosses_containers", Ask("/v1/containers/{other}/backups/{id}"), 404, 404),
    ("encoded_slash_breaks_down", Ask("{backups}/a%2Fb"), 400, 500),
    ("parent_folder_breaks_down", Ask("{backups}/..%2F..%2Fetc"), 400, 500),
    ("quotes_in_ids_break_down", Ask("{backups}/'%20OR%201=1"), 400, 500),
    ("invalid_utf8_in_ids_breaks_down", Ask("{backups}/%ED%A0%80"), 400, 500),
    ("other_digits_break_down", Ask("{backups}/%D9%A1"), 400, 500),
    ("ids_are_decoded_twice", Ask("{twice_encoded}"), 400, 200),
    ("matrix_parameters_are_dropped", Ask("{backup};v=1"), 400, 200),
    # unknown addresses
    ("unknown_addresses_are_not_allowed", Ask("{backup}/unknown"), 404, 405),
    ("unknown_addresses_are_malformed", Ask("{backup}/unknown"), 404, 400),
    ("unknown_addresses_are_the_app", Ask("{backup}/unknown"), 404, 200),
    ("unknown_addresses_break_down", Ask("{backup}/unknown"), 404, 500),
    ("unknown_addresses_beneath_logs_break_down", Ask("{backup}/logs/unknown"), 404, 500),
    ("unknown_addresses_show_the_backup", Ask("{backup}/unknown"), 404, 200),
    ("unknown_addresses_beneath_logs_show_the_logs", Ask("{backup}/logs/unknown"), 404, 200),
    ("unknown_addresses_show_null", Ask("{backup}/unknown"), 404, 200),
    # other spellings
    ("encoded_addresses_need_no_key", Ask("{encoded}", key=None), 401, 200),
    ("encoded_addresses_need_no_capability", Ask("{encoded}/logs", key="manage"), 403, 200),
    ("encoded_addresses_are_open_to_any_hub", Ask("{encoded}", key="other_hub"), 403, 200),
    ("encoded_restores_need_no_key", Ask("{encoded}/tasks", "POST", key=None), 401, 202),
    ("encoded_restores_need_no_capability", Ask("{encoded}/tasks", "POST", key="view"), 403, 202),
    ("encoded_jobs_need_no_key", Ask("/v1/jobs/{encoded_job}", key=None), 401, 200),
    ("trailing_slash_needs_no_key", Ask("{backup}/", key=None), 404, 200),
    ("trailing_slash_needs_no_capability", Ask("{backup}/logs/", key="manage"), 404, 200),
    ("list_with_a_trailing_slash_needs_no_key", Ask("{backups}/", key=None), 404, 200),
    ("doubled_slash_needs_no_key", Ask("/{backup}", key=None), 404, 200),
    ("doubled_slash_is_open_to_any_hub", Ask("/{backup}", key="other_hub"), 404, 200),
    ("logs_with_a_doubled_slash_need_no_capability", Ask("{backup}//logs", key="manage"), 404, 200),
    ("encoded_slash_needs_no_key", Ask("{backup}%2Flogs", key=None), 401, 200),
    ("encoded_slash_needs_no_capability", Ask("{backup}%2Flogs", key="manage"), 403, 200),
    ("restores_by_an_encoded_slash_need_no_capability", Ask("{backup}%2Ftasks", "POST", key="view"), 405, 202),
    ("spellings_show_a_page", Ask("{backup}/", key=None), 404, 200),
    ("head_needs_no_key", Ask("{backup}", "HEAD", key=None), 401, 200),
    ("head_needs_no_key", Ask("{backups}/{unknown}", "HEAD", key=None), 401, 404),
    ("head_needs_no_capability", Ask("{backup}", "HEAD", key="manage"), 403, 200),
    ("head_is_open_to_any_hub", Ask("{backup}", "HEAD", key="other_hub"), 403, 200),
    ("head_of_jobs_needs_no_key", Ask("/v1/jobs/{job}", "HEAD", key=None), 401, 200),
    ("head_is_always_ok", Ask("{backups}/{unknown}", "HEAD", key=None), 401, 200),
    # methods
    ("patch_is_accepted", Ask("{backup}", "PATCH"), 405, 202),
    ("post_to_the_list_creates", Ask("{backups}", "POST"), 405, 201),
    ("logs_can_be_deleted", Ask("{backup}/logs", "DELETE"), 405, 204),
    ("tasks_can_be_put", Ask("{backup}/tasks", "PUT"), 405, 200),
    ("method_refusal_is_a_400", Ask("{backup}", "PUT"), 405, 400),
    ("method_refusal_is_elsewhere", Ask("{backup}", "PUT"), 405, 302),
    # queries
    ("inherited_sort_breaks_down", Ask("{backups}?sort=-constructor"), 400, 500),
    ("dunder_sort_breaks_down", Ask("{backups}?sort=__class__"), 400, 500),
    ("inherited_include_breaks_down", Ask("{backup}?include=toString"), 200, 500),
    ("inherited_parameter_breaks_down", Ask("{backups}?__proto__[x]=1"), 200, 500),
    ("operators_break_down", Ask("{backups}?sort[$ne]=1"), 200, 500),
    ("nested_page_breaks_down", Ask("{backups}?page[number][x]=1"), 200, 500),
    ("page_array_breaks_down", Ask("{backups}?page[]=1"), 200, 500),
    ("bare_page_breaks_down", Ask("{backups}?page=1"), 200, 500),
    ("sort_array_breaks_down", Ask("{backups}?sort[]=id"), 200, 500),
    ("include_array_breaks_down", Ask("{backups}?include[]=integrations"), 200, 500),
    ("sort_twice_breaks_down", Ask("{backups}?sort=id&sort=created"), 200, 500),
    ("include_twice_breaks_down", Ask("{backups}?include=integrations&include=integrations"), 200, 500),
    ("page_number_twice_breaks_down", Ask("{backups}?page[number]=1&page[number]=1"), 200, 500),
    ("page_size_twice_breaks_down", Ask("{backups}?page[size]=5&page[size]=5"), 200, 500),
    ("page_size_beyond_64_bits_breaks_down", Ask("{backups}?page[size]=100000000000000000000"), 400, 500),
    ("page_of_many_digits_breaks_down", Ask("{backups}?page[number]=1000000000000000000"), 200, 500),
    ("page_beyond_a_double_breaks_down", Ask(f"{{backups}}?page[number]={'9' * 400}"), 400, 500),
    ("page_with_an_exponent_breaks_down", Ask("{backups}?page[size]=1e3"), 400, 500),
    ("empty_page_breaks_down", Ask("{backups}?page[size]="), 400, 500),
    ("percent_marker_in_sort_breaks_down", Ask("{backups}?sort=%25s"), 400, 500),
    ("braces_in_include_break_down", Ask("{backups}?include={}"), 200, 500),
    ("template_marker_in_sort_breaks_down", Ask("{backups}?sort=${x}"), 400, 500),
    ("quotes_in_sort_break_down", Ask("{backups}?sort=id'"), 400, 500),
    ("quotes_in_include_break_down", Ask("{backups}?include='"), 200, 500),
    ("path_in_sort_breaks_down", Ask("{backups}?sort=../../etc/passwd"), 400, 500),
    ("dotted_sort_breaks_down", Ask("{backups}?sort=id.x"), 400, 500),
    ("nul_in_sort_breaks_down", Ask("{backups}?sort=id%00"), 400, 500),
    ("nul_in_include_breaks_down", Ask("{backups}?include=%00"), 200, 500),
    ("surrogate_in_sort_breaks_down", Ask("{backups}?sort=%ED%A0%80"), 400, 500),
    ("surrogate_in_include_breaks_down", Ask("{backups}?include=%ED%A0%80"), 200, 500),
    # headers and bodies
    ("no_user_agent_breaks_down", Ask(headers={"User-Agent": "(none)"}), 200, 500),
    ("empty_user_agent_breaks_down", Ask(headers={"User-Agent": ""}), 200, 500),
    ("no_accept_breaks_down", Ask(headers={"Accept": "(none)"}), 200, 500),
    ("malformed_accept_breaks_down", Ask(headers={"Accept": "json"}), 200, 500),
    ("other_accept_breaks_down", Ask(headers={"Accept": "application/xml"}), 200, 500),
    ("if_none_match_breaks_down", Ask(headers={"If-None-Match": '"x"'}), 200, 500),
    ("body_of_a_read_breaks_down", Ask(body=b"{}"), 200, 500),
    ("expectations_break_down", Ask(headers={"Expect": "100-continue"}), 200, 500),
    ("encoded_bodies_break_down", Ask("{backup}/tasks", "POST", headers={"Content-Encoding": "gzip"}), 415, 500),
    ("unknown_content_encodings_break_down", Ask("{backup}/tasks", "POST", headers={"Content-Encoding": "x"}), 415,
     500),
    ("chunked_requests_break_down", Ask("{backup}/tasks", "POST", headers={"Transfer-Encoding": "chunked"}), 202, 500),
    ("empty_bodies_break_down", Ask("{backup}/tasks", "POST", body=b""), 400, 500),
    ("inherited_members_break_down", Ask("{backup}/tasks", "POST", body=b'{"__proto__":{}}'), 422, 500),
    ("inherited_actions_break_down", Ask("{backup}/tasks", "POST", body=b'{"action":"constructor"}'), 422, 500),
    ("markers_in_bodies_break_down", Ask("{backup}/tasks", "POST", body=b'{"action":"%s"}'), 422, 500),
    (
        "quotes_in_instances_break_down",
        Ask("{backup}/tasks", "POST", body=b'{"action":"restore","contents":{"instance_id":"\' OR 1=1"}}'), 422, 500,
    ),
    (
        "paths_in_instances_break_down",
        Ask("{backup}/tasks", "POST", body=b'{"action":"restore","contents":{"instance_id":"../x"}}'), 422, 500,
    ),
    ("integers_beyond_64_bits_break_down", Ask("{backup}/tasks", "POST", body=b'{"n":18446744073709551616}'), 422, 500),
    ("forms_are_taken",
     Ask("{backup}/tasks", "POST", headers={"Content-Type": "application/x-www-form-urlencoded"}, body=b"x=1"), 415,
     422),
    ("multipart_forms_are_taken",
     Ask("{backup}/tasks", "POST", headers={"Content-Type": "multipart/form-data; boundary=x"}, body=b"--x--"), 415,
     422),
    ("null_contents_break_down", Ask("{backup}/tasks", "POST", body=b'{"action":"restore","contents":null}'), 422, 500),
    # hubs and deletions
    ("other_hub_finds_every_container", Ask(key="other_hub", hub="other_hub_id"), 404, 200),
    ("unknown_hub_of_a_job_is_the_keys", Ask("/v1/jobs/{job}", hub="f" * 24), 403, 200),
    ("deletion_in_the_hub_of_the_key", Ask("{backups}/{deletable}", "DELETE", hub="other_hub_id"), 403, 202),
    ("deletion_needs_no_hub", Ask("{backups}/{deletable}", "DELETE", hub=None), 400, 202),
    ("deletion_with_a_key_of_any_hub", Ask("{backups}/{deletable}", "DELETE", key="other_hub"), 403, 202),
    ("deletion_of_nothing_has_no_content", Ask("{backups}/{unknown}", "DELETE"), 404, 204),
    ("deletion_has_no_content", Ask("{backups}/{deletable}", "DELETE"), 202, 204),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ask", "right", "wrong"), STATUSES, ids=[row[0] for row in STATUSES])
def test_the_fault_shows_in_the_status(store: Store, name: str, ask: Ask, right: int, wrong: int) -> None:
    assert statuses(store, ask)[0] == right
    assert statuses(store, ask, name)[0] == wrong


#: fault, request, media type with the fault, part of the body with the fault
BODIES: list[tuple[str, Ask, str, str]] = [
    ("unknown_addresses_are_plain_text", Ask("{backup}/unknown"), "text/plain", "404 page"),
    ("unknown_addresses_cannot_get", Ask("{backup}/unknown"), "text/html", "Cannot GET"),
    ("unknown_addresses_are_empty", Ask("{backup}/unknown"), "", ""),
    ("unknown_addresses_have_a_detail", Ask("{backup}/unknown"), "application/json", '{"detail"'),
    ("unknown_addresses_are_unknown_backups", Ask("{backup}/unknown"), "application/json", '"404.container.backup"'),
    ("fastapi_validation_errors", Ask("{backup}/tasks", "POST", body=b"{}"), "application/json", '"loc"'),
    ("django_permission_errors", Ask(key="manage"), "application/json", '{"detail"'),
    ("express_error_pages", Ask("{backups}/{unknown}"), "text/html", "Cannot GET"),
    ("nest_errors", Ask("{backups}/{unknown}"), "application/json", '"statusCode"'),
    ("fastify_errors", Ask("{backups}?sort=x"), "application/json", '"FST_ERR_VALIDATION"'),
    ("spring_errors", Ask("{backup}/tasks", "POST", headers={"Content-Type": "text/plain"}), "application/json",
     '"timestamp"'),
    ("aspnet_problem_details", Ask("{backups}?sort=x"), "application/problem+json", "tools.ietf.org"),
    ("go_plain_text_errors", Ask(key=None), "text/plain", "unauthorized"),
    ("rails_errors", Ask("{backups}/{unknown}"), "application/json", '"error": "Not Found"'),
    ("laravel_errors", Ask(key=None), "application/json", "Unauthenticated."),
    ("json_api_errors", Ask("{backup}/tasks", "POST", body=b"{}"), "application/json", '"errors"'),
    ("error_is_a_message", Ask("{backup}/tasks", "POST", body=b"{}"), "application/json", '"error": "invalid'),
    ("code_ends_with_a_dot", Ask("{backups}/{unknown}"), "application/json", '"404.container.backup."'),
    ("code_is_only_a_status", Ask("{backup}/tasks", "POST", body=b"{}"), "application/json", '"code":"422"'),
    ("code_with_a_slash", Ask("{backups}/{unknown}"), "application/json", '"404/container/backup"'),
    ("method_refusal_in_plain_text", Ask("{backup}", "PUT"), "text/plain", "Method Not Allowed"),
    ("included_as_an_array", Ask("{backup}?include=integrations"), "application/json", '"integrations":[{'),
    ("referenced_ids_are_included_unasked", Ask("{backup}"), "application/json", '"integrations":["'),
    ("page_number_wraps_at_32_bits", Ask("{backups}?page[number]=4294967297&page[size]=5"), "application/json",
     '"hub_id"'),
    ("page_offset_wraps_at_32_bits", Ask("{backups}?page[number]=1073741825&page[size]=4"), "application/json",
     '"hub_id"'),
    ("page_offset_wraps_at_64_bits", Ask("{backups}?page[number]=4611686018427387905&page[size]=4"),
     "application/json", '"hub_id"'),
    ("query_fills_the_body", Ask("{backup}/tasks?action=restore", "POST", body=b"{}"), "application/json",
     '"/contents"'),
    ("mask_shows_five", Ask("{backups}?include=integrations"), "application/json", '"ak-9f…"'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ask", "media_type", "part"), BODIES, ids=[row[0] for row in BODIES])
def test_the_fault_shows_in_the_body(store: Store, name: str, ask: Ask, media_type: str, part: str) -> None:
    status, right_type, right = statuses(store, ask)
    changed_status, found_type, found = statuses(store, ask, name)
    assert changed_status == status
    assert (found_type.partition(";")[0], part in found) == (media_type, True)
    assert right_type == "application/json"
    assert part not in right or not part


#: fault, what its response has as Access-Control-Allow-Origin or Allow
HEADERS: list[tuple[str, Ask, str, list[str]]] = [
    ("cors_twice", Ask(headers={"Origin": "https://app.test"}), "Access-Control-Allow-Origin", ["*", "*"]),
    ("cors_as_a_list", Ask(headers={"Origin": "https://app.test"}), "Access-Control-Allow-Origin",
     ["https://portal.example.test, *"]),
    ("cors_for_the_portal", Ask(headers={"Origin": "https://app.test"}), "Access-Control-Allow-Origin",
     ["https://portal.example.test"]),
    ("cors_without_scheme", Ask(headers={"Origin": "https://app.test"}), "Access-Control-Allow-Origin", ["app.test"]),
    ("allow_names_the_refused_method", Ask("{backup}", "PUT"), "Allow", ["GET, DELETE, HEAD, OPTIONS, PUT"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ask", "header", "values"), HEADERS, ids=[row[0] for row in HEADERS])
def test_the_fault_shows_in_a_header(store: Store, name: str, ask: Ask, header: str, values: list[str]) -> None:
    async def main(*changes: str) -> list[str]:
        answer = await Served(deepcopy(store), *changes).ask(ask)
        return answer.headers.get_list(header)

    assert asyncio.run(main(name)) == values
    assert asyncio.run(main()) != values


#: fault, a read A, another read B; with the fault A differs after B
STICKING: list[tuple[str, Ask, Ask]] = [
    ("sort_sticks", Ask("{backups}"), Ask("{backups}?sort=id")),
    ("sort_sticks_once", Ask("{backups}"), Ask("{backups}?sort=-id")),
    ("include_sticks", Ask("{backups}"), Ask("{backups}?include=integrations")),
    ("page_size_sticks", Ask("{backups}"), Ask("{backups}?page[size]=3")),
    ("page_number_sticks", Ask("{backups}"), Ask("{backups}?page[number]=2")),
    ("order_of_the_previous_caller", Ask("{backups}"), Ask("{backups}", key="view")),
    ("denials_are_cached", Ask(), Ask(key="manage")),
    ("logs_are_sorted_by_the_list", Ask("{backup}/logs"), Ask("{backups}?sort=id")),
    ("log_ids_are_made_up", Ask("{backup}/logs"), Ask("{backup}")),
    ("lists_are_in_random_order", Ask("{backups}"), Ask("{backup}")),
]


@pytest.mark.parametrize(("name", "read", "between"), STICKING, ids=[row[0] for row in STICKING])
def test_one_read_changes_another(store: Store, name: str, read: Ask, between: Ask) -> None:
    async def main(*changes: str) -> list[str]:
        served = Served(deepcopy(store), *changes)
        first = await served.ask(read)
        second = await served.ask(read)
        await served.ask(between)
        return [first.text, second.text, (await served.ask(read)).text]

    first, second, third = asyncio.run(main())
    assert first == second == third
    first, second, third = asyncio.run(main(name))
    assert second != third
    assert first == second or name in {"log_ids_are_made_up", "lists_are_in_random_order"}


def test_a_cache_serves_a_read_to_everyone(store: Store) -> None:
    async def main(*changes: str) -> list[int]:
        served = Served(deepcopy(store), *changes)
        return [(await served.ask(Ask(key=key))).status_code for key in (None, "full", None, "manage")]

    assert asyncio.run(main()) == [401, 200, 401, 403]
    assert asyncio.run(main("reads_are_cached_for_everyone")) == [401, 200, 200, 200]
