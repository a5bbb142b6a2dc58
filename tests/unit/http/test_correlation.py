"""[request] correlation: each request says which run and which check it belongs to."""

from __future__ import annotations

import re

from conformance.http.correlation import CHECK, Correlation
from conformance.http.exchange import Request

REQUEST = Request("get", "GET", "/v1/x", check="LIST-1/list")


def test_a_run_has_one_trace_and_each_request_a_span_of_its_own() -> None:
    run, again = Correlation(7), Correlation(7)
    made = [dict(run.headers(REQUEST)) for _ in range(3)]
    traces = [headers[b"traceparent"].decode() for headers in made]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace) for trace in traces)
    assert len({trace.split("-")[1] for trace in traces}) == 1
    assert len({trace.split("-")[2] for trace in traces}) == 3
    assert dict(again.headers(REQUEST)) == made[0]
    assert made[0][CHECK.encode()] == b"LIST-1/list"
    assert Correlation(8).trace_id != run.trace_id
    assert dict(Correlation(7, worker=1).headers(REQUEST)) != made[0]


def test_a_header_of_the_request_itself_stays() -> None:
    request = Request("get", "GET", "/v1/x", headers=(("Traceparent", "odd"),))
    assert [name for name, _ in Correlation(7).headers(request)] == [CHECK.encode()]
