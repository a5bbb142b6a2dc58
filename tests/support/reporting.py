"""Results dicts for the tests of the writers: green, red, hostile, and any mix of outcomes."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from conformance.contract import catalogue
from conformance.judging.outcomes import Outcome
from conformance.results import verdicts
from conformance.results.model import FORMAT

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "left \u202egnp.exe\u202c right\u200f\u2066",
    "nul \x00 bell \x07 escape \x1b[31mred\x1b[0m \x1b]8;;http://evil.test\x07link\x1b]8;;\x07 csi \x9b31m",
    "surrogates \ud800 \udfff, noncharacters \ufffe \uffff, mark \ufeff",
    "]]></failure><failure>",
    "| a | b |\n\n# heading\n```\n@everyone $x$ [l](javascript:alert(1)) ![i](http://evil.test/i.png) https://evil.test",
    "{{ 7 * 7 }} {% raw %} [bold red]markup[/] \\",
    "-->\r\n\u2028line\u2029paragraph",
    "x" * 100_000,
)

CONTAINER, BACKUP = "651586fca6078e98982dbd91", "651586fca6078e98982dbd92"
_URL = f"https://api.example.test/v1/containers/{CONTAINER}/backups"
_HINTS = (
    "set fixtures.failing_backup_id",
    "set keys.expired",
    "set probe.command",
    "the read profile sends no restores",
    "no fixtures.deletable_backup_ids are offered",
)


def backup(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A backup as a target answers it."""
    value = {
        "id": f"{0x651586FCA6078E98982DBD92 + number:024x}",
        "hub_id": "651586fca6078e98982dbd90",
        "container_id": CONTAINER,
        "instance_id": "651586fca6078e98982dbd93",
        "target": {"integration_id": "s3-main", "path": "/b/1", "file_id": f"f-{number}", "size": 3221225472},
        "state": {"current": "live", "changed": "2024-02-01T10:00:00Z"},
        "events": {
            "created": "2024-02-01T09:58:00Z",
            "updated": "2024-02-01T10:00:00Z",
            "deleted": "0001-01-01T00:00:00Z",
        },
    }
    return {**value, **changes}


def exchange(
    operation: str = "get",
    key: str = "view",
    status: int | None = 200,
    body: str | None = None,
    *,
    method: str = "GET",
    sent: str | None = None,
) -> dict[str, Any]:
    """A recorded exchange; without a status no answer came."""
    url = _URL if operation == "list" else f"{_URL}/{BACKUP}"
    url += {"logs": "/logs", "restore": "/tasks"}.get(operation, "")
    body = json.dumps({"data": backup()}, separators=(",", ":")) if body is None else body
    data = f" -d '{sent}'" if sent else ""
    record: dict[str, Any] = {
        "key": key,
        "operation": operation,
        "request": {
            "method": method,
            "url": url,
            "headers": {"Authorization": f"Bearer <{key} key>", "X-Hub-Id": "651586fca6078e98982dbd90"},
            "body": sent,
        },
        "response": None,
        "curl": f'curl -sS -i -X {method} "{url}" -H "Authorization: Bearer $BACKUPS_KEY_{key.upper()}"{data}',
        "seen": None,
    }
    if status is None:
        return {**record, "failure": "timeout after 10 s"}
    record["response"] = {
        "status": status,
        "headers": {"content-type": "application/json", "date": "Thu, 01 Feb 2024 10:00:00 GMT"},
        "body": body,
        "body_bytes": len(body),
        "body_sha256": "0" * 64,
        "body_cut": False,
        "elapsed_s": 0.0123,
    }
    return record


def finding(outcome: Outcome, wanted: str, got: str, pointer: str | None = None, **more: Any) -> dict[str, Any]:
    """A finding about the check's first exchange."""
    return {
        "outcome": outcome.value,
        "wanted": wanted,
        "got": got,
        "pointer": pointer,
        "exchange": 0,
        "places": 1,
        **more,
    }


