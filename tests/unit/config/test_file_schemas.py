"""The published schemas of target and waivers files accept and refuse what their readers do."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from support.toml import dumped

from conformance.config.target_file import TargetError, load_target
from conformance.config.waivers_file import WaiverError, load_waivers
from conformance.contract import catalogue
from conformance.contract.schemas import schemas_dir, validator

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON = {"KEY": "a-key-of-the-environment", "PEM": "both.pem", "PROXY": "http://u:p@proxy.example.test:3128"}
Members = dict[str, tuple[list[Any], list[Any]]]  # Any: values of TOML, right and wrong ones
WRONG_KEYS = [
    "",
    "short",
    "Bearer a-long-key",
    "with blank",
    7,
    {},
    {"env": ""},
    {"command": []},
    {"env": "KEY", "x": 1},
]
RIGHT_KEYS = ["a-long-key", {"env": "KEY"}, {"command": ["./tool"]}, {"command": ["./tool", "x"], "refresh_s": 60}]
IDS = (["a", "651586fca6078e98982dbd90", "_x~.-"], ["", "a b", "/", ".x", "…", "x" * 201, 7, True])
FLAG: tuple[list[Any], list[Any]] = ([True, False], ["true", 0, []])


def number(low: float, high: float, *, whole: bool = False) -> tuple[list[Any], list[Any]]:
    return ([low, high] if not whole else [int(low), int(high)]), [
        low - 1,
        high + 1,
        "1",
        True,
        *([1.5] if whole else []),
    ]


TABLES: dict[str, Members] = {
    "target": {
        "name": (["a", "staging-eu"], ["", ".", "a/b", "x" * 101, 1]),
        "base_url": (
            ["http://a", "https://a.test:8443/api/", "http://[::1]:80", "HTTP://a", "http://a/x.y/..z", "http://10.0.0.255/x"],
            ["", "a.test", "ftp://a", "http://", "http://u@a", "http://a?x", "http://a#", "http://a:0", "http://a:99999",
             "http://a/../b", "http://a b", "http://a/.", "http://10.0.0.256",
             "http://a..b", "http://a$b", 7],
        ),
        "hub_id": (["h"], ["", "a b", "ä", 7]),
        "verify_tls": ([True, False, "both.pem"], ["", "True", "false", 1]),
        "client_cert": (["both.pem", {"env": "PEM"}], ["", 1, {}, {"env": "PEM", "x": 1}]),
        "proxy": (
            ["http://p.test:3128", "https://u:p@p.test", "http://1.2.3.4:1", {"env": "PROXY"}],
            ["", "p.test:3128", "http://p/x", "http://p?x", "ftp://p", "http://u:p@1.2.3.400:1", 1],
        ),
    },
    "headers": {
        "X-Gateway": (["a value", "Bearer x", {"env": "KEY"}, {"command": ["./tool"]}], ["", " x", "x ", "ä", 7, {}]),
        "host": ([], ["x"]),
        "a b": ([], ["x"]),
    },
    "keys": {
        **dict.fromkeys(("full", "view", "manage", "unrelated", "expired", "other_hub"), (RIGHT_KEYS, WRONG_KEYS)),
        "other_hub_id": (["other"], ["", "a b"]),
    },
    "fixtures": {
        **dict.fromkeys(("container_id", "instance_id", "failing_backup_id"), IDS),
        "deletable_backup_ids": ([[], ["d1", "d2"]], ["d1", [""], [7], ["a b"]]),
    },
    "restore": {
        "allow": FLAG, "max_restores": number(0, 100_000, whole=True), "timeout_s": number(0.01, 86_400),
        "poll_s": number(0.001, 3600),
    },
    "limits": {
        "requests_per_second": ([0, 2.5, "auto"], [-1, "fast", "", True]), "concurrency": number(1, 256, whole=True),
        "timeout_s": number(0.01, 86_400), "max_body_mb": number(0.01, 1024),
        "bad_auth_max": number(0, 1_000_000, whole=True), "max_values": number(1000, 100_000_000, whole=True),
    },
    "jobs": {"follow": FLAG},
    "claims": {"jobs": FLAG, "delete": FLAG},
    "request": {"correlation": FLAG},
    "probe": {
        "command": ([["./tool", "{instance_id}"]], [[], ["./tool"], "./tool", ["./tool", ""], [7]]),
        "expected": (
            ["1", "crc32:1", f"md5:{'0' * 32}", f"sha256:{'aB' * 32}", f"sha256:{'0' * 64}  -", f"sha256:{'+' * 43}="],
            ["", " ", 1, "sha256:", "sha256:00", "md5:1", f"sha1:{'0' * 64}", f"sha512:{'0' * 129}"],
        ),
        "timeout_s": number(0.01, 86_400),
    },
    "unknown": {"x": ([], [1])},
}  # fmt: skip
NEEDED = {("target", "base_url"), ("target", "hub_id"), ("fixtures", "container_id"), ("probe", "command")}


def member(table: str, name: str) -> st.SearchStrategy[Any]:
    """A value for a member: mostly a right one, so that most files have at most one mistake."""
    right, wrong = TABLES[table][name]
    values = [*([st.sampled_from(right)] * 12 if right else []), *([st.sampled_from(wrong)] if wrong else [])]
    return st.one_of(values)


@st.composite
def files(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """A target file: any of its tables, with any of their members and now and then an unknown one."""
    data: dict[str, dict[str, Any]] = {}
    for table, members in TABLES.items():
        wanted = table in ("target", "fixtures") or draw(st.integers(0, 2 if table != "unknown" else 30)) == 1
        if not wanted or (table == "target" and draw(st.integers(0, 60)) == 1):
            continue
        data[table] = {}
        for name in members:
            rare = not members[name][0]
            chosen = (
                draw(st.integers(0, 60)) != 1
                if (table, name) in NEEDED
                else draw(st.integers(0, 30 if rare else 1)) == 1
            )
            if chosen:
                data[table][name] = draw(member(table, name))
        if draw(st.integers(0, 60)) == 1:
            data[table]["no_such_member"] = 1
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the values name."""
    made: Path = tmp_path_factory.mktemp("files")
    trustme.CA().issue_cert("a.test").private_key_and_cert_chain_pem.write_to_path(str(made / "both.pem"))
    tool = made / "tool"
    tool.write_text("#!/bin/sh\n", "utf-8")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return made


