"""What a standard run leaves out is written in terms that still name something; it leaves no check without requests."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from support.checking import run_checks, target_with

from conformance.contract.check_id import CheckId
from conformance.execution import depth
from conformance.judging.inputs import AllInputs
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.http.exchange import Request
    from conformance.judging.inputs import Describe

pytestmark = pytest.mark.process

STANDARD = depth.standard_inputs()
GENERATED = [str(check.id) for check in all_checks().values() if str(check.id).endswith("/generated")]


class Noting(AllInputs):
    """Chooses all inputs, and notes what there is to choose from."""

    def __init__(self) -> None:
        self.described: dict[str, list[str]] = defaultdict(list)
        self.kinds: dict[str, list[str]] = defaultdict(list)

    def chosen(self, check: str, first: int, listed: Sequence[Request], describe: Describe) -> list[Request]:
        self.described[check] += map(describe, listed)
        return super().chosen(check, first, listed, describe)

    def sends_kind(self, check: CheckId, label: str) -> bool:
        self.kinds[str(check)].append(label)
        return super().sends_kind(check, label)


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Noting:
    """What checks of which a standard run leaves something out list, and all kinds that are generated."""
    noting = Noting()
    folder = tmp_path_factory.mktemp("target")
    with target_with(folder, restore_seconds=0) as target:
        run_checks(target, folder, [*STANDARD.left_out, *GENERATED], examples=1, inputs=noting)
    return noting


@pytest.mark.parametrize("check", STANDARD.left_out)
def test_what_is_left_out_is_listed_once_and_more_is_sent(check: str, noted: Noting) -> None:
    listed = noted.described[check]
    assert {text: listed.count(text) for text in STANDARD.left_out[check]} == dict.fromkeys(STANDARD.left_out[check], 1)
    assert len(STANDARD.left_out[check]) < len(listed) / 2


@pytest.mark.parametrize("clause", STANDARD.kinds)
def test_a_kind_that_is_named_is_generated_by_the_operations_that_send_it(clause: str, noted: Noting) -> None:
    by_operation = {CheckId.parse(check).operation: labels for check, labels in noted.kinds.items()
                    if CheckId.parse(check).clause == clause}  # fmt: skip
    for kind, operations in STANDARD.kinds[clause].items():
        able = {operation for operation, labels in by_operation.items()
                if any(label == kind or label.startswith(f"{kind} (") for label in labels)}  # fmt: skip
        assert able, kind
        assert set(operations) <= able, kind


@pytest.mark.parametrize("check", GENERATED)
def test_every_generated_check_sends_some_kind(check: str, noted: Noting) -> None:
    labels = noted.kinds.get(check, [])
    sent = [label for label in labels if STANDARD.sends_kind(CheckId.parse(check), label)]
    assert bool(sent) == bool(labels)
