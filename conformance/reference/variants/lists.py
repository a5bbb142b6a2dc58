"""Legal differences in lists and includes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call, Reply
    from conformance.reference.data.store import Backup, Document


def _pages(server: Behaviours, *, default: int, largest: int) -> None:
    wanted = server.parse_page

    def smaller(call: Call) -> tuple[int, int]:
        number, size = wanted(call)
        return number, min(size if "page[size]" in call.query else default, largest)

    server.parse_page = smaller


@variant("the server may cap `page[size]`")
def page_size_cap(server: Behaviours) -> None:
    """The page size is capped at five."""
    _pages(server, default=5, largest=5)


@variant("the server may cap `page[size]`, and a deleted backup may be in state `deleting` at first (DEL-3)")
def pages_shift_while_a_backup_goes(server: Behaviours) -> None:
    """Pages have ten items, and a deleted backup is removed once a page has shown it, so that the next ones shift."""
    _pages(server, default=10, largest=10)
    page, going = server.page, set[str]()
    server.work["delete"] = lambda _server, job: going.add(job.backup.id)

    def shifting(call: Call, backups: list[Backup], number: int, size: int) -> list[Backup]:
        shown = page(call, backups, number, size)
        for backup in shown:
            if backup.id in going:
                call.container.backups.pop(backup.id, None)
        return shown

    server.page = shifting


@variant("a bad page value may be a 4xx")
def pages_beyond_32_bits_are_refused(server: Behaviours) -> None:
    """A page number or size beyond 32 bits is a 400."""
    wanted = server.parse_page

    def narrow(call: Call) -> tuple[int, int]:
        number, size = wanted(call)
        if max(number, int(call.query.get("page[size]", size))) >= 2**31:
            raise RefusalError("400.invalid-syntax", "A page is a 32-bit integer")
        return number, size

    server.parse_page = narrow


@variant("the default page size may be smaller than the list")
def small_default_page(server: Behaviours) -> None:
    """The default page size is four."""
    _pages(server, default=4, largest=1000)


@variant("a bad page or sort value may be a 200 or a 4xx")
def bad_pages_are_ignored(server: Behaviours) -> None:
    """A bad page or sort value is ignored."""
    page, sort = server.parse_page, server.parse_sort

    def any_page(call: Call) -> tuple[int, int]:
        try:
            return page(call)
        except RefusalError:
            for name in ("page[number]", "page[size]"):
                call.query.pop(name, None)
            return page(call)

    def any_sort(call: Call) -> list[tuple[str, bool]]:
        try:
            return sort(call)
        except RefusalError:
            return []

    server.parse_page, server.parse_sort = any_page, any_sort


@variant("the order without a sort is not specified")
def oldest_first(server: Behaviours) -> None:
    """A list without a sort is ordered by creation time, oldest first."""
    visible = server.visible
    server.visible = lambda call: visible(call)[::-1]


@variant("an unknown include may be ignored or refused")
def unknown_includes_are_refused(server: Behaviours) -> None:
    """An unknown include is a 400."""
    wanted = server.wants_integrations

    def strict(call: Call) -> bool:
        if set(call.query.get("include", "integrations").split(",")) - {"integrations"}:
            raise RefusalError("400.invalid-syntax", "There is no such include")
        return wanted(call)

    server.wants_integrations = strict


@variant("an unknown include may be ignored or refused")
def includes_are_one_word(server: Behaviours) -> None:
    """An include of several words is an unknown one: a list is never split."""
    server.wants_integrations = lambda call: call.query.get("include") == "integrations"


@variant('`includes: {"integrations": {}}` where nothing was requested')
def empty_includes_unasked(server: Behaviours) -> None:
    """The includes have an empty `integrations` where nothing is included."""
    includes = server.includes
    server.includes = lambda call, backups: includes(call, backups) or {"integrations": {}}


@variant("`includes` is absent, null or empty where nothing was requested")
def includes_empty_unasked(server: Behaviours) -> None:
    """The includes are an empty object where none were requested."""
    includes = server.includes
    server.includes = lambda call, backups: includes(call, backups) or {}


@variant("an empty list may have no includes")
def no_includes_for_nothing(server: Behaviours) -> None:
    """An empty list has no includes, even where they were requested."""
    includes = server.includes

    def if_any(call: Call, backups: list[Backup]) -> dict[str, object] | None:
        return includes(call, backups) if backups else None

    server.includes = if_any


@variant("secrets are absent, null, empty or masked (INC-7)")
def secrets_are_absent(server: Behaviours) -> None:
    """Secret members are absent."""
    for integration in server.store.integrations:
        for name in ("secret", "api_key", "base64_config"):
            (integration.document.get("auth") or {}).pop(name, None)


@variant("secrets are absent, null, empty or masked (INC-7)")
def secrets_are_masked_otherwise(server: Behaviours) -> None:
    """Secrets are masked with dots, a bracketed word, or stars and four characters."""
    for integration in server.store.integrations:
        if integration.document.get("auth"):
            integration.document["auth"].update(
                {"secret": "••••••••", "api_key": "<redacted>", "base64_config": "****************9f3a"}
            )


@variant("the server may cap `page[size]`")
def page_size_cap_of_two(server: Behaviours) -> None:
    """The page size is capped at two."""
    _pages(server, default=2, largest=2)


def _refuse_large_pages(server: Behaviours, largest: int, code: str) -> None:
    _pages(server, default=largest, largest=1000)
    parse = server.parse_page

    def strict(call: Call) -> tuple[int, int]:
        number, size = parse(call)
        if size > largest:
            raise RefusalError(code, f"page[size] is at most {largest}")
        return number, size

    server.parse_page = strict


@variant("a `page[size]` above the maximum may be refused")
def large_pages_are_refused(server: Behaviours) -> None:
    """A page size above 100 is a 422."""
    _refuse_large_pages(server, 100, "422.invalid-argument")


@variant("a `page[size]` above the maximum may be refused")
def pages_above_ten_are_refused(server: Behaviours) -> None:
    """A page size above ten is a 400."""
    _refuse_large_pages(server, 10, "400.invalid-syntax")


@variant("a `page[size]` above the maximum may be refused")
def pages_above_30_are_refused(server: Behaviours) -> None:
    """A page size above 30 is a 403."""
    _refuse_large_pages(server, 30, "403.invalid-state")


EMPTY = "absent, null, `{}` and `[]` are all empty includes, and so is an empty `integrations`"


def _empty_includes(server: Behaviours, empty: object) -> None:
    """Write these includes where nothing is included, whether requested or not."""
    envelope = server.envelope

    def written(call: Call, reply: Reply) -> Document:
        document = envelope(call, reply)
        included = document.get("includes") or {}
        return document if included.get("integrations") else document | {"includes": empty}

    server.envelope = written


@variant(EMPTY)
def empty_includes_are_an_array(server: Behaviours) -> None:
    """Empty includes are `[]`, as PHP writes an empty object."""
    _empty_includes(server, [])


@variant(EMPTY)
def empty_includes_are_null(server: Behaviours) -> None:
    """Empty includes are null, even where integrations were requested."""
    _empty_includes(server, None)


@variant(EMPTY)
def empty_integrations_are_an_array(server: Behaviours) -> None:
    """Empty includes are `{"integrations": []}`."""
    _empty_includes(server, {"integrations": []})


@variant(EMPTY)
def empty_integrations_are_null(server: Behaviours) -> None:
    """Empty includes are `{"integrations": null}`, as Go writes an empty map."""
    _empty_includes(server, {"integrations": None})


@variant("a mask shows at most four characters (INC-7)")
def secrets_are_abbreviated(server: Behaviours) -> None:
    """Secrets are masked as three characters and an ellipsis."""
    for integration in server.store.integrations:
        if integration.document.get("auth"):
            integration.document["auth"].update({"secret": "sk-…", "api_key": "ak-...", "base64_config": "[redacted]"})


@variant("with several values of a list parameter, a server may accept only one form")
def only_commas_separate_lists(server: Behaviours) -> None:
    """A repeated list parameter is a 400; only commas separate values."""
    check = server.checks["ids"]

    def strict(call: Call) -> None:
        names = [name for name, _ in call.query_items if name in {"include", "sort"}]
        if len(names) > len(set(names)):
            raise RefusalError("400.invalid-syntax", "Parameters must not be repeated")
        check(call)

    server.checks["ids"] = strict


@variant("a bad page or sort value may be a 200 or a 4xx")
def unknown_parameters_are_refused(server: Behaviours) -> None:
    """A parameter that the contract does not name is a 400."""
    check = server.checks["ids"]

    def strict(call: Call) -> None:
        if {name for name, _ in call.query_items} - {"include", "sort", "page[number]", "page[size]"}:
            raise RefusalError("400.invalid-syntax", "Unknown parameter")
        check(call)

    server.checks["ids"] = strict
