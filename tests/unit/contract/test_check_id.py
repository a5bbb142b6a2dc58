"""Check IDs: written and parsed in one place."""

from __future__ import annotations

import pytest

from conformance.contract.check_id import CheckId, CheckIdError, CheckKind

EXAMPLES = {
    "LIST-5/list": CheckId("LIST-5", "list"),
    "LIST-5/list/generated": CheckId("LIST-5", "list", CheckKind.GENERATED),
    "CAP-1/get/stateful": CheckId("CAP-1", "get", CheckKind.STATEFUL),
    "HTTP-3/job/schemathesis": CheckId("HTTP-3", "job", CheckKind.SCHEMATHESIS),
    "ERR-2/logs/observed": CheckId("ERR-2", "logs", CheckKind.OBSERVED),
    "ERR-2/observed": CheckId("ERR-2", kind=CheckKind.OBSERVED),
    "RST-3/restore/final-review": CheckId("RST-3", "restore", CheckKind.FINAL_REVIEW),
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_id_survives_writing_and_parsing(text: str) -> None:
    assert CheckId.parse(text) == EXAMPLES[text]
    assert str(EXAMPLES[text]) == text
    assert CheckId.kind_of(text) is EXAMPLES[text].kind


@pytest.mark.parametrize(
    "text",
    ["", "LIST-5", "list", "LIST-5/", "LIST-5//observed", "LIST-5/list/", "LIST-5/list/fuzzed", "LIST-5/list/get",
     "LIST-5/list/generated/observed", "list-5/list", "LIST-5/List", " LIST-5/list", "LIST-5/list\n",
     "LIST-\u0665/list"],
)  # fmt: skip
def test_other_texts_are_not_ids(text: str) -> None:
    with pytest.raises(CheckIdError):
        CheckId.parse(text)
    assert CheckId.kind_of(text) is None


@pytest.mark.parametrize(
    ("waived", "check", "included"),
    [
        ("ERR-2/observed", "ERR-2/get/observed", True),
        ("ERR-2/get/observed", "ERR-2/get/observed", True),
        ("ERR-2/get/observed", "ERR-2/list/observed", False),
        ("ERR-2/observed", "ERR-2/get", False),
        ("ERR-2/observed", "ERR-3/get/observed", False),
        ("ERR-2/get", "ERR-2/get/generated", False),
    ],
)
def test_an_id_without_operation_includes_every_operation(waived: str, check: str, included: bool) -> None:
    assert CheckId.parse(waived).includes(CheckId.parse(check)) is included


def test_generated_kinds() -> None:
    assert {kind for kind in CheckKind if kind.is_generated} == {
        CheckKind.GENERATED, CheckKind.STATEFUL, CheckKind.SCHEMATHESIS,
    }  # fmt: skip
