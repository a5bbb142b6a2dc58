"""Reads target files: every problem is reported at once, with its line and member, before anything is sent.

Paths in a target file (certificates, commands written with a slash) are relative to the file's own folder.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from conformance.config import urls
from conformance.config.secrets import DEFAULT_REFRESH_S, Key, unsendable, unusable_key
from conformance.config.target import (
    KEY_NAMES,
    Claims,
    FixtureIds,
    Jobs,
    Keys,
    Limits,
    Probe,
    RequestOptions,
    RestorePolicy,
    Target,
)
from conformance.config.target_checks import base_url_problem
from conformance.config.target_connection import ConnectionReader
from conformance.config.toml_file import Document, FileProblemsError, Problem, Table, kind, read_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.contract.json_types import JsonObject

TABLES = ("target", "headers", "keys", "fixtures", "restore", "limits", "jobs", "probe", "claims", "request")
OWN_HEADERS = frozenset(
    ["authorization", "x-hub-id", "host", "connection", "content-length", "content-type", "transfer-encoding", "origin"]
)
DAY_S = 86_400
PROBE_TIMEOUT_S = 30.0


class TargetError(FileProblemsError):
    """The target file, or the options in its place, cannot be used; `problems` has every reason."""


def load_target(path: Path, environ: Mapping[str, str]) -> Target:
    """The target that a file describes. Raises TargetError with everything that is wrong with it."""
    try:
        return _Reader(read_document(path), environ, path.absolute().parent).target()
    except FileProblemsError as error:
        raise TargetError(error.problems) from None


def target_from_options(
    base_url: str | None, hub: str | None, container: str | None, environ: Mapping[str, str]
) -> Target:
    """The target of a quick run without a file: three options, and the keys from the environment.

    The options pass the same checks as a file, so that the messages are the same.
    """
    given = {"--base-url": base_url, "--hub": hub, "--container": container}
    problems = [
        Problem(option, "is missing", f"give {', '.join(given)} together") for option in given if not given[option]
    ]
    if problems:
        raise TargetError(problems)
    variables = {name: f"BACKUPS_KEY_{name.upper()}" for name in KEY_NAMES}
    keys: dict[str, object] = {name: {"env": variable} for name, variable in variables.items() if environ.get(variable)}
    if other_hub_id := environ.get("BACKUPS_OTHER_HUB_ID"):
        keys["other_hub_id"] = other_hub_id
    data = {"target": {"base_url": base_url, "hub_id": hub}, "keys": keys, "fixtures": {"container_id": container}}
    names: dict[tuple[str | int, ...], str] = {("keys", name): variable for name, variable in variables.items()}
    names |= {("target", "base_url"): "--base-url", ("target", "hub_id"): "--hub", ("target", "name"): "--base-url"}
    names |= {("fixtures", "container_id"): "--container", ("keys", "other_hub_id"): "BACKUPS_OTHER_HUB_ID"}
    return replace(_Reader(Document("options", data, {}, names), environ, Path.cwd()).target(), from_file=False)


@dataclass(slots=True)
class _Reader:
    """Reads a document's tables one after the other; raises once, at the end."""

    document: Document
    environ: Mapping[str, str]
    folder: Path

    def target(self) -> Target:
        self.document.known_tables(TABLES)
        table = self.document.table("target")
        base_url = self._base_url(table)
        hub_id = self._header_value(table, "hub_id", required=True)
        connection = ConnectionReader(self.document, self.environ, self.folder)
        name, verify_tls = self._name(table, base_url), connection.verify_tls(table)
        client_cert, proxy = connection.client_cert(table), connection.proxy(table)
        table.finish()
        if not base_url_problem(base_url):
            url = urls.parse(base_url)
            connection.check_environment(url, by_system=verify_tls is True)
            proxy = connection.environment_proxy(url) if "proxy" not in table.data else proxy
        target = Target(
            name=name,
            base_url=base_url,
            hub_id=hub_id or "",
            verify_tls=verify_tls,
            client_cert=client_cert,
            proxy=proxy,
            headers=self._headers(),
            keys=self._keys(),
            fixtures=self._fixtures(),
            restore=self._restore(),
            limits=self._limits(),
            jobs=self._jobs(),
            probe=self._probe(),
            claims=self._claims(),
            request=self._request(),
        )
        if target.claims.jobs is False:  # the target has no jobs to follow
            target = replace(target, jobs=Jobs(follow=False))
        self._distinct(target)
        if self.document.problems:
            raise TargetError(self.document.problems)
        return target

    def _base_url(self, table: Table) -> str:
        text = table.string("base_url", required=True)
        problem = base_url_problem(text) if text else None
        if problem:
            table.report("base_url", f"is not a base URL: {problem}", "write it like https://api.example.test")
        return (text or "").rstrip("/")

    def _name(self, table: Table, base_url: str) -> str:
        name = table.string("name")
        if name is None:
            host = "" if base_url_problem(base_url) else urls.parse(base_url).host
            return re.sub(r"[^A-Za-z0-9._-]+", "-", host).strip(".-") or "target"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            hint = "use letters, digits, dots, dashes and underscores, at most 100, a letter or digit first"
            table.report("name", "cannot be used in the paths of reports", hint)
        return name

    def _header_value(self, table: Table, member: str, *, required: bool = False) -> str | None:
        value = table.string(member, required=required)
        if value is not None and (problem := unsendable(value)):
            table.report(member, problem)
        return value

    def _headers(self) -> dict[str, Key]:
        table = self.document.table("headers")
        headers: dict[str, Key] = {}
        for name in table.data:
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                table.report(name, "is not the name of a header")
            elif name.lower() in OWN_HEADERS:
                table.report(name, "is a header that the suite sets itself")
            elif name.lower() in (known.lower() for known in headers):
                table.report(name, "is given twice: header names are case-insensitive")
            elif key := self._key(table, name, blanks=True):
                headers[name] = key
        return headers

    def _keys(self) -> Keys:
        table = self.document.table("keys")
        keys = {name: self._key(table, name) for name in KEY_NAMES}
        other_hub_id = self._header_value(table, "other_hub_id")
        table.finish()
        return Keys(**keys, other_hub_id=other_hub_id)

    def _key(self, table: Table, member: str, *, blanks: bool = False) -> Key | None:
        """A value, {env = "NAME"} or {command = [...], refresh_s = 600}."""
        value = table.raw(member)
        if value is None:
            return None
        if isinstance(value, dict):
            return self._sourced_key(table, member, value, blanks=blanks)
        if not isinstance(value, str):
            table.report(member, f'wanted a string, {{env = "NAME"}} or {{command = ["…"]}}, got {kind(value)}')
        elif problem := _problem_with_value(blanks=blanks)(value):
            table.report(member, problem)
        else:
            return Key(member, value)
        return None

    def _sourced_key(self, table: Table, member: str, value: dict[str, object], *, blanks: bool) -> Key | None:
        source = Table(self.document, (*table.path, member), value)
        variable, command = source.string("env"), source.strings("command", filled=True)
        refresh_s = source.number("refresh_s", DEFAULT_REFRESH_S, 1, DAY_S)
        source.finish()
        if ("env" in value) == ("command" in value):
            table.report(member, "wanted either env or command in it")
        elif command:
            program = self._program(source, command)
            return Key.from_command(member, program, refresh_s, problem_of=_problem_with_value(blanks=blanks))
        elif "refresh_s" in value and "env" in value:
            source.report("refresh_s", "goes with command; the environment does not change")
        elif variable:
            return self._key_of_variable(table, member, variable, blanks=blanks)
        return None

    def _key_of_variable(self, table: Table, member: str, variable: str, *, blanks: bool) -> Key | None:
        value = self.environ.get(variable)
        if value is None:
            hint = (
                "set it"
                if table.path == ("headers",)
                else "set it, or leave the key out: its clauses are then not tested"
            )
            table.report(member, f"environment variable {variable} is not set", hint)
        elif problem := _problem_with_value(blanks=blanks)(value):
            table.report(member, f"the value of environment variable {variable} {problem}")
        else:
            return Key(member, value, variable)
        return None

    def _program(self, table: Table, command: tuple[str, ...]) -> tuple[str, ...]:
        """The command with its program's path made absolute where it is written with a slash."""
        program = str(self.folder / command[0]) if "/" in command[0] else command[0]
        if shutil.which(program) is None:
            table.report("command", f"there is no program {command[0]} that can be run")
        return (program, *command[1:])

    def _fixtures(self) -> FixtureIds:
        table = self.document.table("fixtures")
        members: JsonObject = {}
        for member in (each.name for each in fields(FixtureIds) if each.name != "deletable_backup_ids"):
            members[member] = table.string(member, required=member == "container_id")
            self._id(table, member, members[member])
        deletable = table.strings("deletable_backup_ids")
        for value in deletable:
            self._id(table, "deletable_backup_ids", value)
        table.finish()
        return FixtureIds(
            **{**members, "container_id": members["container_id"] or "", "deletable_backup_ids": deletable}
        )

    def _id(self, table: Table, member: str, value: str | None) -> None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._~-]{0,199}", value):
            table.report(member, "is not an id that can be used in a URL path")

    def _restore(self) -> RestorePolicy:
        table, default = self.document.table("restore"), RestorePolicy()
        policy = RestorePolicy(
            allow=table.boolean("allow", default.allow),
            max_restores=table.integer("max_restores", default.max_restores, 0, 100_000),
            timeout_s=table.number("timeout_s", default.timeout_s, 0.01, DAY_S),
            poll_s=table.number("poll_s", default.poll_s, 0.001, 3600),
        )
        table.finish()
        return policy

    def _limits(self) -> Limits:
        table, default = self.document.table("limits"), Limits()
        limits = Limits(
            requests_per_second=self._pace(table),
            concurrency=table.integer("concurrency", default.concurrency, 1, 256),
            timeout_s=table.number("timeout_s", default.timeout_s, 0.01, DAY_S),
            max_body_mb=table.number("max_body_mb", default.max_body_mb, 0.01, 1024),
            bad_auth_max=table.integer("bad_auth_max", default.bad_auth_max, 0, 1_000_000),
            max_values=table.integer("max_values", default.max_values, 1000, 100_000_000),
        )
        table.finish()
        return limits

    def _pace(self, table: Table) -> float | Literal["auto"]:
        """A number of requests per second, or "auto"."""
        if not isinstance(value := table.data.get("requests_per_second"), str):
            return table.number("requests_per_second", 0, 0, 1_000_000)
        table.raw("requests_per_second")
        if value != "auto":
            table.report("requests_per_second", f'wanted a number or "auto", got {kind(value)}', "0 is without a limit")
        return "auto"

    def _claims(self) -> Claims:
        table = self.document.table("claims")
        claims = Claims(
            **{
                member: table.boolean(member, default=False) if member in table.data else None
                for member in ("jobs", "delete")
            }
        )
        table.asked += ["jobs", "delete"]
        table.finish()
        return claims

    def _request(self) -> RequestOptions:
        table = self.document.table("request")
        options = RequestOptions(correlation=table.boolean("correlation", RequestOptions().correlation))
        table.finish()
        return options

    def _jobs(self) -> Jobs:
        table = self.document.table("jobs")
        jobs = Jobs(follow=table.boolean("follow", Jobs().follow))
        table.finish()
        return jobs

    def _probe(self) -> Probe | None:
        if "probe" not in self.document.data:
            return None
        table = self.document.table("probe")
        command, expected = table.strings("command", filled=True), table.string("expected")
        timeout_s = table.number("timeout_s", PROBE_TIMEOUT_S, 0.01, DAY_S)
        table.finish()
        if expected is not None and _IMPOSSIBLE_DIGEST.match(expected):
            kind = expected.partition(":")[0]
            table.report("expected", f"is no {kind} digest: one has {_HEX_DIGITS[kind]} hexadecimal digits")
        if command:
            if not any("{instance_id}" in word for word in command):
                table.report(
                    "command", "does not contain {instance_id}, so the probe cannot know which instance to read"
                )
            return Probe(self._program(table, command), expected, timeout_s)
        if "command" not in table.data:
            table.report("command", "is missing and required")
        return None

    def _distinct(self, target: Target) -> None:
        """Report ids that must differ but are equal: the suite could change what it must not, or judge wrongly."""
        ids = target.fixtures
        table = self.document.table("fixtures")
        for member, other in _APART:
            value = getattr(ids, member)
            if value is not None and value == getattr(ids, other):
                table.report(member, f"is the same as {other}")
        used = {ids.backup_id, ids.foreign_backup_id, ids.failing_backup_id} - {None}
        if used & set(ids.deletable_backup_ids):
            table.report("deletable_backup_ids", "offers a backup for deletion that another fixture needs")
        if target.keys.other_hub_id is not None and target.keys.other_hub_id == target.hub_id:
            self.document.report(("keys", "other_hub_id"), "is the same as target.hub_id")


