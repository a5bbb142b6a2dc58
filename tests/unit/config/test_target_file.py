"""Target files: valid files are read, and all problems are reported at once, with line and member."""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.config.target import Jobs, Limits, RestorePolicy
from conformance.config.target_file import TargetError, load_target, target_from_options
from conformance.config.toml_file import member_lines

MINIMAL = """\
[target]
base_url = "https://api.example.test/"
hub_id = "651586fca6078e98982dbd90"
[fixtures]
container_id = "651586fca6078e98982dbd91"
"""
FULL = """\
[target]
name = "staging-eu"
base_url = "http://127.0.0.1:8080/base/"
hub_id = "651586fca6078e98982dbd90"
verify_tls = false

[headers]
X-Gateway-Token = {env = "GATEWAY_TOKEN"}

[keys]
full = {env = "KEY"}
view = "a-literal-key"
manage = {command = ["PYTHON", "-c", "print('a-fetched-key')"], refresh_s = 5}
other_hub_id = "651586fca6078e98982dbd99"

[fixtures]
container_id = "c1"
backup_id = "b1"
instance_id = "i1"
deletable_backup_ids = ["b7", "b8"]

[restore]
allow = true
max_restores = 3
timeout_s = 60
poll_s = 0.5

[limits]
requests_per_second = 2.5
concurrency = 4

[jobs]
follow = false

[probe]
command = ["PYTHON", "{instance_id}"]
expected = "a digest"
""".replace("PYTHON", sys.executable.replace("\\", "/"))
ENVIRON = {"GATEWAY_TOKEN": "a gateway token", "KEY": "a-key-from-outside"}


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "t.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems_of(folder: Path, text: str | bytes, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(TargetError) as caught:
        load_target(write(folder, text), environ or {})
    return [str(problem) for problem in caught.value.problems]


def test_the_least_file_has_the_documented_defaults(tmp_path: Path) -> None:
    target = load_target(write(tmp_path, MINIMAL), {})
    assert (target.name, target.base_url) == ("api.example.test", "https://api.example.test")
    assert target.verify_tls is True
    assert target.restore == RestorePolicy(allow=False, max_restores=10, timeout_s=120, poll_s=1.0)
    assert target.limits == Limits(requests_per_second=0, concurrency=8, timeout_s=10, max_body_mb=16, bad_auth_max=20)
    assert target.jobs == Jobs(follow=True)
    assert target.probe is None
    assert target.keys.present() == {}
    assert target.default_profile == "read"


@pytest.mark.process
def test_a_full_file(tmp_path: Path) -> None:
    target = load_target(write(tmp_path, FULL), ENVIRON)
    assert target.base_url == "http://127.0.0.1:8080/base"
    assert target.default_profile == "full"
    assert {name: key.reveal() for name, key in target.keys.present().items()} == {
        "full": "a-key-from-outside",
        "view": "a-literal-key",
        "manage": "a-fetched-key",
    }
    assert target.keys.full is not None
    assert target.keys.full.variable == "KEY"
    assert target.headers["X-Gateway-Token"].reveal() == "a gateway token"
    assert target.fixtures.deletable_backup_ids == ("b7", "b8")
    assert target.limits.requests_per_second == 2.5
    assert target.probe is not None
    assert target.probe.command[1:] == ("{instance_id}",)


def test_what_reports_show_of_a_target_has_no_key_and_is_json(tmp_path: Path) -> None:
    target = load_target(write(tmp_path, FULL), ENVIRON)
    shown = json.dumps(target.without_keys()) + repr(target)
    assert not [value for value in ("outside", "a-literal", "a-fetched", "gateway token") if value in shown]
    assert target.without_keys()["keys"]["view"] == "given"
    assert target.without_keys()["keys"]["expired"] == "missing"


@pytest.mark.process
def test_watching_the_secrets_of_a_target(tmp_path: Path) -> None:
    learnt: dict[str, str] = {}
    target = load_target(write(tmp_path, FULL), ENVIRON)
    target.watch_secrets(learnt.__setitem__)
    assert set(learnt) == {"full", "view", "X-Gateway-Token"}
    assert target.keys.manage is not None
    target.keys.manage.reveal()
    assert learnt["manage"] == "a-fetched-key"


