"""Faults of includes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.patching import edited
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Document, Integration


def _auth(server: Behaviours, change: Callable[[Document], object]) -> None:
    """Change the `auth` member of included integrations."""

    def change_auth(document: Document) -> None:
        if document.get("auth"):
            change(document["auth"])

    server.write_integration = edited(server.write_integration, change_auth)


@fault(breaks=("INC-1",))
def always_included(server: Behaviours) -> None:
    """Integrations are included even where they were not requested."""
    server.wants_integrations = lambda _call: True


@fault(breaks=("INC-1",))
def always_included_on_get(server: Behaviours) -> None:
    """Get includes the integration even where it was not requested."""
    wanted = server.wants_integrations
    server.wants_integrations = lambda call: call.operation == "get" or wanted(call)


@fault(breaks=("INC-2",))
def included_by_identifier(server: Behaviours) -> None:
    """The list includes integrations under their identifiers."""
    key = server.include_key
    server.include_key = lambda call, document: document.identifier if call.operation == "list" else key(call, document)


@fault(breaks=("INC-2",))
def included_without_creator(server: Behaviours) -> None:
    """The list includes integrations without a creator."""
    server.write_integration = edited(server.write_integration, lambda document: document.pop("creator"), {"list"})


@fault(breaks=("INC-2",), also=("INC-4",))
def included_in_an_unknown_state(server: Behaviours) -> None:
    """An included integration has an unknown state."""

    def change(document: Document) -> None:
        if document["state"]["current"] == "verifying":
            document["state"]["current"] = "checking"

    server.write_integration = edited(server.write_integration, change)


@fault(breaks=("INC-2",), also=("INC-4",))
def option_with_text_default(server: Behaviours) -> None:
    """The default of an advanced option of type int is a string."""

    def change(document: Document) -> None:
        definition = (document.get("meta") or {}).get("definition") or {}
        for option in (definition.get("extended_configuration") or {}).get("options") or ():
            if option["type"] == "int":
                option["default"] = str(option["default"])

    server.write_integration = edited(server.write_integration, change)


@fault(breaks=("INC-3",), also=("INC-4",))
def identifiers_do_not_resolve(server: Behaviours) -> None:
    """An integration that is referenced by identifier is not included."""
    resolve = server.resolve
    server.resolve = lambda call, backups: [
        integration
        for integration in resolve(call, backups)
        if any(backup.integration == integration.id for backup in backups)
    ]


@fault(breaks=("INC-3",))
def one_included_for_all(server: Behaviours) -> None:
    """The list includes only the first integration."""
    resolve = server.resolve
    server.resolve = lambda call, backups: resolve(call, backups)[: 1 if call.operation == "list" else None]


@fault(breaks=("INC-3",), also=("INC-5",))
def only_first_page_is_resolved(server: Behaviours) -> None:
    """Every page includes the integrations of the first page."""
    resolve = server.resolve

    def stale(call: Call, backups: list[Backup]) -> list[Integration]:
        if call.operation == "list" and call.query.get("page[number]", "1") != "1":
            size = server.parse_page(call)[1]
            backups = server.page(call, server.order(call, server.visible(call), server.parse_sort(call)), 1, size)
        return resolve(call, backups)

    server.resolve = stale


@fault(breaks=("INC-4",))
def get_includes_nothing(server: Behaviours) -> None:
    """Get ignores the include."""
    wanted = server.wants_integrations
    server.wants_integrations = lambda call: call.operation != "get" and wanted(call)


@fault(breaks=("INC-4",))
def get_includes_by_name(server: Behaviours) -> None:
    """Get includes the integration under its name."""
    key = server.include_key
    server.include_key = lambda call, document: (
        str(document.document["name"]) if call.operation == "get" else key(call, document)
    )


@fault(breaks=("INC-5",))
def all_integrations_included(server: Behaviours) -> None:
    """Every integration of the hub is included."""
    server.resolve = lambda call, _backups: [
        integration for integration in call.store.integrations if integration.hub_id == call.hub_id
    ]


@fault(breaks=("INC-5",))
def get_includes_those_of_the_container(server: Behaviours) -> None:
    """Get includes the integrations of all backups of the container."""
    resolve = server.resolve
    server.resolve = lambda call, backups: resolve(call, server.visible(call) if call.operation == "get" else backups)


@fault(breaks=("INC-6",), also=("HTTP-3",))
def unknown_include_breaks_down(server: Behaviours) -> None:
    """An unknown include is a 500."""
    wanted = server.wants_integrations

    def fragile(call: Call) -> bool:
        if set(call.query.get("include", "integrations").split(",")) - {"integrations", ""}:
            raise RuntimeError("crash of a fault")
        return wanted(call)

    server.wants_integrations = fragile


@fault(breaks=("INC-7",))
def secret_in_clear(server: Behaviours) -> None:
    """The secret of an integration is in clear."""
    _auth(server, lambda auth: auth.update({"secret": "wJalrXUtnFEMIK7MDENGbPxRfiCY"}))


@fault(breaks=("INC-7",))
def api_key_half_masked(server: Behaviours) -> None:
    """The mask of an API key shows its first eight characters."""
    _auth(server, lambda auth: auth.update(api_key="sk-live-************************"))


@fault(breaks=("INC-7",))
def config_in_clear(server: Behaviours) -> None:
    """The base64 configuration of an integration is in clear."""
    _auth(server, lambda auth: auth.update(base64_config="eyJ0eXBlIjoic2VydmljZV9hY2NvdW50In0="))


@fault(breaks=("INC-8",))
def included_from_any_hub(server: Behaviours) -> None:
    """An identifier also resolves to an integration of another hub."""

    def resolve(call: Call, backups: list[Backup]) -> list[Integration]:
        wanted = {backup.integration for backup in backups}
        return [
            integration
            for integration in call.store.integrations
            if not wanted.isdisjoint((integration.id, integration.identifier))
        ]

    server.resolve = resolve


@fault(breaks=("INC-8",))
def public_integration_of_another_hub(server: Behaviours) -> None:
    """An included integration created by the platform has another hub id."""
    other = server.store.fixtures.other_hub_id

    def change(document: Document) -> None:
        if document["creator"]["type"] == "platform":
            document["hub_id"] = other

    server.write_integration = edited(server.write_integration, change)


@fault(breaks=("INC-1",))
def any_include_includes(server: Behaviours) -> None:
    """Any include value includes integrations."""
    server.wants_integrations = lambda call: bool(call.query.get("include"))


@fault(breaks=("INC-3",), also=("INC-5",))
def resolved_before_sorting(server: Behaviours) -> None:
    """A sorted page includes the integrations of the unsorted page."""
    resolve = server.resolve

    def unsorted(call: Call, backups: list[Backup]) -> list[Integration]:
        if call.operation == "list" and "sort" in call.query:
            number, size = server.parse_page(call)
            backups = server.page(call, server.visible(call), number, size)
        return resolve(call, backups)

    server.resolve = unsorted


@fault(breaks=("INC-7",))
def config_decoded(server: Behaviours) -> None:
    """The configuration of an integration is shown decoded."""
    _auth(server, lambda auth: auth.update(base64_config='{"private_key":"MIIEvQIBADANBgkq"}'))


@fault(breaks=("INC-7",))
def last_six_show(server: Behaviours) -> None:
    """The mask of a secret shows its last six characters."""
    _auth(server, lambda auth: auth.update({"secret": "**************RfiCY7"}))


@fault(breaks=("INC-2",), also=("INC-3", "INC-4", "INC-5", "INC-8"))
def included_as_an_array(server: Behaviours) -> None:
    """The included integrations are an array, not an object by id."""
    includes = server.includes

    def listed(call: Call, backups: list[Backup]) -> dict[str, object] | None:
        included = includes(call, backups)
        return {"integrations": list(included["integrations"].values())} if included else included

    server.includes = listed


@fault(breaks=("INC-1",))
def referenced_ids_are_included_unasked(server: Behaviours) -> None:
    """Where nothing was requested, `includes.integrations` is an array of the referenced ids."""
    includes = server.includes
    server.includes = lambda call, backups: (
        includes(call, backups) or {"integrations": sorted({backup.integration for backup in backups})}
    )


@fault(breaks=("INC-7",))
def mask_shows_five(server: Behaviours) -> None:
    """The mask of an API key shows its first five characters and an ellipsis."""
    _auth(server, lambda auth: auth.update(api_key="ak-9f…"))


@fault(breaks=("INC-2", "INC-4"))
def included_under_both_names(server: Behaviours) -> None:
    """An integration is included under its id and once more under its identifier."""
    includes = server.includes

    def twice(call: Call, backups: list[Backup]) -> Document | None:
        document = includes(call, backups)
        if document:
            included = document["integrations"]
            included.update({integration["identifier"]: integration for integration in [*included.values()]})
        return document

    server.includes = twice
