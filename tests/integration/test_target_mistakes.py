"""Mistakes in target files, and gateways in front of the API: each is named in one line, and never the API's failure.

A key that may do more than its name is no such mistake: nobody can tell it from a server that grants too much, so the
clause fails, and its finding names the key beside the server.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from support import hostile, share
from support.toml import ABSENT, changed

from conformance.config.target_file import TargetError, load_target
from conformance.contract import catalogue
from conformance.execution.run import Run
from conformance.judging.outcomes import Outcome
from conformance.qualification.measure import judge
from conformance.reference import launch
from conformance.scenarios.proofs import restore_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from conformance.config.target import FixtureIds, Target

UNKNOWN = "0" * 23 + "1"
MAX_REQUESTS = 35

# ---------------------------------------------------------------- mistakes that the file alone shows

GOOD = hostile.target_toml("https://api.example.test")


def instead(old: str, new: str) -> str:
    """Return the good file with one text in the place of another."""
    assert old in GOOD
    return GOOD.replace(old, new)


#: The text of a file; what must be said, beside the line and the member.
WRONG_FILES: dict[str, tuple[str, str]] = {
    "a key with its scheme": (instead('full = "', 'full = "Bearer '), "leave Bearer out"),
    "a key with white space around it": (instead(hostile.KEY, f"{hostile.KEY} "), "starts or ends with white space"),
    "a short key": (instead(hostile.KEY, "abc"), "shorter than six characters"),
    "an unset variable": (instead(f'"{hostile.KEY}"', '{env = "NO_SUCH_KEY"}'), "NO_SUCH_KEY is not set"),
    "a command as one text": (instead(f'"{hostile.KEY}"', '{command = "cat key"}'), "an array of strings"),
    "a member twice": (instead("[keys]\n", '[keys]\nfull = "another-key"\n'), "keys.full"),
    "a table twice": (f'{GOOD}[keys]\nview = "another-key"\n', "keys"),
    "an id without quotes": (instead(f'"{hostile.CONTAINER}"', hostile.CONTAINER), "quotes"),
    "a colon for =": (instead("name = ", "name: "), "'='"),
    "YAML": ("target:\n  base_url: https://api.example.test\n", "is not TOML"),
    "an unknown table": (instead("[keys]", "[key]"), "did you mean keys?"),
    "an unknown member": (instead("backup_id", "bakup_id"), "did you mean backup_id?"),
    "a number as text": (f'{GOOD}[limits]\nconcurrency = "8"\n', "wanted an integer, got a string"),
    "a truth value as text": (instead("allow = false", 'allow = "no"'), "wanted true or false, got a string"),
    "a number out of range": (f"{GOOD}[limits]\ntimeout_s = 0\n", "wanted a number from"),
    "one id for a list of ids": (instead("[restore]", 'deletable_backup_ids = "x"\n[restore]'), "an array of strings"),
    "no container": (instead(f'container_id = "{hostile.CONTAINER}"\n', ""), "is missing and required"),
    "a placeholder as an id": (instead(hostile.CONTAINER, "…"), "is not an id"),
    "no scheme": (instead("https://", ""), "write it like https://"),
    "another scheme": (instead("https://", "ftp://"), "the scheme must be http or https"),
    "a user in the URL": (instead("https://", "https://me:secret@"), "a user name or password"),
    "a query in the URL": (instead("example.test", "example.test?hub=1"), "a query or a fragment"),
    "a port out of range": (instead("example.test", "example.test:99999"), "the port is greater than 65535"),
    "no CA bundle": (instead("[keys]", 'verify_tls = "none.pem"\n[keys]'), "the CA bundle does not exist"),
    "no client certificate": (instead("[keys]", 'client_cert = "none.pem"\n[keys]'), "does not exist"),
    "a foreign backup of our own": (
        instead("[restore]", f'foreign_backup_id = "{hostile.BACKUP}"\n[restore]'),
        "is the same as backup_id",
    ),
    "a probe that does not exist": (
        f'{GOOD}[probe]\ncommand = ["./no-such-probe", "{{instance_id}}"]\n',
        "there is no program",
    ),
    "an expected digest that is cut off": (
        f'{GOOD}[probe]\ncommand = ["true", "{{instance_id}}"]\nexpected = "sha256:00"\n',
        "is no sha256 digest: one has 64 hexadecimal digits",
    ),
    "a proxy that is no URL": (instead("[keys]", 'proxy = "nonsense"\n[keys]'), "proxy"),
}


@pytest.mark.parametrize("mistake", WRONG_FILES)
def test_a_file_that_is_wrong_in_itself_is_refused(mistake: str, tmp_path: Path) -> None:
    text, words = WRONG_FILES[mistake]
    file = tmp_path / "target.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(TargetError) as caught:
        load_target(file, {})
    (line,) = str(caught.value).splitlines()
    assert line.startswith("target.toml:")
    assert words in line
    assert hostile.KEY not in line


# ---------------------------------------------------------------- mistakes that only the target shows


@dataclass(frozen=True)
class Unfit:
    """A file that does not fit its target: what is changed, what is said, and clauses that must not fail of it."""

    changes: Callable[[Target], Mapping[str, object]]
    words: str
    clauses: tuple[str, ...] = ()


def key(target: Target, name: str) -> str:
    """Return the value of a key."""
    key = target.keys.get(name)
    assert key is not None
    return key.reveal()


def probe(program: str) -> dict[str, object]:
    """Return a probe that runs this Python program."""
    return {"probe.command": [sys.executable, "-c", program, "{instance_id}"], "probe.timeout_s": 2}


UNFIT: dict[str, Unfit] = {
    "an unknown hub": Unfit(lambda _: {"target.hub_id": UNKNOWN}, "hub_id", ("LIST-1", "AUTH-9")),
    "an unknown container": Unfit(
        lambda _: {"fixtures.container_id": UNKNOWN}, "fixtures.container_id", ("LIST-1", "GET-1")
    ),
    "a backup of another container": Unfit(
        lambda target: {
            "fixtures.backup_id": target.fixtures.foreign_backup_id, "fixtures.foreign_backup_id": ABSENT,
        },
        "fixtures.backup_id: the target knows no such backup", ("GET-1", "GET-2", "LOG-1", "RST-1", "HTTP-4"),
    ),
    "a backup id with a slip": Unfit(
        lambda target: {"fixtures.backup_id": str(target.fixtures.backup_id)[:-2] + "00"},
        "did you mean", ("GET-1", "LOG-1"),
    ),
    "an unknown instance": Unfit(
        lambda _: {"fixtures.instance_id": UNKNOWN}, "fixtures.instance_id: the target knows no such instance",
        ("JOB-1", "RST-1", "RST-2", "RST-3", "RST-6", "CAP-6"),
    ),
    "an instance of another container": Unfit(
        lambda target: {
            "fixtures.instance_id": target.fixtures.foreign_instance_id, "fixtures.foreign_instance_id": ABSENT,
        },
        "fixtures.instance_id: the target knows no such instance", ("JOB-1", "RST-1", "CAP-6"),
    ),
    "a base path too many": Unfit(lambda target: {"target.base_url": f"{target.base_url}/v1"}, "leave /v1 out"),
    "a path of somebody else's": Unfit(lambda target: {"target.base_url": f"{target.base_url}/api"}, "target.base_url"),
    "view and manage swapped": Unfit(
        lambda target: {"keys.view": key(target, "manage"), "keys.manage": key(target, "view")},
        "swap view and manage", ("CAP-1", "CAP-4", "CAP-5", "CAP-6", "CAP-10"),
    ),
    "view and unrelated swapped": Unfit(
        lambda target: {"keys.view": key(target, "unrelated"), "keys.unrelated": key(target, "view")},
        "swap view and unrelated", ("CAP-1", "CAP-2", "CAP-3", "CAP-5", "CAP-10"),
    ),
    "a full key that may not restore": Unfit(
        lambda target: {"keys.full": key(target, "view"), "keys.view": ABSENT},
        "keys.full: the key lacks containers-backups-manage", ("JOB-1", "RST-1", "RST-6"),
    ),
    "a full key that may not view": Unfit(
        lambda target: {"keys.full": key(target, "manage"), "keys.manage": ABSENT, "keys.view": ABSENT},
        "keys.full: the key lacks containers-backups-view", ("LIST-1", "GET-1", "JOB-1"),
    ),
    "full equal to view": Unfit(
        lambda target: {"keys.full": key(target, "view")}, "keys.view: has the same value as keys.full",
        ("CAP-5", "JOB-1", "RST-1", "DEL-1"),
    ),
    "view equal to full": Unfit(
        lambda target: {"keys.view": key(target, "full")}, "keys.view: has the same value as keys.full",
        ("CAP-4", "CAP-5", "CAP-8"),
    ),
    "manage equal to full": Unfit(
        lambda target: {"keys.manage": key(target, "full")}, "keys.manage: has the same value as keys.full",
        ("CAP-1", "CAP-6"),
    ),
    "unrelated equal to view": Unfit(
        lambda target: {"keys.unrelated": key(target, "view")}, "keys.unrelated: has the same value as keys.view",
        ("CAP-1", "CAP-10"),
    ),
    "expired equal to full": Unfit(
        lambda target: {"keys.expired": key(target, "full")}, "keys.expired: has the same value as keys.full",
        ("AUTH-3",),
    ),
    "other_hub equal to full": Unfit(
        lambda target: {"keys.other_hub": key(target, "full")}, "keys.other_hub: has the same value as keys.full",
        ("AUTH-6",),
    ),
    "a full key that is unknown": Unfit(lambda _: {"keys.full": "an-unknown-key"}, "keys.full", ("LIST-1", "CAP-1")),
    "a view key that is unknown": Unfit(
        lambda _: {"keys.view": "an-unknown-key"}, "keys.view: is refused", ("CAP-4", "CAP-5", "CAP-8")
    ),
    "an unrelated key that is unknown": Unfit(
        lambda _: {"keys.unrelated": "an-unknown-key"}, "keys.unrelated: is refused", ("CAP-10",)
    ),
    "a key of another hub that is unknown": Unfit(
        lambda _: {"keys.other_hub": "an-unknown-key"}, "keys.other_hub: is refused", ("AUTH-6",)
    ),
    "an unknown other hub": Unfit(lambda _: {"keys.other_hub_id": UNKNOWN}, "other_hub", ("AUTH-6", "AUTH-9")),
    "a container that is not empty": Unfit(
        lambda target: {"fixtures.empty_container_id": target.fixtures.other_container_id},
        "fixtures.empty_container_id: the container is not empty", ("LIST-8", "GET-5"),
    ),
    "an empty container that does not exist": Unfit(
        lambda _: {"fixtures.empty_container_id": UNKNOWN}, "fixtures.empty_container_id: the target knows no such",
        ("LIST-8", "GET-5", "LOG-5"),
    ),
    "another container that does not exist": Unfit(
        lambda _: {"fixtures.other_container_id": UNKNOWN}, "fixtures.other_container_id: the target knows no such",
        ("GET-5", "LIST-2"),
    ),
    "a failing backup that does not exist": Unfit(
        lambda _: {"fixtures.failing_backup_id": UNKNOWN}, "fixtures.failing_backup_id: the target knows no such",
        ("RST-4",),
    ),
    "a backup to delete that does not exist": Unfit(
        lambda _: {"fixtures.deletable_backup_ids": [UNKNOWN]},
        f"set fixtures.deletable_backup_ids to backups that exist ({UNKNOWN} does not)",
        ("DEL-1", "DEL-2", "DEL-3"),
    ),
    "a probe that fails": Unfit(
        lambda _: probe("import sys; sys.exit('no such volume')"), "no such volume", ("RST-8", "RST-9")
    ),
    "a probe that hangs": Unfit(
        lambda _: probe("import time; time.sleep(3600)"), "within 2 s", ("RST-8",)
    ),
    "a probe that prints another digest each time": Unfit(
        lambda _: probe("import os; print(os.urandom(8).hex())"), "prints another digest each time", ("RST-8", "RST-9")
    ),
    "a probe that prints nothing": Unfit(lambda _: probe("pass"), "probe.command", ("RST-8",)),
}  # fmt: skip


@pytest.fixture
def reference() -> Iterator[launch.Running]:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        yield server


def looked_at(target: Target, folder: Path) -> tuple[str, Run]:
    """Return what preflight says is wrong, a line each, and the run that it belongs to."""
    selected = catalogue.load().select((), ())
    run = Run(target, seed=1, profile=target.default_profile, selected=selected, state=folder / "state")
    with closing(run):
        run.start()
    stage = run.preflight
    return "\n".join([*([stage.problem] if stage.problem else []), *(entry.sentence for entry in stage.mistakes)]), run


@pytest.mark.process  # the probe
@pytest.mark.parametrize("mistake", share.some(UNFIT, 5))
def test_a_file_that_does_not_fit_is_no_failure_of_the_target(
    mistake: str, reference: launch.Running, tmp_path: Path
) -> None:
    case = UNFIT[mistake]
    file = tmp_path / "target.toml"
    file.write_text(reference.target_toml, "utf-8")
    text = changed(reference.target_toml, case.changes(load_target(file, os.environ)))
    file.write_text(text, "utf-8")
    target = load_target(file, os.environ)
    said, run = looked_at(target, tmp_path)
    judged = judge(target, selected=case.clauses) if case.clauses else {}
    reasons = [found.reason for found in judged.values()]
    assert any(case.words in line for line in [*said.splitlines(), *reasons]), said
    assert run.preflight.requests <= MAX_REQUESTS
    accused = (Outcome.FAILED, Outcome.WARNED)
    assert {clause: found.reason for clause, found in judged.items() if found.outcome in accused} == {}


def judged(reference: launch.Running, folder: Path, changes: Mapping[str, object], *clauses: str) -> dict[str, Outcome]:
    """Return the outcomes of clauses with a changed target file."""
    file = folder / "target.toml"
    file.write_text(changed(reference.target_toml, changes), "utf-8")
    records = judge(load_target(file, os.environ), selected=clauses)
    return {clause: records[clause].outcome for clause in clauses}


def test_backups_to_delete_that_are_gone_cost_the_clauses_of_delete_alone(
    reference: launch.Running, tmp_path: Path
) -> None:
    gone = {"fixtures.deletable_backup_ids": [UNKNOWN]}
    outcomes = judged(reference, tmp_path, gone, "CAP-9", "DEL-1", "DEL-4")
    assert outcomes == {"CAP-9": Outcome.PASSED, "DEL-1": Outcome.NOT_TESTED, "DEL-4": Outcome.NOT_TESTED}


def test_backups_to_delete_that_are_gone_are_left_out(reference: launch.Running, tmp_path: Path) -> None:
    there = ids_of(reference, tmp_path).deletable_backup_ids
    some = {"fixtures.deletable_backup_ids": [UNKNOWN, *there[:2]]}
    clauses = ("CAP-9", "DEL-1", "DEL-2", "DEL-3", "DEL-4")
    assert set(judged(reference, tmp_path, some, *clauses).values()) == {Outcome.PASSED}


def reasons(reference: launch.Running, folder: Path, changes: Mapping[str, object], clause: str) -> tuple[Outcome, str]:
    """Return the outcome of a clause with a changed target file, and its reason."""
    file = folder / "target.toml"
    file.write_text(changed(reference.target_toml, changes), "utf-8")
    record = judge(load_target(file, os.environ), selected=(clause,))[clause]
    return record.outcome, record.reason


def ids_of(reference: launch.Running, folder: Path) -> FixtureIds:
    """Return the fixtures of the server's own target file."""
    file = folder / "target.toml"
    file.write_text(reference.target_toml, "utf-8")
    return load_target(file, os.environ).fixtures