#: How many hexadecimal digits the digests have whose algorithm a prefix names, and how their Base64 ends.
_HEX_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_BASE64 = {"md5": "{22}==", "sha1": "{27}=", "sha256": "{43}=", "sha512": "{86}=="}
#: A value with such a prefix that is no digest, in hexadecimal or in Base64. schemas/target.json has the same pattern.
_IMPOSSIBLE_DIGEST = re.compile(
    "|".join(
        rf"^{kind}:(?!([0-9A-Fa-f]{{{digits}}}|[A-Za-z0-9+/]{_BASE64[kind]})(\s|$))"
        for kind, digits in _HEX_DIGITS.items()
    )
)

_APART = (
    ("second_instance_id", "instance_id"),
    ("foreign_instance_id", "instance_id"),
    ("foreign_instance_id", "second_instance_id"),
    ("empty_container_id", "container_id"),
    ("other_container_id", "container_id"),
    ("foreign_backup_id", "backup_id"),
    ("failing_backup_id", "backup_id"),
    ("not_live_backup_id", "backup_id"),
)


def _problem_with_value(*, blanks: bool) -> Callable[[str], str | None]:
    """Return the function that checks a value: that of a header, which may contain spaces, or that of a key."""
    return partial(unsendable, blanks=True) if blanks else unusable_key
