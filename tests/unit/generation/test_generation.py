"""Generated requests: what is sent and what never is, that a seed decides all of it, and that shrinking ends small."""

from __future__ import annotations

import json
import os
import re
import types
from contextlib import closing
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import strategies as st

from conformance.config.target_file import load_target
from conformance.contract import catalogue
from conformance.contract.validation import mismatches
from conformance.execution.run import Run
from conformance.generation import batches, explorer, queries, request_bodies, requests, schemathesis_requests, text
from conformance.generation.batches import Kind
from conformance.generation.schemathesis_cases import draw_cases
from conformance.generation.stateful_machine import ApiStateMachine, run_sequences
from conformance.http.exchange import Expected
from conformance.judging.expectations import violation
from conformance.reference import launch
from conformance.scenarios.context import CheckContext
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding

#: the fixtures run the probe of the target file
pytestmark = pytest.mark.process

SEEDS = range(8)
GOOD = "0123456789abcdef01234567"
RNG = Random(1)


def target_of(server: launch.Spawned | launch.Running, folder: Path) -> Target:
    file = folder / "target.toml"
    file.write_text(server.target_toml)
    return load_target(file, os.environ)


def run_on(target: Target, state: Path, *, seed: int = 1, examples: int = 25) -> Run:
    selected = catalogue.load().select((), ())
    return Run(target, seed=seed, profile="full", selected=selected, state=state, examples=examples)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with launch.serve_in_thread(restore_seconds=0) as server:
        yield target_of(server, tmp_path_factory.mktemp("reference"))


@pytest.fixture
def run(reference: Target, tmp_path: Path) -> Iterator[Run]:
    with closing(run_on(reference, tmp_path / "state")) as running:
        running.start()
        yield running


def api_of(run: Run, name: str = "GET-6/get/generated") -> CheckContext:
    return CheckContext(all_checks()[name], run.context)


def cases(kinds: Sequence[Kind], count: int = 50) -> list[Request]:
    """What the kinds generate, over several seeds."""
    found: list[Request] = []
    for number, chosen in enumerate(batches.rounds(kinds, count, RNG)):
        batches.run_batch(chosen, number, lambda batch: found.extend(request for _, request in batch))
    return found


# ---------------------------------------------------------------- what is generated


def test_ids_are_malformed_with_every_seed() -> None:
    for label, forms in text.malformed_ids(GOOD, frozenset({GOOD, "not-an-oid"})).items():
        for seed in SEEDS:
            for form in batches.draw_values(forms, seed, 3):
                assert not re.fullmatch("[0-9a-fA-F]{24}", form), label
                assert form.strip("."), label
                assert form.casefold() != "not-an-oid", label


def test_of_ids_that_are_no_oids_only_surely_wrong_forms_are_made() -> None:
    assert "an id that is too short" not in text.malformed_ids("container-1", frozenset({"container-1"}))
    assert "an id with a NUL" in text.malformed_ids("container-1", frozenset({"container-1"}))


@pytest.mark.parametrize("operation", ["list", "get", "logs", "restore", "job"])
def test_requests_are_short_and_printable(run: Run, operation: Operation) -> None:
    context = api_of(run)
    kinds = requests.with_malformed_ids(context, operation)
    if operation != "restore":
        kinds += requests.with_headers(context, operation) + requests.with_odd_paths(context, operation)
        kinds += requests.with_queries(context, operation, queries.pages(), queries.sorts(), queries.includes())
        kinds += requests.with_queries(context, operation, queries.strange())
    for request in cases(kinds, 3 * len(kinds)):
        assert len(request.target) <= 4096
        assert request.target.isascii()
        assert request.target.isprintable()
        assert " " not in request.target
        for name, value in request.headers:
            assert name.isascii()
            assert all(char == " " or char.isprintable() for char in value)
            value.encode("latin-1")


def test_malformed_ids_are_sent_whole_in_the_address(run: Run) -> None:
    for request in cases(requests.with_malformed_ids(api_of(run), "get")):
        _, _, _, container, _, backup = unquote(request.path.replace("%2F", "\ue000")).split("/")
        assert (container, backup) != (
            run.context.fixtures.container_id,
            run.context.fixtures.dedicated_backup("GET-6"),
        )
        assert container.strip(".")
        assert backup.strip(".")