def test_a_failing_backup_whose_restore_completes_is_named(reference: launch.Running, tmp_path: Path) -> None:
    """An earlier restore of it failed once, for a reason that is gone."""
    good = ids_of(reference, tmp_path).backup_id
    changes = {"fixtures.failing_backup_id": good, "fixtures.backup_id": ABSENT}
    outcome, said = reasons(reference, tmp_path, changes, "RST-4")
    assert outcome is Outcome.ERROR
    assert restore_evidence.NOT_FAILING in said


def test_a_main_backup_that_cannot_be_restored_is_named(reference: launch.Running, tmp_path: Path) -> None:
    """Its logs show no earlier restore in the first run, and only failed ones in the second."""
    damaged = ids_of(reference, tmp_path).failing_backup_id
    changes = {"fixtures.failing_backup_id": ABSENT, "fixtures.backup_id": damaged}
    outcome, said = reasons(reference, tmp_path, changes, "RST-2")
    assert outcome is Outcome.FAILED
    assert "or fixtures.backup_id is a backup that cannot be restored" in said
    outcome, said = reasons(reference, tmp_path, changes, "RST-2")
    assert outcome is Outcome.ERROR
    assert restore_evidence.NOT_GOOD in said


@pytest.mark.process  # the probe
def test_an_expected_digest_of_another_backup_is_named(reference: launch.Running, tmp_path: Path) -> None:
    outcome, said = reasons(reference, tmp_path, {"probe.expected": f"sha256:{'0' * 64}"}, "RST-8")
    assert outcome is Outcome.FAILED
    assert "or probe.expected is not the digest of fixtures.backup_id" in said


