"""Keys are never shown, and commands are run when their keys are needed."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import os
import pickle
import pprint
import signal
import sys
import threading
import traceback
from pathlib import Path

import pytest
from support.waiting import PATIENCE_S, wait_until

from conformance.config.secrets import Key, KeyUnavailableError, default_variable, unsendable, unusable_key

VALUE = "very-secret-value-1"


@dataclasses.dataclass
class Holder:
    key: Key


def counting_command(folder: Path) -> list[str]:
    """A command that prints another value each time."""
    program = (
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]); n = int(p.read_text()) + 1 if p.exists() else 1;"
        "p.write_text(str(n)); print(f'value-number-{n}')"
    )
    return [sys.executable, "-c", program, str(folder / "count")]


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{:>40}".format,
        "{!r}".format,
        pprint.pformat,
        lambda key: f"{[key]} { ({'k': key}) }",
        lambda key: repr(Holder(key)),
        lambda key: repr(dataclasses.asdict(Holder(key))),
        lambda key: json.dumps({"key": key}, default=str),
        lambda key: logging.LogRecord("n", 1, "p", 1, "%s %r", (key, key), None).getMessage(),
        lambda key: repr(pickle.dumps(key)),
        lambda key: repr(pickle.dumps(Holder(key), protocol=0)),
        lambda key: repr(key.__getstate__()),
        lambda key: repr(getattr(key, "__dict__", None)),
    ],
)
def test_nothing_that_prints_a_key_prints_its_value(show: object) -> None:
    assert callable(show)
    assert VALUE not in show(Key("full", VALUE))


def test_json_refuses_a_key() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(Key("full", VALUE))


def test_a_traceback_with_locals_masks_it() -> None:
    key = Key("full", VALUE)
    try:
        raise ValueError(f"with {key}")
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert repr(key) in shown
    assert "-secret-value" not in shown.replace('VALUE = "very-secret-value-1"', "")


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda key: pickle.loads(pickle.dumps(key))])  # noqa: S301
def test_a_copy_has_the_names_alone(duplicate: object) -> None:
    assert callable(duplicate)
    twin = duplicate(Key("full", VALUE, "MY_KEY"))
    assert (twin.name, twin.variable) == ("full", "MY_KEY")
    with pytest.raises(KeyUnavailableError, match="masked copy"):
        twin.reveal()


def test_names_and_variables() -> None:
    assert Key("full", VALUE).reveal() == VALUE
    assert repr(Key("full", VALUE)) == "[key full]"
    assert Key("full", VALUE).variable == "BACKUPS_KEY_FULL"
    assert default_variable("X-Gateway-Token") == "BACKUPS_KEY_X_GATEWAY_TOKEN"


def test_a_literal_has_nothing_to_refresh() -> None:
    key = Key("full", VALUE)
    assert key.refresh() is False


@pytest.mark.process
def test_a_command_is_run_when_needed_and_again_only_when_asked(tmp_path: Path) -> None:
    key = Key.from_command("full", counting_command(tmp_path))
    assert not (tmp_path / "count").exists()
    assert [key.reveal(), key.reveal()] == ["value-number-1", "value-number-1"]
    assert key.refresh() is True
    assert key.reveal() == "value-number-2"


@pytest.mark.process
def test_a_value_that_another_thread_has_replaced_is_not_fetched_again(tmp_path: Path) -> None:
    key = Key.from_command("full", counting_command(tmp_path))
    refused = key.reveal()
    threads = [threading.Thread(target=key.refresh, args=(refused,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert key.reveal() == "value-number-2"


@pytest.mark.process
def test_a_value_outlives_refresh_s_no_longer(tmp_path: Path) -> None:
    now = 0.0  # whole seconds, which a float adds exactly
    key = Key.from_command("full", counting_command(tmp_path), refresh_s=600, clock=lambda: now)
    assert key.reveal() == "value-number-1"
    now += 599
    assert key.reveal() == "value-number-1"
    now += 1
    assert key.reveal() == "value-number-2"


@pytest.mark.process
def test_who_watches_learns_every_value_before_it_is_used(tmp_path: Path) -> None:
    learnt: list[tuple[str, str]] = []
    Key("view", VALUE).watch(lambda name, value: learnt.append((name, value)))
    fetched = Key.from_command("full", counting_command(tmp_path))
    fetched.watch(lambda name, value: learnt.append((name, value)))
    fetched.reveal()
    fetched.refresh()
    assert learnt == [("view", VALUE), ("full", "value-number-1"), ("full", "value-number-2")]


@pytest.mark.process
@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (f"print('{VALUE}'); raise SystemExit(3)", "failed with exit code 3"),
        (f"import sys; sys.stderr.write('{VALUE}'); sys.exit(1)", "failed with exit code 1"),
        ("print()", "printed a value that is empty"),
        (f"print('{VALUE} x')", "printed a value that contains a character that a header cannot carry"),
        (f"print('{VALUE}\\nx')", "printed a value that contains a character that a header cannot carry"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "printed something that is not UTF-8"),
    ],
)
def test_a_command_that_fails_says_so_without_its_output(program: str, problem: str) -> None:
    key = Key.from_command("full", [sys.executable, "-c", program])
    with pytest.raises(KeyUnavailableError) as caught:
        key.reveal()
    messages = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True, lookup_lines=False).format()
    )
    assert str(caught.value) == f"key full: the command {sys.executable} {problem}"
    assert caught.value.__cause__ is None
    assert VALUE not in messages.replace(program, "").replace(repr(program)[1:-1], "")


@pytest.mark.process
def test_a_command_that_hangs_is_stopped() -> None:
    key = Key.from_command("full", [sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.2)
    with pytest.raises(KeyUnavailableError, match=r"did not finish within 0\.2 s"):
        key.reveal()


@pytest.mark.process
def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    key = Key.from_command("full", [sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME;touch"])
    assert key.reveal() == "$HOME;touch"
    with pytest.raises(KeyUnavailableError, match="cannot be run"):
        Key.from_command("full", [str(tmp_path / "no-such")]).reveal()


@pytest.mark.parametrize("value", ["", " x", "x\n", "a b", "\N{SNOWMAN}", "a\0b"])
def test_a_key_that_a_header_cannot_carry_is_refused_without_quoting_it(value: str) -> None:
    fault = unsendable(value)
    assert fault
    assert not value.strip() or value.strip() == "x" or value not in fault


def test_other_headers_may_hold_blanks() -> None:
    assert unsendable("a b", blanks=True) is None


@pytest.mark.process
def test_a_child_of_the_command_that_keeps_its_output_open_costs_no_time(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    program = (
        "import pathlib, subprocess; child = subprocess.Popen(['sleep', '3600']); "
        f"pathlib.Path({str(file)!r}).write_text(str(child.pid)); print('a-key-of-the-command')"
    )
    key = Key.from_command("full", [sys.executable, "-c", program], timeout_s=PATIENCE_S)
    assert key.reveal() == "a-key-of-the-command"
    os.kill(int(file.read_text()), signal.SIGKILL)  # raises an error if the child has ended already


@pytest.mark.process
def test_a_command_that_hangs_takes_its_children_along(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    key = Key.from_command("full", ["sh", "-c", f"sleep 3600 & echo $! > {file}; wait"], timeout_s=1)
    with pytest.raises(KeyUnavailableError, match="did not finish within 1 s"):
        key.reveal()
    wait_until(lambda: has_ended(int(file.read_text())))


def has_ended(process: int) -> bool:
    """Whether a process that is nobody's child here has ended: it is gone, or waits to be reaped."""
    try:
        return " Z " in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.process
@pytest.mark.parametrize("value", ["a", "short", "12345"])
def test_a_key_too_short_to_be_masked_is_refused(value: str) -> None:
    assert "shorter than six characters" in str(unusable_key(value))
    key = Key.from_command("full", [sys.executable, "-c", f"print({value!r})"])
    with pytest.raises(KeyUnavailableError, match="shorter than six characters"):
        key.reveal()
    assert unusable_key("sixsix") is None


@pytest.mark.process
def test_a_command_that_prints_without_end_is_refused() -> None:
    key = Key.from_command("full", [sys.executable, "-c", "print('k' * 1_000_000)"])
    with pytest.raises(KeyUnavailableError, match="printed more than"):
        key.reveal()
