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


@variant("a server-side cap on `page[size]`")
def page_size_cap(server: Behaviours) -> None:
    """A page never has more than five items."""
    _pages(server, default=5, largest=5)


@variant("a default page size smaller than the list")
def small_default_page(server: Behaviours) -> None:
    """A page has four items where nothing else was asked for."""
    _pages(server, default=4, largest=1000)


@variant("a bad page or sort value is 200 or 4xx")
def bad_pages_are_ignored(server: Behaviours) -> None:
    """A page or sort value that is no good is as if it were not there."""
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


@variant("the order without a sort is not said")
def oldest_first(server: Behaviours) -> None:
    """A list without a sort begins with the oldest."""
    visible = server.visible
    server.visible = lambda call: visible(call)[::-1]


@variant("a server that ignores an unknown include; an unknown include value is ignored or 4xx")
def unknown_includes_are_refused(server: Behaviours) -> None:
    """An include that is not known is a 400."""
    wanted = server.wants_integrations

    def strict(call: Call) -> bool:
        if set(call.query.get("include", "integrations").split(",")) - {"integrations"}:
            raise RefusalError("400.invalid-syntax", "There is no such include")
        return wanted(call)

    server.wants_integrations = strict


@variant('`includes: {"integrations": {}}` where nothing was asked for')
def empty_includes_unasked(server: Behaviours) -> None:
    """Where nothing is included, the includes say so."""
    includes = server.includes
    server.includes = lambda call, backups: includes(call, backups) or {"integrations": {}}


@variant("not asked for: `includes` is absent, null or empty")
def includes_empty_unasked(server: Behaviours) -> None:
    """Where nothing was asked for, the includes are an empty object."""
    includes = server.includes
    server.includes = lambda call, backups: includes(call, backups) or {}


@variant("no includes at all for an empty list")
def no_includes_for_nothing(server: Behaviours) -> None:
    """An empty list has no includes, even when they were asked for."""
    includes = server.includes

    def if_any(call: Call, backups: list[Backup]) -> dict[str, Any] | None:
        return includes(call, backups) if backups else None

    server.includes = if_any


@variant("INC-7: absent, null, empty or masked")
def secrets_are_absent(server: Behaviours) -> None:
    """What is secret is not shown at all."""
    for one in server.store.integrations:
        for name in ("secret", "api_key", "base64_config"):
            (one.document.get("auth") or {}).pop(name, None)


@variant("INC-7: absent, null, empty or masked")
def secrets_are_masked_otherwise(server: Behaviours) -> None:
    """Secrets are masked by dots, by a word, and by stars with four characters left."""
    for one in server.store.integrations:
        if one.document.get("auth"):
            one.document["auth"].update(
                {"secret": "••••••••", "api_key": "<redacted>", "base64_config": "****************9f3a"}
            )


@variant("a server-side cap on `page[size]`")
def page_size_cap_of_two(server: Behaviours) -> None:
    """A page never has more than two items."""
    _pages(server, default=2, largest=2)
