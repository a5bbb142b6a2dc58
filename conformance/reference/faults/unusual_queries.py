"""Faults on unusual query parameters, as frameworks parse them and databases are asked for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.reference.patching import crash_when
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from conformance.reference.core import Behaviours, Call

QUERY = "x-query"
INHERITED = frozenset({"constructor", "__proto__", "toString", "hasOwnProperty", "valueOf", "prototype"})
PAGE_MEMBER = re.compile(r"page\[(number|size)\]")


def _crash_on_sort(server: Behaviours, test: Callable[[str], object]) -> None:
    crash_when(server, "key", lambda call: any(test(value.lstrip("-")) for value in call.query_list("sort")))


def _crash_on_include(server: Behaviours, test: Callable[[str], object]) -> None:
    crash_when(server, "key", lambda call: any(test(value) for value in call.query_list("include")))


def _crash_on_page(server: Behaviours, test: Callable[[str], object]) -> None:
    crash_when(
        server, "key", lambda call: any(test(value) for name, value in call.query_items if PAGE_MEMBER.fullmatch(name))
    )


def _crash_on_name(server: Behaviours, test: Callable[[str], object]) -> None:
    crash_when(server, "key", lambda call: any(test(name) for name, _ in call.query_items))


def _given_twice(call: Call, name: str) -> bool:
    return [key for key, _ in call.query_items].count(name) > 1


# ---------------------------------------------------------------- inherited names


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def inherited_sort_breaks_down(server: Behaviours) -> None:
    """A sort by a name that every JavaScript object inherits is a 500."""
    _crash_on_sort(server, INHERITED.__contains__)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def dunder_sort_breaks_down(server: Behaviours) -> None:
    """A sort by a Python attribute such as `__class__` is a 500."""
    _crash_on_sort(server, re.compile(r"__\w+__").fullmatch)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def inherited_include_breaks_down(server: Behaviours) -> None:
    """An include with a name that every JavaScript object inherits is a 500."""
    _crash_on_include(server, INHERITED.__contains__)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def include_is_looked_up_whole(server: Behaviours) -> None:
    """An include is never split, and one with a name that every JavaScript object inherits is a 500."""
    server.wants_integrations = lambda call: call.query.get("include") == "integrations"
    crash_when(server, "key", lambda call: call.query.get("include") in INHERITED)


@fault(breaks=("HTTP-3",))
def inherited_parameter_breaks_down(server: Behaviours) -> None:
    """A parameter named `__proto__` or `constructor` is a 500."""
    _crash_on_name(server, lambda name: name.partition("[")[0] in INHERITED)


# ---------------------------------------------------------------- brackets


@fault(breaks=("LIST-10",), also=("HTTP-3", "INC-6"))
def operators_break_down(server: Behaviours) -> None:
    """An operator of a document database, such as `sort[$ne]=1`, is a 500."""
    _crash_on_name(server, lambda name: "[$" in name)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def nested_page_breaks_down(server: Behaviours) -> None:
    """A nested page parameter, such as `page[number][x]=1`, is a 500."""
    _crash_on_name(server, re.compile(r"page\[\w+\]\[.*").fullmatch)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_array_breaks_down(server: Behaviours) -> None:
    """`page[]=1` is a 500."""
    _crash_on_name(server, lambda name: name == "page[]")


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def bare_page_breaks_down(server: Behaviours) -> None:
    """`page=1` is a 500: a string has no member `number`."""
    _crash_on_name(server, lambda name: name == "page")


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def sort_array_breaks_down(server: Behaviours) -> None:
    """`sort[]=id` is a 500: an array cannot be split."""
    _crash_on_name(server, lambda name: name == "sort[]")


@fault(breaks=("INC-6",), also=("HTTP-3",))
def include_array_breaks_down(server: Behaviours) -> None:
    """`include[]=integrations` is a 500."""
    _crash_on_name(server, lambda name: name == "include[]")


# ---------------------------------------------------------------- repeated parameters


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def sort_twice_breaks_down(server: Behaviours) -> None:
    """A repeated sort parameter is a 500: a list cannot be split."""
    crash_when(server, "key", lambda call: _given_twice(call, "sort"))


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_number_twice_breaks_down(server: Behaviours) -> None:
    """A repeated page number is a 500."""
    crash_when(server, "key", lambda call: _given_twice(call, "page[number]"))


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_size_twice_breaks_down(server: Behaviours) -> None:
    """A repeated page size is a 500."""
    crash_when(server, "key", lambda call: _given_twice(call, "page[size]"))


@fault(breaks=("INC-6",), also=("HTTP-3",))
def include_twice_breaks_down(server: Behaviours) -> None:
    """A repeated include parameter is a 500."""
    crash_when(server, "key", lambda call: _given_twice(call, "include"))


# ---------------------------------------------------------------- numbers


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_of_many_digits_breaks_down(server: Behaviours) -> None:
    """A page number of more than 18 digits is a 500."""
    crash_when(server, "key", lambda call: len(call.query.get("page[number]", "").lstrip("-")) > 18)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_size_beyond_64_bits_breaks_down(server: Behaviours) -> None:
    """A page size beyond 64 bits is a 500."""
    crash_when(server, "key", lambda call: len(call.query.get("page[size]", "")) > 19)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_beyond_a_double_breaks_down(server: Behaviours) -> None:
    """A page number or size beyond the range of a double is a 500."""
    _crash_on_page(server, lambda value: value.lstrip("-").isdigit() and len(value) > 308)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_with_an_exponent_breaks_down(server: Behaviours) -> None:
    """A page number or size such as `1e3` is a 500: it passes for a number and is not an integer."""
    _crash_on_page(server, re.compile(r"[0-9.]+[eE][0-9]+").fullmatch)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def empty_page_breaks_down(server: Behaviours) -> None:
    """An empty page number or size is a 500."""
    _crash_on_page(server, lambda value: value == "")


# ---------------------------------------------------------------- markers and metacharacters


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def percent_marker_in_sort_breaks_down(server: Behaviours) -> None:
    """A format marker such as `%s` in a sort is a 500."""
    _crash_on_sort(server, re.compile(r"%[sdnx]").search)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def braces_in_include_break_down(server: Behaviours) -> None:
    """Braces in an include, such as `{}` or `${x}`, are a 500: they are formatted into a message."""
    _crash_on_include(server, re.compile(r"[{}]").search)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def template_marker_in_sort_breaks_down(server: Behaviours) -> None:
    """A template marker such as `${x}` in a sort is a 500."""
    _crash_on_sort(server, lambda value: "${" in value or "{{" in value or "#{" in value)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def quotes_in_sort_break_down(server: Behaviours) -> None:
    """A quotation mark in a sort is a 500, since it is put into SQL."""
    _crash_on_sort(server, lambda value: "'" in value or '"' in value)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def quotes_in_include_break_down(server: Behaviours) -> None:
    """A quotation mark in an include is a 500, since it is put into SQL."""
    _crash_on_include(server, lambda value: "'" in value or '"' in value)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def path_in_sort_breaks_down(server: Behaviours) -> None:
    """A slash in a sort, as in `../../etc/passwd`, is a 500."""
    _crash_on_sort(server, lambda value: "/" in value)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def dotted_sort_breaks_down(server: Behaviours) -> None:
    """A sort by a dotted path through a value without members, such as `id.x`, is a 500."""
    _crash_on_sort(server, re.compile(r"(id|created|size)\..*").fullmatch)


# ---------------------------------------------------------------- characters


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def nul_in_sort_breaks_down(server: Behaviours) -> None:
    """A NUL in a sort is a 500, as some databases cause it."""
    _crash_on_sort(server, lambda value: "\0" in value)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def nul_in_include_breaks_down(server: Behaviours) -> None:
    """A NUL in an include is a 500, as some databases cause it."""
    _crash_on_include(server, lambda value: "\0" in value)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def surrogate_in_sort_breaks_down(server: Behaviours) -> None:
    """A sort that is not UTF-8 when decoded, such as a lone surrogate, is a 500."""
    _crash_on_sort(server, lambda value: "\ufffd" in value)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def surrogate_in_include_breaks_down(server: Behaviours) -> None:
    """An include that is not UTF-8 when decoded, such as a lone surrogate, is a 500."""
    _crash_on_include(server, lambda value: "\ufffd" in value)


# ---------------------------------------------------------------- members, relations and forms


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def sort_by_an_object_breaks_down(server: Behaviours) -> None:
    """A sort by a member that is an object, such as `target`, is a 500: objects cannot be compared."""
    _crash_on_sort(server, frozenset({"target", "state", "events"}).__contains__)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def sort_by_an_unset_time_breaks_down(server: Behaviours) -> None:
    """A sort by a time that some backups lack, such as `events.updated`, is a 500: null cannot be compared."""
    _crash_on_sort(server, frozenset({"events.updated", "events.deleted"}).__contains__)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def sort_by_an_absent_member_breaks_down(server: Behaviours) -> None:
    """A sort by a member that only some backups have, such as `state.error`, is a 500."""
    _crash_on_sort(server, lambda name: name.startswith("state.error"))


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def superscript_page_breaks_down(server: Behaviours) -> None:
    """A superscript as page number or size is a 500: Python's isdigit() calls it a digit, int() does not read it."""
    _crash_on_page(server, lambda value: value.isdigit() and not value.isdecimal())


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def infinite_page_breaks_down(server: Behaviours) -> None:
    """A page number or size of `Infinity` is a 500: it passes for a number and has no integer."""
    _crash_on_page(server, re.compile(r"[+-]?inf(inity)?", re.IGNORECASE).fullmatch)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_of_two_kinds_breaks_down(server: Behaviours) -> None:
    """`page=1&page[number]=1` is a 500: a string has no members."""
    crash_when(server, "key", lambda call: "page" in call.query and any(map(PAGE_MEMBER.fullmatch, call.query)))


