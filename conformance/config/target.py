"""The target as data: what a target file says, once it has been read and checked (`config.target_file`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from conformance.config import urls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.config.secrets import Key
    from conformance.contract.json_types import JsonObject

KEY_NAMES = ("full", "view", "manage", "unrelated", "expired", "other_hub")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys by what they may do; a missing one leaves its clauses not tested."""

    full: Key | None = None
    view: Key | None = None
    manage: Key | None = None
    unrelated: Key | None = None
    expired: Key | None = None
    other_hub: Key | None = None
    other_hub_id: str | None = None

    def get(self, name: str) -> Key | None:
        """The key of that name (one of KEY_NAMES), None where the target file has none."""
        key: Key | None = getattr(self, name)
        return key

    def present(self) -> dict[str, Key]:
        """The keys that the target file has, by name."""
        return {name: key for name in KEY_NAMES if (key := self.get(name)) is not None}


@dataclass(frozen=True, slots=True)
class FixtureIds:
    """The ids that the suite may use; what is left out is discovered or not tested."""

    container_id: str
    backup_id: str | None = None
    instance_id: str | None = None
    second_instance_id: str | None = None
    empty_container_id: str | None = None
    other_container_id: str | None = None
    foreign_backup_id: str | None = None
    foreign_instance_id: str | None = None
    failing_backup_id: str | None = None
    not_live_backup_id: str | None = None
    deletable_backup_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestorePolicy:
    """Whether and how often the suite may start restores."""

    allow: bool = False
    max_restores: int = 10
    timeout_s: float = 120
    poll_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may ask of the target, and how much of a response is read.

    `requests_per_second`: 0 is without a limit; "auto" follows the target's rate-limit headers, 429s and 503s.
    """

    requests_per_second: float | Literal["auto"] = 0
    concurrency: int = 8
    timeout_s: float = 10
    max_body_mb: float = 16
    bad_auth_max: int = 20
    max_values: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Jobs:
    """How a restore is followed: by its job, or by its logs alone."""

    follow: bool = True


@dataclass(frozen=True, slots=True)
class Probe:
    """A command that prints a digest of an instance's data; `{instance_id}` in it is filled in.

    It must end within `timeout_s` seconds.
    """

    command: tuple[str, ...]
    expected: str | None = None
    timeout_s: float = 30


@dataclass(frozen=True, slots=True)
class Claims:
    """Which optional operations the target has: True has them, False has not, None does not say."""

    jobs: bool | None = None
    delete: bool | None = None


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What is sent with every request beside what the contract asks for.

    `correlation`: a `traceparent` header made from the seed, and the ID of the check.
    """

    correlation: bool = False


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that the client presents, and its private key; PEM files, possibly the same one."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Target:
    """The server under test and what a run may do to it."""

    name: str
    base_url: str
    hub_id: str
    fixtures: FixtureIds
    verify_tls: bool | Path = True
    client_cert: ClientCertificate | None = None
    #: The URL of a proxy, which may hold a password: that of the target file, or else the environment's.
    proxy: Key | None = None
    headers: dict[str, Key] = field(default_factory=dict)
    keys: Keys = Keys()
    restore: RestorePolicy = RestorePolicy()
    limits: Limits = Limits()
    jobs: Jobs = Jobs()
    probe: Probe | None = None
    claims: Claims = Claims()
    request: RequestOptions = RequestOptions()
    #: False for a quick run without a target file, whose keys come from the environment.
    from_file: bool = True

    @property
    def default_profile(self) -> Literal["full", "read"]:
        """`full` where the target file allows restores, else `read`."""
        return "full" if self.restore.allow else "read"

    def watch_secrets(self, learn: Callable[[str, str], None]) -> None:
        """Call `learn(label, value)` for every secret of the target file, now and whenever one is fetched."""
        for key in (*self.keys.present().values(), *self.headers.values()):
            key.watch(learn)
        if self.proxy is not None and (password := urls.parse(self.proxy.reveal()).password):
            learn("proxy password", password)

    def without_keys(self) -> JsonObject:
        """The target as reports may show it: of a key, whether there is one; of a header, its name."""
        present = self.keys.present()
        return {
            "name": self.name,
            "base_url": self.base_url,
            "hub_id": self.hub_id,
            "verify_tls": self.verify_tls if isinstance(self.verify_tls, bool) else str(self.verify_tls),
            "client_cert": self.client_cert is not None,
            "proxy": self.proxy is not None,
            "headers": sorted(self.headers),
            "keys": {name: "given" if name in present else "missing" for name in KEY_NAMES},
            "other_hub_id": self.keys.other_hub_id,
            "fixtures": {**asdict(self.fixtures), "deletable_backup_ids": list(self.fixtures.deletable_backup_ids)},
            "restore": asdict(self.restore),
            "limits": asdict(self.limits),
            "jobs": asdict(self.jobs),
            "claims": asdict(self.claims),
            "request": asdict(self.request),
            "probe": self.probe is not None,
        }
