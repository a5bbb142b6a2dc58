"""Keys: values that can be sent, and never shown.

A `Key` masks itself wherever Python, pytest or a report might print it; only `reveal()` gives the value, and
only what builds a request calls that.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Self

from conformance.config import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Learn = Callable[[str, str], None]

COMMAND_TIMEOUT_S = 30.0
DEFAULT_REFRESH_S = 600.0


class KeyUnavailableError(RuntimeError):
    """The value of a key is unavailable. The message says why and quotes nothing that a command printed."""


#: A shorter key occurs in responses by chance, so that it could not be masked.
MIN_KEY_LENGTH = 6


def unsendable(value: str, *, blanks: bool = False) -> str | None:
    """Return why a header cannot carry this value, without quoting it; None if it can.

    `blanks` allows spaces inside the value, as in headers other than Authorization.
    """
    if not value:
        return "is empty"
    if value != value.strip():
        return "starts or ends with white space"
    if not re.fullmatch(r"[\x20-\x7e]+" if blanks else r"[\x21-\x7e]+", value):
        return "contains a character that a header cannot carry"
    return None


def unusable_key(value: str) -> str | None:
    """Return why a value cannot be a key, without quoting it; None if it can."""
    if re.match(r"bearer\b", value, re.IGNORECASE) and not re.fullmatch(r"[\x21-\x7e]+", value):
        return "begins with Bearer: leave Bearer out, requests add it"
    if problem := unsendable(value):
        return problem
    if len(value) < MIN_KEY_LENGTH:
        return "is shorter than six characters: masking a key that short would hide ordinary text"
    return None


class Key:
    """A secret of the target: `name` is its member in the target file, `variable` replaces it in curl lines.

    Pickles and copies hold the names alone: a key does not travel between processes, each one reads its own.
    """

    __slots__ = ("_clock", "_fetch", "_fetched_at", "_learners", "_lock", "_refresh_s", "_value", "name", "variable")

    def __init__(self, name: str, value: str | None, variable: str | None = None) -> None:
        self.name = name
        self.variable = variable or default_variable(name)
        self._value = value
        self._fetch: Callable[[], str] | None = None
        self._refresh_s = DEFAULT_REFRESH_S
        self._fetched_at = 0.0
        self._clock = time.monotonic
        self._lock = threading.RLock()
        self._learners: list[Learn] = []

    @classmethod
    def from_command(
        cls,
        name: str,
        command: Sequence[str],
        refresh_s: float = DEFAULT_REFRESH_S,
        *,
        timeout_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        problem_of: Callable[[str], str | None] = unusable_key,
    ) -> Self:
        """Return a key that a command prints: fetched when it is first needed, and again after `refresh_s` seconds.

        `problem_of` says why a printed value cannot be used; None if it can.
        """
        key = cls(name, None)
        key._clock = clock
        limit = COMMAND_TIMEOUT_S if timeout_s is None else timeout_s
        key._fetch = lambda: _printed_by(name, tuple(command), limit, problem_of)
        key._refresh_s = refresh_s
        return key

    def reveal(self) -> str:
        """The value itself, for the request that needs it. Raises KeyUnavailableError."""
        with self._lock:
            if self._fetch is not None and (self._value is None or self._outlived()):
                self._fetch_now(self._fetch)
            if self._value is None:
                raise KeyUnavailableError(f"key {self.name}: this is a masked copy, it holds no value")
            return self._value

    def refresh(self, refused: str | None = None) -> bool:
        """Run the command of the key again for a new value. Return False if the key has no command.

        `refused` is the value that the target did not accept. If another thread has replaced it already, the newer
        value is kept and the command is not run a second time. Raises KeyUnavailableError if the command fails.
        """
        with self._lock:
            if self._fetch is None:
                return False
            if refused is None or self._value is None or self._value == refused:
                self._fetch_now(self._fetch)
            return True

    def watch(self, learn: Learn) -> None:
        """Call `learn(name, value)` now and for each later value, before the value is used.

        So redaction knows a fetched key before its first request is recorded.
        """
        with self._lock:
            self._learners.append(learn)
            if self._value is not None:
                learn(self.name, self._value)

    def _outlived(self) -> bool:
        return self._clock() - self._fetched_at >= self._refresh_s

    def _fetch_now(self, fetch: Callable[[], str]) -> None:
        self._value = fetch()
        self._fetched_at = self._clock()
        for learn in self._learners:
            learn(self.name, self._value)

    def __repr__(self) -> str:
        return f"[key {self.name}]"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> tuple[type[Key], tuple[str, None, str]]:
        return (Key, (self.name, None, self.variable))

    def __getstate__(self) -> None:
        return None


def default_variable(name: str) -> str:
    """The name of the shell variable of a key: BACKUPS_KEY_FULL for `full`."""
    return "BACKUPS_KEY_" + re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()


def _printed_by(name: str, command: tuple[str, ...], timeout_s: float, problem_of: Callable[[str], str | None]) -> str:
    """Return what the command prints. Raises from a frame that holds none of it."""
    value, problem = _run(command, timeout_s, problem_of)
    if problem:
        raise KeyUnavailableError(f"key {name}: the command {command[0]} {problem}")
    return value


def _run(command: tuple[str, ...], timeout_s: float, problem_of: Callable[[str], str | None]) -> tuple[str, str]:
    """Return the command's value and no problem, or no value and the problem."""
    try:
        finished = commands.run(command, timeout_s)
    except subprocess.TimeoutExpired:
        return "", f"did not finish within {timeout_s:g} s"
    except commands.TooMuchOutputError as error:
        return "", str(error)
    except OSError as error:
        return "", f"cannot be run: {error.strerror or type(error).__name__}"
    if finished.code:
        return "", f"failed with exit code {finished.code}"
    try:
        value = finished.output.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return "", "printed something that is not UTF-8"
    problem = problem_of(value)
    return ("", f"printed a value that {problem}") if problem else (value, "")