WRONG: dict[str, tuple[str | bytes, list[str]]] = {
    "unknown table": (MINIMAL + "[fixture]\n", ["t.toml:6 fixture: unknown table; did you mean fixtures?"]),
    "unknown member": (
        MINIMAL + "backupid = 'x'\n",
        ["t.toml:6 fixtures.backupid: unknown member; did you mean backup_id?"],
    ),
    "member outside": ("hub_id = 'x'\n" + MINIMAL, ["t.toml:1 hub_id: unknown member; known are target"]),
    "array of tables": (
        "[[target]]\nbase_url = 'x'\n[fixtures]\ncontainer_id = 'c'",
        ["t.toml target: wanted a table, got an array", "base_url: is missing", "hub_id: is missing"],
    ),
    "no table": ("jobs = 3\n" + MINIMAL, ["t.toml:1 jobs: wanted a table, got an integer; write [jobs] on a line"]),
    "true is no integer": (
        MINIMAL + "[restore]\nmax_restores = true",
        ["t.toml:7 restore.max_restores: wanted an integer, got a boolean"],
    ),
    "a float is no integer": (
        MINIMAL + "[limits]\nconcurrency = 8.0",
        ["limits.concurrency: wanted an integer, got a float"],
    ),
    "a string is no boolean": (
        MINIMAL + "[jobs]\n\n# why not\nfollow = 'true'",
        ["t.toml:9 jobs.follow: wanted true or false, got a string; write true without quotes"],
    ),
    "a date is no string": (
        MINIMAL + "instance_id = 2024-01-01",
        ["fixtures.instance_id: wanted a string, got a date"],
    ),
    "negative": (MINIMAL + "[restore]\nmax_restores = -1", ["restore.max_restores: wanted a number from 0 to"]),
    "zero seconds": (MINIMAL + "[limits]\ntimeout_s = 0", ["t.toml:7 limits.timeout_s: wanted a number from 0.01 to"]),
    "zero workers": (MINIMAL + "[limits]\nconcurrency = 0", ["t.toml:7 limits.concurrency: wanted a number from 1 to"]),
    "not a number": (
        MINIMAL + "[restore]\npoll_s = nan",
        ["restore.poll_s: wanted a number from 0.001 to 3600, got nan"],
    ),
    "endless": (MINIMAL + "[limits]\nmax_body_mb = inf", ["limits.max_body_mb: wanted a number"]),
    "huge": (MINIMAL + f"[limits]\nbad_auth_max = {'9' * 400}", ["got a very large one"]),
    "unset variable": (
        MINIMAL + "[keys]\nfull = {env = 'NO_SUCH'}",
        ["t.toml:7 keys.full: environment variable NO_SUCH is not set; set it, or leave the key out"],
    ),
    "empty variable": (MINIMAL + "[keys]\nfull = {env = 'EMPTY'}", ["value of environment variable EMPTY is empty"]),
    "unset header": (
        MINIMAL + "[headers]\nX-A = {env = 'NO_SUCH'}",
        ["t.toml:7 headers.X-A: environment variable NO_SUCH"],
    ),
    "key of a wrong type": (MINIMAL + "[keys]\nfull = 3", ["t.toml:7 keys.full: wanted a string, {env"]),
    "empty key": (MINIMAL + "[keys]\nfull = ''", ["keys.full: is empty"]),
    "key that no header carries": (MINIMAL + '[keys]\nfull = "a\\nb"', ["keys.full: contains a character"]),
    "unknown member of a key": (
        MINIMAL + "[keys]\nfull = {env = 'KEY', refresh = 3}",
        ["t.toml:7 keys.full.refresh: unknown member; did you mean refresh_s?"],
    ),
    "two sources": (MINIMAL + "[keys]\nfull = {env = 'KEY', command = ['x']}", ["wanted either env or command"]),
    "refresh without command": (MINIMAL + "[keys]\nfull = {env = 'KEY', refresh_s = 5}", ["goes with command"]),
    "command as a string": (MINIMAL + "[keys]\nfull = {command = 'vault'}", ["command: wanted an array of strings"]),
    "empty command": (MINIMAL + "[keys]\nfull = {command = []}", ["t.toml:7 keys.full.command: is empty"]),
    "no such program": (MINIMAL + "[keys]\nfull = {command = ['./no-such']}", ["there is no program ./no-such"]),
    "a header of ours": (MINIMAL + "[headers]\nauthorization = 'x'", ["is a header that the suite sets itself"]),
    "a header twice": (MINIMAL + "[headers]\nX-A = 'x'\nx-a = 'y'", ["t.toml:8 headers.x-a: is given twice"]),
    "no header": (MINIMAL + "[headers]\n'X A' = 'x'", ["t.toml:7 headers.X A: is not the name of a header"]),
    "empty string": (MINIMAL + "backup_id = ''", ["t.toml:6 fixtures.backup_id: is empty; leave it out"]),
    "no id": (MINIMAL + "backup_id = 'a/b'", ["fixtures.backup_id: is not an id that can be used in a URL path"]),
    "empty id in a list": (MINIMAL + "deletable_backup_ids = ['']", ["contains an empty string"]),
    "number in a list": (MINIMAL + "deletable_backup_ids = [3]", ["wanted an array of strings, got an integer in it"]),
    "the same instance": (
        MINIMAL + "instance_id = 'i'\nsecond_instance_id = 'i'",
        ["t.toml:7 fixtures.second_instance_id: is the same as instance_id"],
    ),
    "deleting what is needed": (
        MINIMAL + "backup_id = 'b'\ndeletable_backup_ids = ['b']",
        ["fixtures.deletable_backup_ids: offers a backup for deletion that another fixture needs"],
    ),
    "probe without command": (MINIMAL + "[probe]\nexpected = 'x'", ["t.toml:6 probe.command: is missing and required"]),
    "probe that knows no instance": (
        MINIMAL + f"[probe]\ncommand = [{json.dumps(sys.executable)}]",
        ["probe.command: does not contain {instance_id}"],
    ),
    "missing": ("", ["target.base_url: is missing", "target.hub_id: is missing", "fixtures.container_id: is missing"]),
    "not TOML": ("[target]\nname = \n", ["t.toml:2: is not TOML: invalid value"]),
    "not TOML at the end": ("[target", ["t.toml"]),
    "defined twice": (
        MINIMAL + "container_id = 'x'",
        ["t.toml:6 fixtures.container_id: is given twice, first in line 5"],
    ),
    "not UTF-8": (b"[target]\n\xff\n", ["t.toml:2: is not UTF-8"]),
    "nested too deeply": ("a = " + "[" * 5000, ["is not TOML"]),
    "too large": (b"#" * 1_000_001, ["is larger than 1 MB"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_mistake_is_reported_in_one_line(case: str, tmp_path: Path) -> None:
    text, wanted = WRONG[case]
    problems = problems_of(tmp_path, text, {"KEY": "a-key-of-the-environment", "EMPTY": ""})
    assert len(problems) == len(wanted), problems
    for line, words in zip(problems, wanted, strict=True):
        assert words in line
        assert "\n" not in line


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("api.example.test", "the scheme must be http or https"),
        ("ftp://x", "the scheme must be http or https"),
        ("https://", "it has no host"),
        ("https:///path", "it has no host"),
        ("https://u:p@x", "it must not contain a user name or password"),
        ("https://u@x", "it must not contain a user name or password"),
        ("https://x?q=1", "it must not contain a query or a fragment"),
        ("https://x?", "it must not contain a query or a fragment"),
        ("https://x#f", "it must not contain a query or a fragment"),
        ("https://x:port", "port"),
        ("https://x:99999", "the port is greater than 65535"),
        ("https://x:0", "the port must not be 0"),
        ("https://[::1", "host and port cannot be separated"),
        ("https://[::g]", "the host is not an IPv6 address"),
        ("https://1.2.3.256", "the host is not an IPv4 address"),
        ("https://a..b", "the host is not a host name"),
        ("https://x/a b", "it contains a character that URLs cannot contain"),
        ("https://x/../y", "it must not contain . or .. in its path"),
        ("https:\\\\\\\\x", "it contains a character that URLs cannot contain"),
    ],
)
def test_bad_urls(url: str, fault: str, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, MINIMAL.replace("https://api.example.test/", url))
    assert problem.startswith("t.toml:2 target.base_url: is not a base URL: ")
    assert fault in problem


@pytest.mark.parametrize(
    ("url", "name"),
    [("http://[::1]:80", "1"), ("https://API.example.test", "api.example.test"), ("http://127.0.0.1:1", "127.0.0.1")],
)
def test_the_name_is_the_host_unless_given(url: str, name: str, tmp_path: Path) -> None:
    assert load_target(write(tmp_path, MINIMAL.replace("https://api.example.test/", url)), {}).name == name


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a b", "x" * 101, "-x", "a\\\\b"])
def test_a_name_must_be_usable_in_paths(name: str, tmp_path: Path) -> None:
    (told,) = problems_of(tmp_path, MINIMAL.replace("[target]", f'[target]\nname = "{name}"'))
    assert "t.toml:2 target.name: cannot be used in the paths of reports" in told


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ('"no-such.pem"', "the CA bundle does not exist; looked for "),
        ('"."', "the CA bundle is not a file"),
        ('"t.toml"', "the CA bundle contains no PEM certificate"),
        ('"true"', "wanted true, false or the path of a CA bundle; write true without quotes"),
        ("1", "wanted true, false or the path of a CA bundle, got an integer"),
    ],
)
def test_bad_tls_bundles(value: str, fault: str, tmp_path: Path) -> None:
    (told,) = problems_of(tmp_path, MINIMAL.replace("[target]", f"[target]\nverify_tls = {value}"))
    assert told.startswith(f"t.toml:2 target.verify_tls: {fault}")


