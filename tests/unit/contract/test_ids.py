"""Unknown ids look like those that a target has, and name nothing that is there."""

from __future__ import annotations

import random
import uuid

import pytest

from conformance.contract import ids

FORMS = {
    "651586fca6078e98982dbd90": "oid",
    "651586FCA6078E98982DBD90": "oid",
    "6b1d3a52-9a4e-4f0c-8f5e-2b7c3d4e5f60": "uuid",
    "4711": "number",
    "web-frontend.v2": "name",
    "651586fca6078e98982dbd9": "name",
}


@pytest.mark.parametrize(("text", "form"), FORMS.items())
def test_each_id_has_a_form_and_an_unknown_one_has_the_same(text: str, form: str) -> None:
    assert ids.form(text) == form
    unknown_ids = {ids.unknown(text, random.Random(seed)) for seed in range(20)}
    assert {ids.form(one) for one in unknown_ids} == {form}
    assert len(unknown_ids) == 20
    assert text not in unknown_ids


def test_a_seed_decides_what_is_unknown() -> None:
    assert ids.unknown("web", random.Random(1)) == ids.unknown("web", random.Random(1))


def test_an_unknown_uuid_is_accepted_by_strict_parsers() -> None:
    assert uuid.UUID(ids.unknown(str(uuid.UUID(int=0)), random.Random(1))).version == 4


@pytest.mark.parametrize("short", ["7", "a", "ab-c"])
def test_what_is_short_becomes_too_long_to_be_taken(short: str) -> None:
    assert len(ids.unknown(short, random.Random(1))) >= ids.SHORTEST


def test_what_separates_the_parts_of_a_name_stays() -> None:
    unknown_id = ids.unknown("web-frontend.v2", random.Random(1))
    assert (unknown_id[3], unknown_id[12], unknown_id[14].isdigit(), unknown_id.islower()) == ("-", ".", True, True)
