"""A waiver excuses exactly what it names, as long as it says, and nothing by accident."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from conformance.config.waivers_file import Waiver, WaiverError, load_waivers
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 6, 1)
LATER, EARLIER = date(2026, 12, 1), date(2026, 5, 31)


def load(folder: Path, text: str) -> tuple[Waiver, ...]:
    path = folder / "w.toml"
    path.write_text(text)
    return load_waivers(path, catalogue.load())


def test_a_file_of_waivers(tmp_path: Path) -> None:
    text = """
[[waiver]]
clause = "CAP-5"
reason = "known  \\n since May"
expires = 2026-12-01

[[waiver]]
clause = "CAP-5"
operation = "list"
check = "CAP-5/list"
ticket = "BK-12"
reason = "x"
expires = "2026-12-01"
"""
    first, second = load(tmp_path, text)
    assert first == Waiver("CAP-5", "known since May", LATER)
    assert second == Waiver("CAP-5", "x", LATER, "list", CheckId("CAP-5", "list"), "BK-12")
    assert load(tmp_path, "") == ()


STUB = "[[waiver]]\nclause = 'CAP-5'\nreason = 'x'\nexpires = 2026-12-01\n"
WRONG = {
    "unknown clause": (
        STUB.replace("CAP-5", "CAP-55"),
        "w.toml:2 waiver[1].clause: unknown clause CAP-55; did you mean CAP-5?",
    ),
    "clause in small letters": (STUB.replace("CAP-5", "cap-5"), "unknown clause cap-5; did you mean CAP-5?"),
    "clause that is near none": (STUB.replace("CAP-5", "?"), "`backups-conformance clauses` lists them"),
    "unknown member": (STUB + "until = 1", "w.toml:5 waiver[1].until: unknown member"),
    "unknown table": (STUB + "[waivers]", "w.toml:5 waivers: unknown table; did you mean waiver?"),
    "no reason": (STUB.replace("reason = 'x'", ""), "w.toml:1 waiver[1].reason: is missing and required"),
    "empty reason": (STUB.replace("'x'", "' '"), "waiver[1].reason: is empty; give it a value"),
    "no end": (
        STUB.replace("expires = 2026-12-01", ""),
        "waiver[1].expires: is missing and required; a waiver must end",
    ),
    "bad date": (STUB.replace("2026-12-01", "'2026-13-01'"), "w.toml:4 waiver[1].expires: wanted a date, got a string"),
    "number as date": (STUB.replace("2026-12-01", "3"), "waiver[1].expires: wanted a date, got an integer"),
    "operation of another clause": (STUB + "operation = 'restore'", "CAP-5 does not cover restore; known are list"),
    "unknown check": (STUB + "check = 'CAP-5/lst'", "CAP-5 has no check CAP-5/lst; did you mean CAP-5/list?"),
    "check of another clause": (STUB + "check = 'CAP-1/list'", "CAP-5 has no check CAP-1/list"),
    "check against operation": (STUB + "operation = 'get'\ncheck = 'CAP-5/list'", "is not one of operation get"),
    "one bracket": ("[waiver]\nclause = 'CAP-5'", "w.toml:1 waiver: wanted [[waiver]] tables, got a table"),
    "not TOML": ("[[waiver", "w.toml"),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_mistake_is_reported(case: str, tmp_path: Path) -> None:
    text, wanted = WRONG[case]
    with pytest.raises(WaiverError) as caught:
        load(tmp_path, text)
    (told,) = map(str, caught.value.problems)
    assert wanted in told


def test_a_missing_file_and_several_problems(tmp_path: Path) -> None:
    with pytest.raises(WaiverError, match="no such file"):
        load_waivers(tmp_path / "none.toml", catalogue.load())
    with pytest.raises(WaiverError) as caught:
        load(tmp_path, STUB.replace("CAP-5", "X-1") + STUB.replace("'x'", "''"))
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("waiver", "check_id", "covered"),
    [
        (Waiver("CAP-5", "r", LATER), "CAP-5/list", True),
        (Waiver("CAP-5", "r", DAY), "CAP-5/list", True),
        (Waiver("CAP-5", "r", EARLIER), "CAP-5/list", False),
        (Waiver("CAP-5", "r", LATER), "CAP-1/list", False),
        (Waiver("CAP-5", "r", LATER, operation="get"), "CAP-5/list", False),
        (Waiver("CAP-5", "r", LATER, operation="list"), "CAP-5/list", True),
        (Waiver("CAP-5", "r", LATER, check=CheckId("CAP-5", "get")), "CAP-5/list", False),
        (Waiver("ERR-2", "r", LATER, check=CheckId("ERR-2", "list", CheckKind.OBSERVED)), "ERR-2/list/observed", True),
        (Waiver("ERR-2", "r", LATER, check=CheckId("ERR-2", kind=CheckKind.OBSERVED)), "ERR-2/list/observed", True),
        (Waiver("ERR-2", "r", LATER, check=CheckId("ERR-2", kind=CheckKind.OBSERVED)), "ERR-2/list", False),
    ],
)
def test_only_what_it_names_is_covered(waiver: Waiver, check_id: str, covered: bool) -> None:
    assert waiver.covers(CheckId.parse(check_id), DAY) is covered
