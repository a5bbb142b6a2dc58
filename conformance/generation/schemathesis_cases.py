"""The cases that schemathesis generates from our OpenAPI document: coverage of every keyword, and fuzzing.

It only generates: its cases become requests of our own client with our keys, and our clauses judge the answers, so
nothing outside the catalogue is reported, and none of its own checks, some of which are stricter than the contract.
It is loaded when the first of its checks runs, since that takes half a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import Phase
from hypothesis import settings as settings_of

from conformance import _compat
from conformance.contract.schemas import schemas_dir
from conformance.generation import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLACES: dict[str, str] = {"containerId": "container", "backupId": "backup", "jobId": "job"}


@dataclass(frozen=True)
class SchemathesisCase:
    """One case of schemathesis as plain data. `headers` are the names of those that it would send."""

    method: str
    ids: dict[str, str]
    query: dict[str, object]
    headers: frozenset[str]
    has_body: bool
    body: object
    phase: str


@lru_cache(maxsize=1)
def draw_cases(seed: int, max_fuzzed: int) -> Mapping[str, tuple[SchemathesisCase, ...]]:
    """Cases by operation: those that cover the document's keywords, and at most `max_fuzzed` fuzzed ones.

    Cases from the document's examples are left out: other checks send these plain requests.

    The document is loaded anew for each call, and its operations in a fixed order: a loaded schema remembers the cases
    that it generated before.
    The last result is kept, since a process that qualifies or plans draws the same ones for every run.
    """
    with batches.generating():
        import schemathesis  # noqa: PLC0415 - see above

        _compat.leave_enum_values_undrawn()
        builder = _compat.schemathesis_builder()
        # Without a configuration it would take the schemathesis.toml of the current folder, or of one above it.
        config = schemathesis.config.SchemathesisConfig()
        schema = schemathesis.openapi.from_path(str(schemas_dir() / "openapi.yaml"), config=config)
        results: list[Any] = list(schema.get_all_operations())  # Any: their class is private
    case_settings = settings_of(batches.settings(examples=max_fuzzed), phases=(Phase.explicit, Phase.generate))
    modes = [builder.HypothesisTestMode.COVERAGE, builder.HypothesisTestMode.FUZZING]
    test_config = builder.HypothesisTestConfig(project=schema.config, modes=modes, settings=case_settings)
    by_operation: dict[str, list[SchemathesisCase]] = {}
    for operation in (result.ok() for result in results):
        cases = by_operation.setdefault(operation.definition.raw["operationId"], [])
        collect = hypothesis.seed(seed)(_collector(cases))  # where CI is set, it would take no seed from the config
        with batches.generating():  # for each by itself, so that other checks can generate in between
            builder.create_test(operation=operation, test_func=collect, config=test_config)()
    return {operation: tuple(cases) for operation, cases in by_operation.items()}


def _collector(cases: list[SchemathesisCase]) -> Callable[[object], None]:
    def collect(case: object) -> None:
        cases.append(_plain(case))

    return collect


def _plain(case: Any) -> SchemathesisCase:  # Any: a Case has four type parameters, which no caller knows
    has_body = type(case.body).__name__ != "NotSet"
    given = case.path_parameters or {}
    return SchemathesisCase(
        method=str(case.method).upper(),
        ids={PLACES[name]: str(value) for name, value in given.items() if name in PLACES},
        query=dict(case.query) if isinstance(case.query, dict) else {},
        headers=frozenset(str(name).lower() for name in case.headers or {}),
        has_body=has_body,
        body=case.body if has_body else None,
        phase=case.meta.phase.name.value if case.meta is not None else "examples",
    )
