"""What can be switched to wrong in this server: mistakes that authors of FastAPI services make.

Faults belong to the process: they are switched on once, before the application is built.
"""

from typing import Literal, NamedTuple


class Fault(NamedTuple):
    """One mistake, the clauses of the contract that it breaks, and how hard."""

    clauses: list[str]
    level: Literal["MUST", "SHOULD"]
    about: str


CATALOGUE: dict[str, Fault] = {
    "bearer-403": Fault(
        ["AUTH-1"], "MUST", "A request without credentials is answered 403, as the framework's HTTPBearer long did."
    ),
    "body-before-auth": Fault(
        ["CAP-9"], "SHOULD", "The body is an endpoint parameter, so the framework refuses broken JSON before the key."
    ),
    "compare-digest-500": Fault(
        ["HTTP-3", "AUTH-2"], "MUST", "secrets.compare_digest raises TypeError for a key that is not ASCII."
    ),
    "decimal-size": Fault(["GET-1", "LIST-1"], "MUST", "Sizes are Decimal, which pydantic writes as a string in JSON."),
    "detail-shape": Fault(
        ["ERR-1"], "MUST", "No handler for RequestValidationError: a bad body is answered with the framework's detail."
    ),
    "echo-surrogate-500": Fault(
        ["HTTP-3"], "MUST", "A validation error quotes the input, and a lone surrogate in it cannot be encoded."
    ),
    "encoded-slash": Fault(
        ["GET-6"], "SHOULD", "The path is decoded before it is routed, so %2F in an id separates segments."
    ),
    "envelope-status": Fault(
        ["ERR-2", "ERR-3"], "MUST", "The envelope of a validation error says 400 in a response with status 422."
    ),
    "islice-500": Fault(
        ["HTTP-3", "LIST-10"], "MUST", "A page number beyond sys.maxsize is given to islice, which raises ValueError."
    ),
    "like-delete": Fault(
        ["DEL-5"], "MUST", "Deletes whatever file begins like the backup's, so snap-1 takes snap-10 with it."
    ),
    "log-twice": Fault(["RST-2"], "MUST", "The log is written on success and once more in the finally block."),
    "logs-without-hub": Fault(
        ["AUTH-6"], "MUST", "The query for logs has no hub in its condition: any hub's key reads them by id."
    ),
    "naive-log-times": Fault(
        ["LOG-1"], "MUST", "A restore's log gets datetime.now() without a zone, which is written without an offset."
    ),
    "never-awaited": Fault(["RST-1"], "MUST", "The restore's coroutine is created and never scheduled."),
    "none-as-null": Fault(
        ["HTTP-10"], "SHOULD", "Without response_model_exclude_none a state without an error has error: null."
    ),
    "object-id-500": Fault(
        ["HTTP-3", "GET-6"], "MUST", "A backup id is converted without a guard, so one that is not hex raises."
    ),
    "raw-path-gate": Fault(
        ["AUTH-10"],
        "MUST",
        "The gate matches the raw path, the router the decoded one: %62ackups for backups opens it.",
    ),
    "redirect-slashes": Fault(
        ["HTTP-9"], "MUST", "The list is declared with a trailing slash, and the framework redirects to it with 307."
    ),
    "router-errors": Fault(
        ["ERR-5", "HTTP-5"],
        "SHOULD",
        "The handler is for FastAPI's own HTTPException, so the router's 404 and 405 keep the default shape.",
    ),
    "scheme-case": Fault(["AUTH-8"], "SHOULD", "The scheme is cut off with a case-sensitive removeprefix."),
    "shared-includes": Fault(
        ["INC-5"], "SHOULD", "Includes are collected in a mutable default argument and never forgotten."
    ),
    "sorted-unpaged": Fault(
        ["LIST-4", "LIST-5"], "MUST", "A sorted list is returned from a branch that forgets to cut the page."
    ),
    "swallowed-error": Fault(
        ["RST-4"], "MUST", "The worker catches the restore's exception, logs it on the server and goes on to completed."
    ),
    "task-before-check": Fault(
        ["CAP-8"], "MUST", "The background task is started before the capability is looked at: a denied restore runs."
    ),
}

_on: set[str] = set()


def switch_on(names: list[str]) -> None:
    """Switch these faults on for the life of the process."""
    for name in names:
        if name not in CATALOGUE:
            raise SystemExit(f"unknown fault: {name}")
        _on.add(name)


def on(name: str) -> bool:
    """Is this fault switched on? A name that the catalogue lacks is a mistake here."""
    if name not in CATALOGUE:
        raise KeyError(name)
    return name in _on
