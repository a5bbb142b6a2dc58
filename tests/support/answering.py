"""What a run does with one answer, without a server: its body is received, judged, archived, masked and shown."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

from conformance.contract import catalogue
from conformance.evidence.recorder import Recorder
from conformance.evidence.redaction import Redactor
from conformance.execution.journal import WorkerFacts
from conformance.execution.observer import Observer
from conformance.http.bodies import HEAD, BodyStore, BodyWriter
from conformance.http.connection import too_large
from conformance.http.exchange import Exchange, Request, Response
from conformance.judging.passive import PassiveJudges
from conformance.scenarios.run_state import RunState
from conformance.suite.registry import judges_of
from support import hostile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.contract.operations import Operation

PIECE = 64 * 1024
IDS = {"container": hostile.CONTAINER, "backup": hostile.BACKUP, "instance": hostile.INSTANCE}
#: the answers that a hostile body may be
ANSWERS: tuple[tuple[Operation, str, int], ...] = (
    ("list", "GET", 200),
    ("get", "GET", 200),
    ("logs", "GET", 200),
    ("restore", "POST", 202),
    ("job", "GET", 200),
    ("list", "GET", 404),
)


class Judging(AbstractContextManager["Judging"]):
    """One worker's observer, with every passive judge, for answers that come from nowhere."""

    def __init__(self, folder: Path) -> None:
        clauses = catalogue.load()
        self._target = hostile.target(folder, "http://127.0.0.1:9")
        redactor = Redactor()
        self._target.watch_secrets(redactor.add)
        self._recorder = Recorder(self._target, redactor)
        self.judges = PassiveJudges(clauses, judges_of(clauses.clauses))
        self._observer = Observer(folder, "main", self._recorder, self.judges, RunState(), archived=True)
        self._bodies = BodyStore(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._observer.close(WorkerFacts(), lambda _: None)
        self._bodies.close()

    def receive(self, body: bytes, operation: Operation = "list", method: str = "GET", status: int = 200) -> float:
        """Everything that a run does with an answer of this body; the processor seconds that it took."""
        return self.receive_pieces(
            (body[at : at + PIECE] for at in range(0, len(body), PIECE)), operation, method, status
        )

    def receive_pieces(self, pieces: Iterable[bytes], operation: Operation, method: str, status: int) -> float:
        """The same for a body that comes in pieces."""
        begun = time.process_time()
        exchange = self.exchange(pieces, operation, method, status)
        self._observer.observe(exchange)
        self._recorder.evidence(exchange)
        return time.process_time() - begun

    def exchange(self, pieces: Iterable[bytes], operation: Operation, method: str, status: int) -> Exchange:
        """An exchange with this answer, as the client makes it."""
        key = f"Bearer {hostile.KEY}"
        path = f"/v1/containers/{hostile.CONTAINER}/backups"
        request = Request(operation, method, path, authorization=key, hub_id=hostile.HUB, resources=IDS)
        writer, limits = BodyWriter(self._bodies), self._target.limits
        for piece in pieces:
            writer.write(piece)
        headers = (("Content-Type", "application/json"),)
        problem = too_large(writer, limits)
        body = writer.head(HEAD) if problem else writer.finish()
        return Exchange(request, Response(status, headers, body, 0.1, problem, too_large=bool(problem)))