def test_hubs_are_not_ours_nor_spelled_like_ours(run: Run) -> None:
    ours = {run.target.hub_id, run.target.keys.other_hub_id}
    for request in cases(requests.with_other_hubs(api_of(run), "list"), 80):
        assert request.hub_id is not None
        assert request.hub_id.strip().casefold() not in ours
        assert request.hub_id.strip()


def test_bodies_that_are_no_json_object_are_none() -> None:
    valid = requests.valid_body(GOOD)
    for label, values in request_bodies.not_json_objects(valid).items():
        for seed in SEEDS:
            for raw in batches.draw_values(values, seed, 2):
                assert len(raw) <= 65536
                try:
                    assert not isinstance(json.loads(raw), dict), (label, raw)
                except (ValueError, RecursionError):
                    continue


def test_every_keyword_of_the_schema_is_broken(run: Run) -> None:
    valid = requests.valid_body(GOOD)
    broken_ones = list(request_bodies.breaks(valid))
    keywords = {(broken.pointer, broken.keyword.split(" ")[0]) for broken in broken_ones}
    assert {((), "type"), (("action",), "required"), (("contents",), "required")} <= keywords
    instance = ("contents", "instance_id")
    assert {(instance, "type"), (instance, "required"), (instance, "minLength"), (("action",), "enum")} <= keywords
    for broken in broken_ones:
        for seed in SEEDS:
            for body in batches.draw_values(request_bodies.broken(valid, broken), seed, 2):
                assert mismatches("job-request", body), (broken, body)


def test_pairs_of_broken_keywords_are_still_broken(run: Run) -> None:
    kinds = requests.with_broken_bodies(api_of(run), GOOD, lambda one: bool(one.pointer))
    for request in cases(kinds[-1:], 60):
        assert request.body is not None
        assert mismatches("job-request", json.loads(request.body))


def test_strange_members_are_added_to_valid_requests_for_unknown_instances(run: Run) -> None:
    for request in cases(requests.with_strange_members(api_of(run, "HTTP-3/restore/generated"), GOOD), 60):
        assert request.body is not None
        assert len(request.body) <= 65536
        assert run.context.fixtures.instance_id.encode() not in request.body


def test_a_respelled_request_says_the_same() -> None:
    valid = requests.valid_body(GOOD)
    spelled = {raw for seed in SEEDS for raw in batches.draw_values(request_bodies.respelled(valid), seed)}
    assert all(json.loads(raw) == valid for raw in spelled)
    assert len(spelled) > 1


def test_other_instances_are_none_of_ours(run: Run) -> None:
    fixtures = run.target.fixtures
    for request in cases(requests.with_other_instances(api_of(run), GOOD), 80):
        assert request.body is not None
        named = json.loads(request.body)["contents"]["instance_id"]
        assert named.casefold() not in (fixtures.instance_id, fixtures.second_instance_id)


# ---------------------------------------------------------------- the seed decides


@pytest.mark.parametrize("count", [1, 7, 25, 40])
def test_as_many_cases_as_asked_for_and_every_kind_before_any_comes_again(count: int) -> None:
    kinds = [Kind(str(number), st.nothing()) for number in range(11)]
    rounds = batches.rounds(kinds, count, RNG)
    flat = [kind.label for chosen in rounds for kind in chosen]
    assert len(flat) == count
    assert len({*flat[: len(kinds)]}) == min(count, len(kinds))
    assert max(map(len, rounds)) <= batches.MAX_SIDE_BY_SIDE


@pytest.mark.parametrize(
    ("kinds", "examples", "count"),
    [(2, 25, 6), (4, 25, 12), (7, 25, 16), (11, 25, 16), (18, 25, 18), (40, 25, 25), (2, 100, 24), (18, 100, 66),
     (2, 1, 1), (3, 2, 2), (2, 4, 4), (9, 4, 4), (0, 25, 0)],
)  # fmt: skip
def test_every_kind_comes_once_and_few_kinds_come_again(kinds: int, examples: int, count: int) -> None:
    assert batches.count_of([Kind(str(number), st.nothing()) for number in range(kinds)], examples) == count


@pytest.mark.parametrize(
    ("kinds", "examples", "count"), [(2, 25, 2), (18, 25, 18), (40, 25, 25), (2, 100, 8), (9, 4, 4)]
)
def test_every_kind_comes_once_where_kinds_are_not_repeated(kinds: int, examples: int, count: int) -> None:
    chosen = [Kind(str(number), st.nothing()) for number in range(kinds)]
    assert batches.count_of(chosen, examples, repeated=False) == count


