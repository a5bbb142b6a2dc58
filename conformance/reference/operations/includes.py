"""Includes: the integrations that the backups of a response refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.reference.core import Call
    from conformance.reference.data.store import Backup, Integration


def wants_integrations(call: Call) -> bool:
    """Whether the request asks for integrations. Unknown values are ignored."""
    return "integrations" in call.query_list("include")


def resolve(call: Call, backups: list[Backup]) -> list[Integration]:
    """The integrations of the hub that the backups refer to, by id or by identifier."""
    references = {backup.integration for backup in backups}
    return [
        integration
        for integration in call.store.integrations
        if integration.hub_id == call.hub_id and not references.isdisjoint((integration.id, integration.identifier))
    ]


def include_key(_call: Call, integration: Integration) -> str:
    """The key of an included integration."""
    return integration.id


def includes(call: Call, backups: list[Backup]) -> dict[str, object] | None:
    """The includes of a response, or None where none were requested."""
    server = call.server
    if not server.wants_integrations(call):
        return None
    integrations = server.resolve(call, backups)
    return {
        "integrations": {
            server.include_key(call, integration): server.write_integration(call, integration)
            for integration in integrations
        }
    }