def check(clause: catalogue.Clause, operation: str, outcome: Outcome, **more: Any) -> dict[str, Any]:
    """The record of one check, with evidence where it is not green."""
    record: dict[str, Any] = {
        "id": f"{clause.id}/{operation}",
        "operation": operation,
        "outcome": outcome.value,
        "reason": "",
        "duration_s": 0.042,
        "findings": [],
        "exchanges": [],
        "timeline": [],
        "requests": 3,
    }
    if outcome in (Outcome.FAILED, Outcome.WARNED, Outcome.WAIVED):
        severity = Outcome.FAILED if outcome is Outcome.WAIVED else outcome
        record["findings"] = [finding(severity, "status 403", "status 200", "/data/id")]
        record["exchanges"] = [exchange(operation)]
        record["reason"] = "wanted status 403, got status 200 at /data/id"
    if outcome is Outcome.ERROR:
        record["exchanges"] = [exchange(operation, status=None)]
        record["reason"] = "no answer: timeout after 10 s"
    return {**record, **more}


def clause_row(clause: catalogue.Clause, outcome: Outcome, **more: Any) -> dict[str, Any]:
    """A clause's row with one check for each operation, of which the first has the outcome."""
    operations = clause.operations if outcome is not Outcome.NOT_TESTED else ()
    tested = [outcome, *[Outcome.PASSED] * (len(operations) - 1)]
    checks = [check(clause, name, came) for name, came in zip(operations, tested, strict=False)]
    reason = checks[0]["reason"] if checks else _HINTS[sum(map(ord, clause.id)) % len(_HINTS)]
    row = {
        "id": clause.id,
        "level": clause.level,
        "chapter": clause.chapter,
        "operation": ", ".join(clause.operations),
        "title": clause.text,
        "source": clause.source,
        "errata": clause.errata,
        "should": clause.should,
        "applies": True,
        "outcome": outcome.value,
        "reason": reason,
        "checks": checks,
    }
    return {**row, **more}


def results(
    outcomes: Mapping[str, Outcome] | None = None, *, strict: bool = False, edition: str | None = None, **run: Any
) -> Any:
    """A whole results dict; clauses that are not named have passed."""
    outcomes = outcomes or {}
    rows = [clause_row(clause, outcomes.get(clause.id, Outcome.PASSED)) for clause in catalogue.load()]
    built = {
        "format": FORMAT,
        "suite": {"version": "0.1.0", "schemas_sha256": "a" * 64, "catalogue_sha256": catalogue.load().sha256},
        "target": {
            "name": "staging-eu",
            "base_url": "https://api.example.test",
            "hub_id": "651586fca6078e98982dbd90",
        },
        "run": {**_run(strict=strict), **run},
        "waivers": [
            {
                "clause": row["id"],
                "reason": "mended in 2.4",
                "expires": "2026-12-31",
                "ticket": "OPS-7",
                "state": "used",
            }
            for row in rows
            if row["outcome"] == Outcome.WAIVED
        ],
        "notes": ["unknown member /data/region in the answer to get"],
        "keys": {"full": "accepted", "view": "accepted", "manage": "accepted", "expired": "missing"},
        "matrix": matrix(),
        "latency": latency(),
        "errata": [{"id": clause.id, "errata": clause.errata} for clause in catalogue.load() if clause.errata],
        "clauses": rows,
    }
    if edition is not None:
        built["edition"] = edition
        for row in rows:
            row.update({} if catalogue.load().decides(row["id"], edition) else {"decides": False})
    return judged(built)


def judged(built: dict[str, Any]) -> Any:
    """The results with summary and verdict made from their clause rows."""
    run = built["run"]
    return {**built, **verdicts.judge(built["clauses"], strict=run["strict"], interrupted=run["interrupted"])}


def of_clauses(*rows: Any) -> Any:
    """Results that have no other clauses than these."""
    return {**green(), "clauses": list(rows)}


