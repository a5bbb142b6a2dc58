"""The logs that readings ever showed, and what the readings say against themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.http.exchange import Exchange, Request, Response
from conformance.scenarios.proofs.log_book import LogBook


def reading(*logs: dict[str, Any], backup: str = "b", started: float = 0.0, ownership: Any = "own") -> Exchange:
    request = Request("logs", "GET", "/v1/x", ownership=ownership, resources={"backup": backup, "container": "c"})
    body = json.dumps({"data": list(logs)}).encode()
    response = Response(200, (("content-type", "application/json"),), body, 0.1)
    return Exchange(request, response, started=started)


def log(log_id: str, created: str = "2026-01-01T00:00:00Z", **other: Any) -> dict[str, Any]:
    return {"id": log_id, "events": {"created": created}, **other}


def book_of(*readings: Exchange) -> LogBook:
    book = LogBook()
    for exchange in readings:
        book.observe(exchange)
    return book


def test_a_log_that_was_shown_once_is_kept_and_its_loss_is_noted() -> None:
    book = book_of(reading(log("1"), log("2")), reading(log("2"), started=1))
    assert sorted(book.seen("b")) == ["1", "2"]
    assert [loss.log["id"] for loss in book.losses] == ["1"]


def test_a_reading_that_began_before_the_other_had_ended_loses_nothing() -> None:
    assert book_of(reading(log("1"), started=1), reading(started=1.05)).losses == []


def test_a_full_list_that_drops_its_oldest_log_is_capped() -> None:
    old, middle, new = (log(str(number), f"2026-01-0{number}T00:00:00Z") for number in (1, 2, 3))
    book = book_of(reading(old, middle), reading(middle, new, started=1))
    assert book.losses == []
    assert [loss.log["id"] for loss in book.capped] == ["1"]


def test_a_list_that_drops_a_log_which_is_not_the_oldest_is_not_capped() -> None:
    old, middle, new = (log(str(number), f"2026-01-0{number}T00:00:00Z") for number in (1, 2, 3))
    book = book_of(reading(old, middle), reading(old, new, started=1))
    assert [loss.log["id"] for loss in book.losses] == ["2"]


def test_a_list_that_is_shorter_than_another_ever_was_is_not_capped() -> None:
    book = book_of(
        reading(log("1"), log("2"), backup="other"), reading(log("3")), reading(log("4", log="x"), started=1)
    )
    assert [loss.log["id"] for loss in book.losses] == ["3"]


@pytest.mark.parametrize(
    ("readings", "clause"),
    [
        ([reading(log("1", backup_id="other"))], "LOG-2"),
        ([reading(log("1"), log("1"))], "LOG-3"),
        ([reading(log("b"))], "LOG-3"),
        ([reading(log("1", log="x")), reading(log("2", log="x"), started=1)], "HTTP-4"),
    ],
)
def test_readings_that_break_a_clause_about_logs_prove_nothing(readings: list[Exchange], clause: str) -> None:
    book = book_of(*readings)
    assert book.problem.startswith(f"{clause} failed first")
    assert book.losses == []


def test_logs_that_name_another_backup_are_not_counted() -> None:
    assert list(book_of(reading(log("1", backup_id="other"), log("2", backup_id="b"))).seen("b")) == ["2"]


def test_readings_of_what_is_not_the_own_containers_are_ignored() -> None:
    book = book_of(reading(log("1"), log("1"), ownership="crossed"))
    assert (book.problem, book.seen("b")) == ("", {})
