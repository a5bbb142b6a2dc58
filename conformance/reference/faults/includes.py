"""Faults of what is included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.reference.patching import edited
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Document


def _auth(server: Behaviours, change: Callable[[Document], object]) -> None:
    """Write the auth of an integration differently, where it is there."""

    def change_auth(one: Document) -> None:
        if one.get("auth"):
            change(one["auth"])

    server.write_integration = edited(server.write_integration, change_auth)


@fault(breaks=("INC-1",))
def always_included(server: Behaviours) -> None:
    """Integrations are included whether asked for or not."""
    server.wants_integrations = lambda _call: True


@fault(breaks=("INC-1",))
def always_included_on_get(server: Behaviours) -> None:
    """Get includes the integration whether asked for or not."""
    wanted = server.wants_integrations
    server.wants_integrations = lambda call: call.operation == "get" or wanted(call)


@fault(breaks=("INC-2",))
def included_by_identifier(server: Behaviours) -> None:
    """On list an integration is included under its identifier."""
    key = server.include_key
    server.include_key = lambda call, one: one.identifier if call.operation == "list" else key(call, one)


@fault(breaks=("INC-2",))
def included_without_creator(server: Behaviours) -> None:
    """On list an included integration has no creator."""
    server.write_integration = edited(server.write_integration, lambda one: one.pop("creator"), {"list"})


@fault(breaks=("INC-2",), also=("INC-4",))
def included_in_an_unknown_state(server: Behaviours) -> None:
    """An included integration that is being verified is in a state that does not exist."""

    def change(one: Document) -> None:
        if one["state"]["current"] == "verifying":
            one["state"]["current"] = "checking"

    server.write_integration = edited(server.write_integration, change)


@fault(breaks=("INC-2",), also=("INC-4",))
def option_with_text_default(server: Behaviours) -> None:
    """The default of an advanced option of type int is a string."""

    def change(one: Document) -> None:
        definition = (one.get("meta") or {}).get("definition") or {}
        for option in (definition.get("extended_configuration") or {}).get("options") or ():
            if option["type"] == "int":
                option["default"] = str(option["default"])

    server.write_integration = edited(server.write_integration, change)


@fault(breaks=("INC-3",), also=("INC-4",))
def identifiers_do_not_resolve(server: Behaviours) -> None:
    """An integration that backups refer to by identifier is not included."""
    resolve = server.resolve
    server.resolve = lambda call, backups: [
        one for one in resolve(call, backups) if any(backup.integration == one.id for backup in backups)
    ]


@fault(breaks=("INC-3",))
def one_included_for_all(server: Behaviours) -> None:
    """On list only the first integration is included."""
    resolve = server.resolve
    server.resolve = lambda call, backups: resolve(call, backups)[: 1 if call.operation == "list" else None]


@fault(breaks=("INC-3",), also=("INC-5",))
def only_first_page_is_resolved(server: Behaviours) -> None:
    """The pages from the second on include what the first refers to."""
    resolve = server.resolve

    def stale(call: Call, backups: list[Any]) -> list[Any]:
        if call.operation == "list" and call.query.get("page[number]", "1") != "1":
            size = server.parse_page(call)[1]
            backups = server.page(call, server.order(call, server.visible(call), server.parse_sort(call)), 1, size)
        return resolve(call, backups)

    server.resolve = stale


@fault(breaks=("INC-4",))
def get_includes_nothing(server: Behaviours) -> None:
    """Get includes nothing, even when asked."""
    wanted = server.wants_integrations
    server.wants_integrations = lambda call: call.operation != "get" and wanted(call)


@fault(breaks=("INC-4",))
def get_includes_by_name(server: Behaviours) -> None:
    """On get an integration is included under its name."""
    key = server.include_key
    server.include_key = lambda call, one: str(one.document["name"]) if call.operation == "get" else key(call, one)


@fault(breaks=("INC-5",))
def all_integrations_included(server: Behaviours) -> None:
    """Every integration of the hub is included."""
    server.resolve = lambda call, _backups: [one for one in call.store.integrations if one.hub_id == call.hub_id]


@fault(breaks=("INC-5",))
def get_includes_those_of_the_container(server: Behaviours) -> None:
    """Get includes the integrations of all backups of the container."""
    resolve = server.resolve
    server.resolve = lambda call, backups: resolve(call, server.visible(call) if call.operation == "get" else backups)


@fault(breaks=("INC-6",), also=("HTTP-3", "LIST-10"))
def unknown_include_breaks_down(server: Behaviours) -> None:
    """An include that is not known is a 500."""
    wanted = server.wants_integrations

    def fragile(call: Call) -> bool:
        if set(call.query.get("include", "integrations").split(",")) - {"integrations", ""}:
            raise RuntimeError("a fault breaks down here")
        return wanted(call)

    server.wants_integrations = fragile


@fault(breaks=("INC-7",))
def secret_in_clear(server: Behaviours) -> None:
    """The secret of an integration is shown."""
    _auth(server, lambda auth: auth.update({"secret": "wJalrXUtnFEMIK7MDENGbPxRfiCY"}))


@fault(breaks=("INC-7",))
def api_key_half_masked(server: Behaviours) -> None:
    """The mask of an API key leaves its first eight characters."""
    _auth(server, lambda auth: auth.update(api_key="sk-live-************************"))


@fault(breaks=("INC-7",))
def config_in_clear(server: Behaviours) -> None:
    """The configuration of an integration is shown as it is, in base64."""
    _auth(server, lambda auth: auth.update(base64_config="eyJ0eXBlIjoic2VydmljZV9hY2NvdW50In0="))


@fault(breaks=("INC-8",))
def included_from_any_hub(server: Behaviours) -> None:
    """An identifier that is taken in another hub as well resolves to the integration there too."""

    def resolve(call: Call, backups: list[Any]) -> list[Any]:
        wanted = {backup.integration for backup in backups}
        return [one for one in call.store.integrations if not wanted.isdisjoint((one.id, one.identifier))]

    server.resolve = resolve


@fault(breaks=("INC-8",))
def public_integration_of_another_hub(server: Behaviours) -> None:
    """An integration made by the platform says that it is of another hub."""
    other = server.store.fixtures.other_hub_id

    def change(one: Document) -> None:
        if one["creator"]["type"] == "platform":
            one["hub_id"] = other

    server.write_integration = edited(server.write_integration, change)


@fault(breaks=("INC-1",))
def any_include_includes(server: Behaviours) -> None:
    """Whatever include is asked for, integrations come."""
    server.wants_integrations = lambda call: bool(call.query.get("include"))


@fault(breaks=("INC-3",), also=("INC-5",))
def resolved_before_sorting(server: Behaviours) -> None:
    """A sorted page includes what the same page refers to without the sort."""
    resolve = server.resolve

    def unsorted(call: Call, backups: list[Any]) -> list[Any]:
        if call.operation == "list" and "sort" in call.query:
            number, size = server.parse_page(call)
            backups = server.page(call, server.visible(call), number, size)
        return resolve(call, backups)

    server.resolve = unsorted


@fault(breaks=("INC-7",))
def config_decoded(server: Behaviours) -> None:
    """The configuration of an integration is shown as what it decodes to."""
    _auth(server, lambda auth: auth.update(base64_config='{"private_key":"MIIEvQIBADANBgkq"}'))


@fault(breaks=("INC-7",))
def last_six_show(server: Behaviours) -> None:
    """The mask of a secret leaves its last six characters."""
    _auth(server, lambda auth: auth.update({"secret": "**************RfiCY7"}))
