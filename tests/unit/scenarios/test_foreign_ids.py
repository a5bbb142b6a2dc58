"""Ids that a target gives out: any string may come, and no encoder, address or file makes an error of ours of it."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import folders, reporting
from support.checking import judge_clauses, target_of

from conformance.config.target import FixtureIds, Target
from conformance.evidence import archive
from conformance.evidence.lines import Lines
from conformance.evidence.recorder import Recorder
from conformance.evidence.redaction import Redactor
from conformance.execution.journal import Deleted, Entry, Journal, ResponseLost, RestoreStarted, entries
from conformance.http.exchange import MAX_ID, Exchange, Request, Response, encoded
from conformance.judging.expectations import CannotTellError
from conformance.judging.outcomes import Outcome
from conformance.reference.registry import Fault, fault
from conformance.results import reading
from conformance.results.verify import verify
from conformance.scenarios.fixtures import Fixtures
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.reference.core import Behaviours, Call

TARGET = Target("t", "http://127.0.0.1", "h", fixtures=FixtureIds("c"))
#: any string of Python, lone surrogates included
ANY = st.text(st.characters(codec=None))
UNADDRESSABLE = ["", ".", "..", "x" * (MAX_ID + 1)]


def builder() -> RequestBuilder:
    return RequestBuilder(Fixtures(TARGET, [], []), random.Random(1), lambda _: None)


def built(resource_id: str) -> list[Request]:
    """A request of each operation that names a resource by its id."""
    build = builder()
    return [
        build.get(resource_id, key="none"), build.logs(resource_id, key="none"), build.job(resource_id, key="none"),
        build.restore(resource_id, resource_id, key="none"), build.delete(resource_id, key="none"),
        build.list(resource_id, key="none"),
    ]  # fmt: skip


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(resource_id=ANY)
@example("\ud800")
def test_any_id_is_one_segment_of_an_address_or_is_not_sent(resource_id: str) -> None:
    if resource_id in UNADDRESSABLE:
        return
    for request in built(resource_id):
        assert request.target.isascii()
        assert request.target.isprintable()
        segments = request.path.split("/")
        assert "." not in segments
        assert ".." not in segments
        assert unquote_to_bytes(encoded(resource_id)) == resource_id.encode("utf-8", "surrogatepass")
        assert encoded(resource_id) in segments


@pytest.mark.parametrize("resource_id", [".", "..", "x" * (MAX_ID + 1)])
def test_an_id_that_would_name_another_address_is_not_sent(resource_id: str) -> None:
    build = builder()
    for make in (build.get, build.logs, build.job, build.restore, build.delete, build.list):
        with pytest.raises(CannotTellError, match="no address can hold"):
            make(resource_id, key="none")


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(text=ANY)
@example("\ud800")
@example("\udcff\U0010ffff")
def test_any_string_is_recorded_archived_and_judged_again(text: str) -> None:
    request = Request("job", "GET", f"/v1/jobs/{encoded(text)}", resources={"job": text}, asked={"include": text})
    body = json.dumps({"data": {"id": text}}).encode()
    exchange = Exchange(request, Response(200, (("x", text.encode("utf-8", "replace").decode("latin-1")),), body, 0.1))
    exchange.failure = text or None
    recorder = Recorder(TARGET, Redactor({"full": "a-key-of-the-target"}))
    record = json.loads(Lines(recorder).line(exchange, archive.LONGEST_BODY))
    archive.checked(record)
    again = archive.restored(record)
    assert again is not None
    assert (again.request.resources, again.data) == ({"job": text}, {"id": text})
    json.dumps(recorder.evidence(exchange), allow_nan=False)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(text=ANY)
@example("\ud800")
def test_any_string_goes_through_the_journal(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("state")
    written: list[Entry] = [
        RestoreStarted(text, text, text, "now"),
        Deleted(text, "now"),
        ResponseLost("get", text, "now"),
    ]
    book = Journal(folder, "main")
    for entry in written:
        book.write(entry)
    book.close()
    assert list(entries(folder / "journal-main.ndjson")) == written


def with_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.encode("ascii", "replace").decode(): with_names(member) for name, member in value.items()}
    return [with_names(member) for member in value] if isinstance(value, list) else value


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(text=ANY)
@example("\ud800")
@example("\0\x1b]0;x\x07\r\n")
def test_any_string_can_be_in_every_report(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    # Names of members are never a target's: header names are ASCII, and nothing else of it becomes one.
    results = with_names(reporting.hostile(text))
    folder = folders.make(tmp_path_factory.mktemp("report") / "run", results)
    results = reading.load_results(folder)
    assert results["target"]["name"] == text
    assert verify(folder).problems == []


# ------------------------------------------------------------ whole runs


def with_job_id(job_id: str) -> Fault:
    """A server whose restores are answered with this job id."""

    def job_has_an_odd_id(server: Behaviours) -> None:
        """The id of every job is odd."""

        def change(call: Call, status: int, document: Any) -> object:
            if call.operation == "restore" and status == 202:
                document["data"]["job"]["id"] = job_id
            return document

        server.document = change

    return fault(breaks=("JOB-1",))(job_has_an_odd_id)


def with_backup_id(backup_id: str) -> Fault:
    """A server that lists one backup by this id."""

    def backup_has_an_odd_id(server: Behaviours) -> None:
        """The id of a listed backup is odd."""

        def change(call: Call, status: int, document: Any) -> object:
            if call.operation == "list" and status == 200 and document["data"]:
                document["data"][0]["id"] = backup_id
            return document

        server.document = change

    return fault(breaks=("LIST-1",))(backup_has_an_odd_id)


@pytest.mark.process
@pytest.mark.parametrize("odd", ["\ud800", "..", ".", "x" * 5000, "../../admin"])
def test_an_odd_job_id_fails_a_clause_and_is_no_error_of_ours(odd: str, tmp_path: Path) -> None:
    with target_of(tmp_path, with_job_id(odd)) as target:
        judged = judge_clauses(target, {"JOB-1", "JOB-3", "JBS-1"})
    assert Outcome.FAILED in {outcome.outcome for outcome in judged.values()}
    assert not [each.reason for each in judged.values() if "bug" in each.reason or "error of the suite" in each.reason]


@pytest.mark.process
@pytest.mark.parametrize("odd", ["\ud800", "..", ""])
def test_an_odd_backup_id_fails_a_clause_and_is_no_error_of_ours(odd: str, tmp_path: Path) -> None:
    with target_of(tmp_path, with_backup_id(odd)) as target:
        judged = judge_clauses(target, {"LIST-1", "GET-1", "GET-2", "LIST-2"})
    assert judged["LIST-1"].outcome is Outcome.FAILED
    assert not [each.reason for each in judged.values() if "bug" in each.reason or "error of the suite" in each.reason]
