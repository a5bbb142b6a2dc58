"""Legal differences in lists and includes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup


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

    def if_any(call: Call, backups: list[Backup]) -> dict[str, Any] | None:
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