def test_a_good_tls_bundle_is_found_beside_the_file(tmp_path: Path) -> None:
    certifi = pytest.importorskip("certifi")
    (tmp_path / "ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    target = load_target(write(tmp_path, MINIMAL.replace("[target]", '[target]\nverify_tls = "ca.pem"')), {})
    assert isinstance(target.verify_tls, Path)
    assert ssl.create_default_context(cafile=target.verify_tls)


def test_every_problem_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = MINIMAL.replace("https:", "ftp:") + "bakup_id = 'x'\n[keys]\nfull = {env = 'NO'}\n[jobs]\nfollow = 1\n"
    assert [line.split(" ")[0] for line in problems_of(tmp_path, text)] == [
        "t.toml:2",
        "t.toml:6",
        "t.toml:8",
        "t.toml:10",
    ]


@pytest.mark.parametrize(("make", "words"), [("missing", "no such file"), ("folder", "cannot be read: Is a directory")])
def test_a_file_that_cannot_be_read(make: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    if make == "folder":
        path.mkdir()
    with pytest.raises(TargetError, match=words):
        load_target(path, {})


def test_no_problem_quotes_a_key(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, MINIMAL + "[keys]\nfull = ' hush-hush'\nview = {env = 'K'}", {"K": "hush hush"})
    assert "hush" not in "".join(problems)
    assert len(problems) == 2


def test_a_quick_run_has_its_keys_from_the_environment() -> None:
    environ = {"BACKUPS_KEY_FULL": "key-full", "BACKUPS_KEY_OTHER_HUB": "key-other", "BACKUPS_OTHER_HUB_ID": "h2"}
    target = target_from_options("http://localhost:1", "h1", "c1", {**environ, "BACKUPS_KEY_VIEW": ""})
    assert set(target.keys.present()) == {"full", "other_hub"}
    assert target.keys.other_hub_id == "h2"
    assert target.default_profile == "read"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("http://x", None, None), ["--hub: is missing", "--container: is missing"]),
        ((None, "h", "c"), ["--base-url: is missing"]),
        (("x", "h h", "c/c"), ["--base-url: is not a base URL", "--hub: contains a char", "--container: is not an id"]),
    ],
)
def test_a_wrong_quick_run_names_its_options(
    options: tuple[str | None, str | None, str | None], wanted: list[str]
) -> None:
    with pytest.raises(TargetError) as caught:
        target_from_options(*options, {})
    problems = sorted(map(str, caught.value.problems))
    assert len(problems) == len(wanted)
    assert all(line.startswith(words) for line, words in zip(problems, sorted(wanted), strict=True))


def test_lines_are_found_through_all_of_tomls_forms() -> None:
    text = '''\
# a = 1
a.b = 1 # [x]
"q.r" = """
[no]
no = 1
"""
s = \'\'\'
[no]\'\'\'
list = [ # [
  "]", {no = 1},
]
[t . "u v"] # t
x = {no = "}"}
[[w]]
c = 1
[[w]]
c = 2
[w.sub]
d = 3
'''
    assert dict(member_lines(text)) == {
        ("a", "b"): 2,
        ("q.r",): 3,
        ("s",): 7,
        ("list",): 9,
        ("t", "u v"): 12,
        ("t", "u v", "x"): 13,
        ("w", 0): 14,
        ("w", 0, "c"): 15,
        ("w", 1): 16,
        ("w", 1, "c"): 17,
        ("w", 1, "sub"): 18,
        ("w", 1, "sub", "d"): 19,
    }


@given(st.text(alphabet="[]{}\"'=\n#\\a1., ", max_size=60))
def test_the_line_scanner_ends_on_every_input(text: str) -> None:
    assert len(list(member_lines(text))) <= len(text) + 1