# ---------------------------------------------------------------- whatever is there instead of the API


def page(status: int, title: str, **headers: str) -> hostile.Answering:
    """Answer everything with a page of HTML."""
    body = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
    return lambda _: hostile.whole(status, body.encode(), content_type="text/html", **headers)


def redirect(location: Callable[[hostile.Seen], str]) -> hostile.Answering:
    """Answer everything with a redirect."""
    return lambda seen: hostile.whole(301, b"", location=location(seen), content_type="text/html")


NGINX = {"server": "nginx/1.22.1"}
#: What answers, and words of the one line that must be said.
FOREIGN: dict[str, tuple[hostile.Answering, tuple[str, ...]]] = {
    "a login page": (page(200, "Sign in"), ("Sign in",)),
    "a page of an unknown address": (page(404, "404 Not Found", **NGINX), ("nginx 404", "Not Found")),
    "a gateway that wants a token": (
        page(401, "401 Authorization Required", **NGINX), ("nginx 401", "Authorization Required"),
    ),
    "a gateway that wants a certificate": (
        page(400, "400 No required SSL certificate was sent", **NGINX), ("nginx 400", "No required SSL certificate"),
    ),
    "a firewall": (page(403, "Access denied", server="cloudflare"), ("Cloudflare 403", "Access denied")),
    "a maintenance page": (page(503, "503 Service Temporarily Unavailable", **NGINX), ("nginx 503",)),
    "a dead backend": (page(502, "502 Bad Gateway", **NGINX), ("nginx 502",)),
    "a redirect to https": (
        redirect(lambda seen: f"https://api.example.test{seen.target}"), ("https://api.example.test",)
    ),
    "a redirect to another path": (
        redirect(lambda seen: f"https://api.example.test/backups{seen.target}"), ("https://api.example.test/backups",)
    ),
    "a redirect to a login": (redirect(lambda _: "https://login.example.test/"), ("login.example.test",)),
    "a web server of something else": (
        lambda _: hostile.whole(404, b'{"message": "no Route matched"}'), ("no Route matched",)
    ),
    "no web server": (lambda _: b"SSH-2.0-OpenSSH_9.6\r\n\r\n", ("not HTTP/1.1",)),
    "a server that closes": (hostile.nothing, ("connection closed",)),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_what_answers_instead_of_the_api_is_named(what: str, tmp_path: Path) -> None:
    answer, words = FOREIGN[what]
    with hostile.serve(answer) as server:
        target = hostile.target(tmp_path, server.base_url)
        said, _ = looked_at(target, tmp_path)
        assert len(server.seen) <= MAX_REQUESTS
    (line,) = said.splitlines()
    assert [word for word in words if word not in line] == []


@contextmanager
def greeting(text: bytes) -> Iterator[str]:
    """A port whose server speaks first, or not at all; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(text)
                        connection.recv(65536)

        threading.Thread(target=greet, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_https_to_a_port_that_speaks_http(tmp_path: Path) -> None:
    with greeting(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as address:
        said, _ = looked_at(hostile.target(tmp_path, f"https://{address}"), tmp_path)
    assert "write http:// in target.base_url" in said


def test_a_port_without_a_server(tmp_path: Path) -> None:
    base_url = f"http://127.0.0.1:{hostile.closed_port()}"
    said, _ = looked_at(hostile.target(tmp_path, base_url), tmp_path)
    assert base_url in said
    assert "connection refused" in said


def test_a_host_name_that_does_not_resolve(tmp_path: Path) -> None:
    said, _ = looked_at(hostile.target(tmp_path, "http://api.nowhere.invalid"), tmp_path)
    assert "api.nowhere.invalid" in said


def test_the_list_of_mistakes_is_long() -> None:
    assert len(UNFIT) + len(FOREIGN) + len(WRONG_FILES) >= 40


def test_members_that_are_absent_are_left_out() -> None:
    assert "backup_id" not in changed('[fixtures]\nbackup_id = "x"\n', {"fixtures.backup_id": ABSENT})