def reader_accepts(data: dict[str, dict[str, Any]], folder: Path) -> tuple[bool, str]:
    file = folder / "target.toml"
    file.write_text(dumped(data), "utf-8")
    try:
        load_target(file, ENVIRON)
    except TargetError as error:
        return False, str(error)
    return True, ""


@settings(max_examples=200, deadline=None)
@given(files())
def test_schema_and_reader_agree_on_target_files(folder: Path, data: dict[str, dict[str, Any]]) -> None:
    accepted, problems = reader_accepts(data, folder)
    assert validator("target.json").is_valid(data) == accepted, (problems, data)


CASES = [
    (table, name, value, right)
    for table, members in TABLES.items()
    for name, values in members.items()
    for right, kind in ((True, values[0]), (False, values[1]))
    for value in kind
]


@pytest.mark.parametrize(("table", "name", "value", "right"), CASES)
def test_each_value_is_accepted_or_refused_by_both(
    table: str, name: str, value: Any, right: bool, folder: Path
) -> None:
    data: dict[str, dict[str, Any]] = {
        "target": {"base_url": "http://a.test", "hub_id": "h"}, "fixtures": {"container_id": "c"},
    }  # fmt: skip
    if table == "probe":
        data["probe"] = {"command": ["./tool", "{instance_id}"]}
    data.setdefault(table, {})[name] = value
    accepted, problems = reader_accepts(data, folder)
    assert (accepted, validator("target.json").is_valid(data)) == (right, right), problems


WAIVER = {"clause": "LIST-8", "reason": "fixed in 4.2", "expires": "2030-03-31"}
WAIVERS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"operation": "list", "check": "LIST-8/list", "ticket": "T-1"}, True),
    ({"reason": ""}, False),
    ({"expires": "soon"}, False),
    ({"expires": 7}, False),
    ({"clause": 8}, False),
    ({"ticket": ""}, False),
    ({"no_such_member": "x"}, False),
]


@pytest.mark.parametrize(("changes", "right"), WAIVERS)
def test_schema_and_reader_agree_on_waivers(changes: dict[str, Any], right: bool, tmp_path: Path) -> None:
    row = {**WAIVER, **changes}
    file = tmp_path / "waivers.toml"
    file.write_text(dumped({"waiver": row}).replace("[waiver]", "[[waiver]]"), "utf-8")
    try:
        load_waivers(file, catalogue.load())
        accepted = True
    except WaiverError:
        accepted = False
    assert (accepted, validator("waivers.json").is_valid({"waiver": [row]})) == (right, right)


@pytest.mark.parametrize("name", ["target.json", "waivers.json"])
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((schemas_dir() / name).read_text("utf-8")))
    assert validator(name).is_valid({}) == (name == "waivers.json")
