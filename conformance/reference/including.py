"""What is included beside the data: the integrations that the backups refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.reference.call import Call
    from conformance.reference.world import Backup, Integration


def include_wanted(call: Call) -> bool:
    """Were integrations asked for? Values that we do not know are ignored."""
    return "integrations" in call.query.get("include", "").split(",")


def resolve(call: Call, backups: list[Backup]) -> list[Integration]:
    """The integrations of the hub that the backups refer to, by id or by identifier."""
    wanted = {backup.integration for backup in backups}
    return [
        integration
        for integration in call.world.integrations
        if integration.hub_id == call.hub_id and not wanted.isdisjoint((integration.id, integration.identifier))
    ]


def include_key(_call: Call, integration: Integration) -> str:
    """The key under which an integration is included."""
    return integration.id


def includes(call: Call, backups: list[Backup]) -> dict[str, Any] | None:
    """The answer's includes, or None where nothing was asked for."""
    server = call.server
    if not server.include_wanted(call):
        return None
    found = server.resolve(call, backups)
    return {"integrations": {server.include_key(call, one): server.write_integration(call, one) for one in found}}
