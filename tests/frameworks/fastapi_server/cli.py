"""The command line: starts the server, tells where it listens, and writes the target file for it."""

import argparse
import json
import socket
import sys
from pathlib import Path

import uvicorn

from . import digest, faults
from .app import build_app
from .seed import HUB, OTHER_HUB, Seed, build_seed, key

Table = dict[str, object]


class Server(uvicorn.Server):
    """Tells where it listens as soon as it does."""

    def __init__(self, config: uvicorn.Config, base_url: str) -> None:
        super().__init__(config)
        self.base_url = base_url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(json.dumps({"base_url": self.base_url}) + "\n")
        sys.stdout.flush()


def target_tables(base_url: str, fixtures: Table, state: Path) -> dict[str, Table]:
    """The target file, by table."""
    names = ("full", "view", "manage", "unrelated", "expired")
    keys: Table = {name: key(name) for name in names}
    probe = [sys.executable, str(Path(digest.__file__).resolve()), str(state / "instances"), "{instance_id}"]
    expected = digest.digest_of(state / "backups" / str(fixtures["backup_id"]))
    return {
        "target": {"name": "fastapi", "base_url": base_url, "hub_id": HUB},
        "keys": {**keys, "other_hub": key("other-hub"), "other_hub_id": OTHER_HUB},
        "fixtures": fixtures,
        "restore": {"allow": True, "max_restores": 60, "timeout_s": 15, "poll_s": 0.1},
        "jobs": {"follow": True},
        "claims": {"jobs": True, "delete": True},
        "probe": {"command": probe, "expected": expected},
    }


def as_toml(tables: dict[str, Table]) -> str:
    """Strings, numbers, booleans and lists of strings are written in TOML as in JSON."""
    lines = []
    for name, members in tables.items():
        lines += [f"[{name}]", *(f"{member} = {json.dumps(value)}" for member, value in members.items()), ""]
    return "\n".join(lines)


def serve(arguments: argparse.Namespace, seed: Seed, fixtures: Table) -> None:
    """Serve until a signal ends it."""
    state: Path = arguments.state.resolve()
    seed.write(state)
    listener = socket.create_server(("127.0.0.1", arguments.port))
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if arguments.write_target:
        arguments.write_target.write_text(as_toml(target_tables(base_url, fixtures, state)), encoding="utf-8")
    app = build_app(seed.store, state, arguments.job_seconds)
    # Clients keep connections longer than uvicorn's default, and would find them closed.
    config = uvicorn.Config(app, http="h11", log_level="warning", timeout_keep_alive=75, timeout_graceful_shutdown=2)
    Server(config, base_url).run(sockets=[listener])


def parse() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="fastapi_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--state", type=Path, help="the folder for the data of instances and backups")
    parser.add_argument("--write-target", type=Path, metavar="FILE")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="may be given several times")
    parser.add_argument("--job-seconds", type=float, default=0.2, help="how long a job takes")
    parser.add_argument("--list-faults", action="store_true")
    arguments = parser.parse_args()
    if not arguments.list_faults and arguments.state is None:
        parser.error("--state is required")
    return arguments


def main() -> None:
    """Serve, or list the faults."""
    arguments = parse()
    if arguments.list_faults:
        listed = {name: fault._asdict() for name, fault in faults.CATALOGUE.items()}
        sys.stdout.write(json.dumps(listed, indent=2) + "\n")
        return
    faults.switch_on(arguments.fault)
    seed, fixtures = build_seed()
    serve(arguments, seed, dict(fixtures))
