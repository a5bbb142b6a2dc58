"""The sample integrations, from all optional members present to none. Secrets are masked."""

from __future__ import annotations

import hashlib

from conformance.reference.data.store import Document, Integration
from conformance.reference.data.timestamps import ZERO

CREATED = "2025-06-01T08:00:00Z"
UPDATED = "2025-06-02T10:30:00.25+02:00"


def _document(names: tuple[str, str, str], hub_id: str, *, state: str = "live", creator: str = "account") -> Document:
    identifier, name, vendor = names
    return {
        "id": hashlib.sha256(f"integration {hub_id} {identifier}".encode()).hexdigest()[:24],
        "identifier": identifier,
        "name": name,
        "vendor": vendor,
        "creator": {"id": hashlib.sha256(creator.encode()).hexdigest()[:24], "type": creator},
        "hub_id": hub_id,
        "state": {"current": state, "changed": CREATED},
        "events": {"created": CREATED, "updated": ZERO, "deleted": ZERO},
    }


def _full(hub_id: str) -> Document:
    return _document(("archive-eu", "Archive “EU”", "aws-s3"), hub_id) | {
        "auth": {
            "region": "eu-central-1",
            "namespace": "backups",
            "api_key": "****",
            "key_id": "AKIA0000EXAMPLE",
            "secret": "[masked]",
            "subscription_id": "sub-0001",
            "client_id": "client-0001",
            "base64_config": "************Zm9v",
        },
        "extra": {"bucket": "acme-backups", "class": "STANDARD_IA"},
        "meta": {"definition": _definition()},
    }


def _definition() -> dict[str, object]:
    flags = ("supports_verification", "supports_multiple", "public", "usable", "editable", "deprecated")
    return {
        "vendor": "aws-s3",
        "name": "Object storage",
        "url": "https://storage.example.test/docs",
        **{flag: flag != "deprecated" for flag in flags},
        "features": ["backups", "file-storage"],
        "extends": ["object-storage"],
        "extended_configuration": {
            "options": [
                {"title": "Path style", "key": "path_style", "type": "bool", "default": False},
                {"title": "Part size", "key": "part_size", "type": "int", "default": 8388608},
                {"title": "Storage class", "key": "class", "type": "string", "default": None},
                {"title": "Endpoint", "key": "endpoint", "type": "string"},
            ]
        },
        "fields": {
            "extra": {"bucket": {"name": "Bucket", "required": True, "type": "string", "options": None}},
            "auth": {
                "region": {
                    "name": "Region",
                    "required": True,
                    "regex": "^[a-z0-9-]+$",
                    "description": "Where the bucket is",
                    "type": "select",
                    "options": ["eu-central-1", "us-east-1"],
                },
                "secret": {"name": "Secret", "required": True, "regex": None, "type": "blob"},
            },
        },
    }


def _sparse(hub_id: str) -> Document:
    return _document(("cold-storage", "Cold storage", "backblaze"), hub_id, creator="api-key") | {
        "auth": {"region": None, "api_key": None, "secret": "", "key_id": "0011"},
        "extra": None,
        "meta": {
            "definition": {
                "vendor": "backblaze",
                "name": "Cold storage",
                "supports_verification": False,
                "supports_multiple": True,
                "public": True,
                "usable": True,
                "editable": False,
                "features": None,
                "extends": None,
                "extended_configuration": None,
                "fields": {"extra": None, "auth": None},
            }
        },
    }


def _bare(hub_id: str) -> Document:
    return _document(("bare", "Bare", "generic"), hub_id, creator="platform")


def _troubled(hub_id: str) -> Document:
    document = _document(("troubled", "Troubled", "generic"), hub_id, state="verifying", creator="employee")
    document["state"]["error"] = {"message": "the last verification failed", "time": UPDATED}
    document["events"]["updated"] = UPDATED
    return document | {"auth": None, "extra": {}, "meta": None}


def _unused(hub_id: str) -> Document:
    return _document(("unused", "Never used", "generic"), hub_id, state="new", creator="environment") | {"meta": {}}


def sample_integrations(hub_id: str, other_hub_id: str) -> list[Integration]:
    """The integrations of both hubs. Only ids are unique across hubs, so two identifiers occur in both."""
    documents = [make(hub_id) for make in (_full, _sparse, _bare, _troubled, _unused)]
    documents += [make(other_hub_id) for make in (_sparse, _bare)]
    return [Integration(document["id"], document["identifier"], document["hub_id"], document) for document in documents]
