"""Reading a TOML file takes bounded time and memory, and no ordinary file is refused for it."""

from __future__ import annotations

import json
import tomllib
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.config.target_file import load_target
from conformance.config.toml_file import MAX_ITEMS, MAX_PROBLEMS, FileProblemsError, read_document
from conformance.config.waivers_file import load_waivers
from conformance.contract import catalogue

if TYPE_CHECKING:
    from pathlib import Path

MAX_MEMORY = 100 * 2**20
#: each took 250 MB to several GB, or minutes
COSTLY = {
    "a dotted key": "a." * 20_000 + "b=1",
    "quoted parts": '"a".' * 20_000 + "b=1",
    "a dotted key in an inline table": "a={" + "a." * 20_000 + "b=1}",
    "a dotted header": "[" + "a." * 20_000 + "b]",
    "deep headers": "".join(f"[k{number}.b.c.d.e.f.g.h.i.j.k.l.m.n]\n" for number in range(27_000)),
    "headers": "".join(f"[k{number}]\n" for number in range(100_000)),
    "members": "".join(f"k{number}=1\n" for number in range(90_000)),
    "inline tables": "x=[" + "{a=1}," * 160_000 + "]",
    "empty tables": "x=[" + "{}," * 330_000 + "]",
    "integers": "x=[" + "1," * 490_000 + "]",
    "waivers": '[[waiver]]\nclause="CAP"\n' * 21_000,
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_file_is_refused_before_it_costs(name: str, tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    path.write_text(COSTLY[name])
    tracemalloc.start()
    try:
        with pytest.raises(FileProblemsError) as target:
            load_target(path, {})
        with pytest.raises(FileProblemsError) as waivers:
            load_waivers(path, catalogue.load())
        assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY
    finally:
        tracemalloc.stop()
    for raised in (target, waivers):
        assert "outside quotes" in str(raised.value) or "names and items" in str(raised.value)


def test_problems_are_reported_up_to_a_number(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text('[[waiver]]\nclause="CAP"\n' * 10_000)
    with pytest.raises(FileProblemsError) as raised:
        load_waivers(path, catalogue.load())
    assert len(raised.value.problems) == MAX_PROBLEMS + 1
    assert str(raised.value.problems[-1]) == "w.toml: has more problems; correct these first"


DOTTED = st.text(st.sampled_from(".=,[]{}#'\"\\\na1 \u00e9"), max_size=60).map(lambda text: text + "." * 30)


def _spellings(text: str) -> list[str]:
    """The ways to write a string in TOML."""
    spellings = [json.dumps(text), '"""' + json.dumps(text)[1:-1] + '"""']
    unescaped = text.replace("\\", "\\\\").replace('"""', '""\\"')
    if not text.endswith('"'):
        spellings.append(f'"""\n{unescaped}"""')
    if "'" not in text:
        spellings.append(f"'''{text}'''")
        if "\n" not in text:
            spellings.append(f"'{text}'")
    return spellings


@given(texts=st.lists(DOTTED, min_size=1, max_size=4), data=st.data())
def test_what_is_in_strings_and_comments_never_counts(
    texts: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    written = [data.draw(st.sampled_from(_spellings(text))) for text in texts]
    lines = [f"# {'a.' * 40} \" '''", '[a."b.c".d] # """']
    lines += [f"k{number} = {value} # {'.' * 40}" for number, value in enumerate(written)]
    lines += ["x = [", *(f"  {value}, # it's" for value in written), "  1.5, 2.5]", 'y = {a.b = 1.5, c = "..."}']
    text = "\n".join(lines) + "\n"
    path = tmp_path_factory.mktemp("toml", numbered=True) / "f.toml"
    path.write_text(text, "utf-8", newline="")
    assert read_document(path).data == tomllib.loads(text)


def test_a_long_ordinary_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    waiver = '[[waiver]]\nclause = "CAP-5"\nreason = "x.y.z"\nexpires = 2026-12-01\noperation = "list"\n'
    path.write_text(waiver * (MAX_ITEMS // 5 - 1))
    assert len(load_waivers(path, catalogue.load())) == MAX_ITEMS // 5 - 1