def test_what_is_generated_hangs_on_the_seed_and_not_on_what_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    values = st.tuples(st.integers(), st.text(), st.text("abc"))
    before = batches.draw_values(values, 5, 40)
    local = types.ModuleType("local_module")
    local.__file__ = __file__
    monkeypatch.setitem(__import__("sys").modules, "local_module", local)
    assert batches.draw_values(values, 5, 40) == before
    assert batches.draw_values(values, 6, 40) != before


def sent_by(run: Run, wanted: str, *first: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The requests of one check, after other checks have run."""
    sent: list[tuple[object, ...]] = []
    send_all = CheckContext.send_all

    def recording(self: CheckContext, asked: Any) -> list[Exchange]:
        batch = list(asked)
        if str(self.check.id) == wanted:
            sent.extend((one.method, one.target, one.body, one.headers, one.key, one.hub_id) for one in batch)
        return send_all(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(CheckContext, "send_all", recording)
        for name in (*first, wanted):
            run.executor.execute(all_checks()[name])
    return sent


@pytest.mark.parametrize(
    "name",
    ["GET-6/get/generated", "LIST-10/list/generated", "JOB-5/restore/generated", "HTTP-3/list/schemathesis",
     "LIST-5/list/generated", "HTTP-5/logs/generated"],
)  # fmt: skip
def test_a_check_sends_the_same_in_any_selection(
    name: str, reference: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    others = [(), ("INC-6/get/generated", "AUTH-9/logs/generated", "CAP-5/list/generated")]
    for number, first in enumerate(others):
        with closing(run_on(reference, tmp_path / str(number), seed=7)) as running:
            running.start()
            sent.append(sent_by(running, name, *first, monkeypatch=monkeypatch))
    assert sent[0]
    assert sent[0] == sent[1]


def test_schemathesis_draws_the_same_for_a_seed() -> None:
    first, other, again = (draw_cases(seed, 3) for seed in (3, 4, 3))  # only the last one drawn is remembered
    assert first == again
    assert first != other


@pytest.mark.parametrize("operation", ["list", "get", "logs", "restore", "job", "delete"])
def test_cases_of_schemathesis_name_nothing_that_must_not_be_sent(run: Run, operation: Operation) -> None:
    cases = schemathesis_requests.cases_for(api_of(run, f"HTTP-3/{operation}/schemathesis"), operation)
    assert cases
    for case, _ in cases:
        parts = unquote(case.request.path.replace("%2F", "\ue000")).split("/")
        assert all(part.strip(".") for part in parts[1:])
        assert not any(re.fullmatch("[0-9a-fA-F]{24}", part) and part != part.lower() for part in parts)
        assert case.request.method not in ("TRACE", "CONNECT")
        if case.request.method == "DELETE" or case.clause == "HTTP-5":
            assert case.request.ownership == "missing"
        if operation == "restore" and case.clause not in ("GET-6", "HTTP-5"):
            assert run.context.fixtures.instance_id.encode() not in (case.request.body or b"")


@pytest.mark.parametrize("operation", ["list", "get", "logs"])
@pytest.mark.parametrize("clause", ["AUTH-1", "AUTH-5"])
def test_cases_of_schemathesis_leave_out_key_and_hub(run: Run, clause: str, operation: Operation) -> None:
    assert schemathesis_requests.cases_for(api_of(run, f"{clause}/{operation}/schemathesis"), operation)


@pytest.mark.parametrize("clause", ["INC-6", "LIST-10", "GET-6", "AUTH-1"])
def test_cases_of_schemathesis_that_read_send_no_other_method(run: Run, clause: str) -> None:
    cases = schemathesis_requests.cases_for(api_of(run, f"{clause}/list/schemathesis"), "list")
    assert {case.request.method for case, _ in cases} == {"GET"}


def test_an_array_in_a_query_is_a_repeated_parameter() -> None:
    query = {"include": ["integrations", "a b"], "sort": [], "page[size]": 5}
    assert schemathesis_requests.query_string(query) == "include=integrations&include=a%20b&page%5Bsize%5D=5"


@pytest.mark.parametrize(
    ("query", "clause"),
    [
        ({"include": "AAA"}, "INC-6"),
        ({"include": "AAA", "sort": "-id", "page[number]": "1", "page[size]": "20"}, "INC-6"),
        ({"include": "integrations", "sort": "x"}, "LIST-10"),
        ({"page[size]": "0"}, "LIST-10"),
        ({"include": "AAA", "page[size]": "0"}, "HTTP-3"),
        ({"include": "AAA", "page[number]": "1" + "0" * 5000}, "HTTP-3"),
        ({"include": "AAA", "sort": "x"}, "HTTP-3"),
    ],
)
def test_the_odd_part_of_a_query_decides_its_clause(query: dict[str, str], clause: str) -> None:
    assert schemathesis_requests.clause_of("list", query) == clause
    assert schemathesis_requests.clause_of("get", query) == "INC-6"


# ---------------------------------------------------------------- shrinking and merging


def explored(run: Run, kinds: list[Kind], wrong: Any) -> tuple[list[Finding], list[str]]:
    """What a property finds whose expectation is that `wrong` does not hold; and the addresses that were sent."""
    context = api_of(run)
    sent: list[str] = []

    def send(batch: Sequence[Request]) -> list[Exchange]:
        sent.extend(one.path for one in batch)
        return [replace_exchange(run, one) for one in batch]

    def expect(exchange: Exchange) -> Iterator[Finding]:
        if wrong(exchange.request):
            yield violation("something else", "this", exchange)

    return list(explorer.explore(context, kinds, expect, send=send)), sent


def replace_exchange(run: Run, request: Request) -> Exchange:
    from conformance.http.exchange import Exchange, Response  # noqa: PLC0415 - made, not sent

    del run
    return Exchange(request, Response(404, (), b"", 0.0))


def kind_of(run: Run, label: str, paths: st.SearchStrategy[str]) -> Kind:
    plain = run.build.get()
    return Kind(label, paths.map(lambda path: replace(plain, path=f"/{path}", expected=Expected.UNDOCUMENTED)))


def test_shrinking_ends_at_the_smallest_case_and_sends_nothing_twice(run: Run) -> None:
    kinds = [kind_of(run, f"kind {number}", st.text("abc", min_size=1)) for number in range(5)]
    kinds.append(kind_of(run, "long", st.integers(1000, 4000).map(lambda length: "x" * length)))
    findings, sent = explored(run, kinds, lambda request: len(request.path) > 1000)
    assert findings
    assert findings[0].wanted == "something else for long"
    assert findings[0].exchange is not None
    assert len(findings[0].exchange.request.path) < 1100
    assert len(sent) == len(set(sent))
    assert len(sent) <= run.context.examples + explorer.MAX_SENDS


def test_the_reason_why_a_request_was_not_sent_follows_the_findings(run: Run) -> None:
    from conformance.http.client import NotAllowedError  # noqa: PLC0415 - one of many reasons

    kinds = [kind_of(run, "any", st.text("abc", min_size=1))]

    def refuse(_batch: Sequence[Request]) -> list[Exchange]:
        raise NotAllowedError("the budget is used up")

    with pytest.raises(NotAllowedError, match="used up"):
        list(explorer.explore(api_of(run), kinds, lambda _on: iter(()), send=refuse))


# ---------------------------------------------------------------- walks


def walked_on(target: Target, state: Path, seed: int = 1) -> Any:
    with closing(run_on(target, state, seed=seed)) as running:
        running.start()
        results = run_sequences(CheckContext(all_checks()["CAP-1/list/stateful"], running.context))
        return results, int(running.shared_state.read("restores_accepted"))


@pytest.mark.process
def test_sequences_on_a_conformant_server_find_nothing_and_keep_within_their_budget(
    reference: Target, tmp_path: Path
) -> None:
    results, restores = walked_on(reference, tmp_path)
    assert results.findings == {}
    assert results.stopped is None
    assert results.steps > 10
    assert restores <= 1
    # hypothesis keeps every class of a state machine for good
    assert not [machine for machine in ApiStateMachine.__subclasses__() if "scene" in vars(machine)]


def test_sequences_restore_nothing_without_a_budget(reference: Target, tmp_path: Path) -> None:
    small = replace(reference, restore=replace(reference.restore, max_restores=3))
    for seed in (1, 2):
        _, restores = walked_on(small, tmp_path / str(seed), seed)
        assert restores == 0


@pytest.mark.process
def test_the_shortest_sequence_that_breaks_a_clause_is_reported(tmp_path: Path) -> None:
    with launch.serve_in_thread(["list_with_manage"], restore_seconds=0) as server:
        results, _ = walked_on(target_of(server, tmp_path), tmp_path / "state")
    findings, steps = results.findings_of("CAP-1", "list")
    assert findings
    assert len(steps) == 1
    assert "as manage" in steps[0]