@fault(breaks=("LIST-10",), also=("HTTP-3", "INC-6"))
def parameter_without_a_value_breaks_down(server: Behaviours) -> None:
    """`sort`, `include` or a page without an equals sign is a 500: the parameter is null."""
    inner = server.wrap_app

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def naming(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope["headers"] = [*scope["headers"], (QUERY.encode(), scope["query_string"])]
            await wrapped(scope, receive, send)

        return naming

    server.wrap_app = wrap
    bare = re.compile(r"(sort|include|page(%5B|\[)(number|size)(%5D|\]))(?![^&])", re.IGNORECASE)
    crash_when(server, "key", lambda call: any(map(bare.fullmatch, call.headers[QUERY].split("&"))))


@fault(breaks=("INC-6",), also=("HTTP-3",))
def circular_include_breaks_down(server: Behaviours) -> None:
    """An include of the container is a 500: it refers to its backups, which refer to it."""
    _crash_on_include(server, re.compile(r"containers?").fullmatch)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def unloaded_include_breaks_down(server: Behaviours) -> None:
    """An include of another relation of a backup, such as its logs, is a 500: nothing loads it."""
    _crash_on_include(server, frozenset({"logs", "instances", "tasks"}).__contains__)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def nested_include_breaks_down(server: Behaviours) -> None:
    """An include of a part of an integration, such as `integrations.creator`, is a 500."""
    _crash_on_include(server, lambda value: value.startswith("integrations."))