def matrix() -> list[dict[str, Any]]:
    """Who may do what, with one cell that is not as wanted."""
    wanted = {
        ("full", "own"): "allowed allowed allowed allowed",
        ("view", "own"): "allowed allowed refused allowed",
        ("view", "missing"): "refused refused refused refused",
        ("manage", "own"): "refused refused allowed refused",
        ("unrelated", "own"): "refused refused refused refused",
        ("other_hub", "other hub"): "refused refused refused refused",
    }
    rows = []
    for (key, resource), words in wanted.items():
        for operation, want in zip(("list", "get", "restore", "logs"), words.split(), strict=True):
            statuses = {"202" if operation == "restore" else "200": 3} if want == "allowed" else {"403": 2}
            if (key, operation) == ("view", "restore"):
                statuses = {"202": 1, "403": 1}
            row = {"key": key, "operation": operation, "resource": resource, "wanted": want, "statuses": statuses}
            rows.append(row)
    return rows


def latency() -> list[dict[str, Any]]:
    """Two operations, of which one is slow at times."""
    slow = [[0.01, 3], [0.0147, 60], [0.0215, 30], [1.0, 2]]
    common = {"p50_s": 0.0131, "p95_s": 0.019}
    return [
        {"operation": "get", "count": 1, "max_s": 0.0131, "buckets": [[0.0147, 1]], **common},
        {"operation": "list", "count": 95, "max_s": 0.912, "buckets": slow, **common},
    ]


def green() -> Any:
    """All passed but for what the target does not offer."""
    return results(dict.fromkeys(("RST-8", "RST-9", "AUTH-3", "DEL-1", "DEL-2", "DEL-3", "DEL-4"), Outcome.NOT_TESTED))


def mixed(seed: int, *, strict: bool = False) -> Any:
    """Any mix of outcomes."""
    chance = random.Random(seed)
    outcomes = list(Outcome)[: 1 + seed % 6] if seed % 7 else list(Outcome)
    return results({clause.id: chance.choice(outcomes) for clause in catalogue.load()}, strict=strict)


def red() -> Any:
    """A target that breaks much, with every kind of evidence."""
    built = results(
        {
            **dict.fromkeys(("CAP-4", "LIST-2", "ERR-1", "RST-5", "HTTP-1"), Outcome.FAILED),
            **dict.fromkeys(("CAP-8", "RST-2"), Outcome.ERROR),
            **dict.fromkeys(("LIST-6", "GET-4", "INC-7"), Outcome.WARNED),
            "AUTH-4": Outcome.WAIVED,
            **dict.fromkeys(("RST-8", "RST-9", "RST-4", "DEL-1", "DEL-2", "DEL-3", "DEL-4"), Outcome.NOT_TESTED),
        },
        restores_maybe_running=[
            {"job_id": "6516a1b2c3", "backup_id": BACKUP, "instance_id": "i-1", "since": "2026-03-01T10:00:02Z"}
        ],
        throttled={"count": 3, "waited_s": 4.5},
    )
    built["waivers"].append(
        {"clause": "LIST-8", "reason": "null for no backups", "expires": "2026-12-31", "state": "stale"}
    )
    rows = {row["id"]: row for row in built["clauses"]}
    _tell(rows["CAP-4"], "status 403", "status 202", None, _restore_allowed())
    items = [backup(number) for number in range(60)]
    items[41]["container_id"] = "651586fca6078e98982dbdff"
    listed = json.dumps({"data": items})
    _tell(
        rows["LIST-2"],
        f'"{CONTAINER}"',
        '"651586fca6078e98982dbdff"',
        "/data/41/container_id",
        exchange("list", body=listed),
    )
    envelope = json.dumps({"error": {"status": 404, "code": "404.container.backup", "title": "no such backup"}})
    _tell(rows["ERR-1"], "member data: null", "no member data", "", exchange(status=404, body=envelope), places=14)
    page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    broken = exchange("logs", body=page)
    broken["response"]["headers"]["content-type"] = "text/html"
    _tell(rows["HTTP-1"], "application/json", "text/html", None, broken)
    rows["RST-5"]["checks"][0]["timeline"] = [
        {"t_s": 0.0, "what": "restore(backup, instance)", "answer": "202", "concluded": "job 6516a1b2c3 accepted"},
        {"t_s": 0.21, "what": "job(6516a1b2c3)", "answer": "200 running", "concluded": None},
        {"t_s": 1.22, "what": "job(6516a1b2c3)", "answer": "200 completed", "concluded": "terminal"},
        {"t_s": 1.43, "what": "job(6516a1b2c3)", "answer": "200 running", "concluded": "left a terminal state"},
    ]
    rows["CAP-8"]["reason"] = "inconclusive: CAP-4 failed first on restore as view"
    return built


