"""JSON pointers, as RFC 6901 defines them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.contract import pointers

VALUE = {"a/b": [{"c": 1}], "d~e": 2, "~1": 3, "": 4, "list": ["x"] * 12, "0": 5}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", VALUE),
        ("/d~0e", 2),
        ("/~01", 3),
        ("/", 4),
        ("/0", 5),
        ("/a~1b/0/c", 1),
        ("/a~1b/1", None),
        ("/a~1b/c", None),
        ("/x", None),
        ("/list/11", "x"),
        ("/list/12", None),
        ("/list/-1", None),
        ("/list/01", None),
        ("/list/²", None),
        ("/list/٣", None),
        ("/list/" + "9" * 5000, None),
        ("/d~0e/x", None),
    ],
)
def test_a_pointer_leads_to_a_value_or_to_none(pointer: str, value: object) -> None:
    assert pointers.value_at(VALUE, pointer) == value


@given(st.lists(st.text()))
def test_a_joined_pointer_leads_back_through_the_same_names(names: list[str]) -> None:
    value: object = "found"
    for name in reversed(names):
        value = {name: value}
    assert pointers.value_at(value, pointers.join(names)) == "found"