def hostile(text: str) -> Any:
    """A red run in which everything that can be foreign is that text."""
    built = red()
    built["notes"] = [text]
    built["target"]["name"] = built["target"]["base_url"] = text
    built["keys"]["view"] = f"refused: {text}"
    built["run"].update(interrupted=True, interruption=text, command=f"backups-conformance run --target {text}")
    built["run"]["restores_maybe_running"][0].update(job_id=text, instance_id=text)
    built["matrix"][0]["statuses"] = {text or "200": 1}
    for waiver in built["waivers"]:
        waiver.update(reason=text, ticket=text)
    for row in built["clauses"]:
        row["reason"] = row["reason"] and text
        for record in row["checks"]:
            _poison(record, text)
    return built


def parse_xml(document: str) -> ElementTree.Element:
    """The root of a document as a CI system reads it, from its bytes."""
    return ElementTree.fromstring(document.encode())  # noqa: S314 -- whether it can be trusted is what is tested


def _run(*, strict: bool) -> dict[str, Any]:
    return {
        "id": "0192f0c1",
        "started": "2026-03-01T10:00:00Z",
        "finished": "2026-03-01T10:00:12.300Z",
        "duration_s": 12.3,
        "seed": 1,
        "examples": 25,
        "profile": "full",
        "requests": 1234,
        "restores_accepted": 4,
        "python": "3.12.3",
        "platform": "Linux x86_64",
        "versions": {"hypothesis": "6.131.0", "schemathesis": "4.1.0"},
        "selection": {"only": [], "skip": []},
        "strict": strict,
        "interrupted": False,
        "interruption": "",
        "problem": "",
        "subjects": [],
        "waivers_sha256": None,
        "throttled": {"count": 0, "waited_s": 0.0},
        "command": "backups-conformance run --target staging-eu.toml --seed 1",
        "restores_maybe_running": [],
    }


def _restore_allowed() -> dict[str, Any]:
    job = {
        "id": "6516a1b2c3d4e5f60718293a",
        "accepted": True,
        "queue": "backups",
        "schedule": "0001-01-01T00:00:00Z",
        "parallel": {"tasks": False},
        "tasks": None,
    }
    sent = json.dumps({"action": "restore", "contents": {"instance_id": "651586fca6078e98982dbd93"}})
    answer = json.dumps({"data": {"action": "restore", "job": job}})
    return {**exchange("restore", "view", 202, answer, method="POST", sent=sent), "seen": "2 of 2"}


def _tell(row: dict[str, Any], wanted: str, got: str, pointer: str | None, came: dict[str, Any], **more: Any) -> None:
    """Makes the row's first check fail in this way."""
    first = row["checks"][0]
    outcome = Outcome(first["outcome"])
    first["findings"] = [finding(outcome, wanted, got, pointer, **more)]
    first["exchanges"] = [came]
    where = f" at {pointer}" if pointer else ""
    first["reason"] = row["reason"] = f"wanted {wanted}, got {got}{where}"


def _poison(record: dict[str, Any], text: str) -> None:
    record["reason"] = record["reason"] and text
    for row in record["findings"]:
        row.update(wanted=text, got=text, pointer=text)
    for moment in record["timeline"]:
        moment.update(what=text, answer=text, concluded=text)
    for exchange in record["exchanges"]:
        exchange.update(curl=f"curl {text}", seen=text)
        exchange["request"].update(url=text, headers={text or "X": text}, body=text)
        if exchange["response"]:
            exchange["response"].update(headers={text or "X": text}, body=text)
        else:
            exchange["failure"] = text
