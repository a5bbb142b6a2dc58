"""repro/*.sh: a script for each failed clause, which replays its requests with the suite.

Where the suite is not installed, the script shows the requests and says that it cannot judge: a status alone does not
tell whether a clause holds.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.results.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.evidence.rows import ExchangeRow
    from conformance.judging.outcomes import FindingRow
    from conformance.results.model import ClauseRow, Results

FOLDER = "repro"
MAX_CASES = 10
RED = (Outcome.FAILED, Outcome.WARNED)
SCRIPT = """\
#!/bin/sh
# {clause}: {title}
# Replays what broke this clause in run {run}. Options are those of `backups-conformance replay`, such as --target FILE,
# and --restore, without which nothing is sent that may change the target.
# Exit code: 0 fixed, 1 still failing, 2 wrong usage, 3 could not tell, 4 flaky.
if command -v backups-conformance >/dev/null 2>&1; then
    exec backups-conformance replay "$(dirname "$0")/.." --only {clause} "$@"
fi
cat <<'end of requests'
backups-conformance is not installed, so nothing was sent: the answers to these requests have to be judged by hand.

{requests}
end of requests
exit 3
"""


def write(results: Results, folder: Path) -> None:
    """Write a script for each clause that failed or warned; none where the run found nothing wrong."""
    scripts_folder = folder / FOLDER
    for name, text in scripts(results).items():
        if scripts_folder.is_symlink():  # nothing is written outside of the report folder
            scripts_folder.unlink()
        scripts_folder.mkdir(exist_ok=True)
        write_atomically(scripts_folder / name, text)
        (scripts_folder / name).chmod(0o755)


def scripts(results: Results) -> dict[str, str]:
    """Return the scripts by the names of their files."""
    texts = {f"{clause['id']}.sh": script(results, clause) for clause in results["clauses"] if has_script(clause)}
    return {name: text.encode("utf-8", "backslashreplace").decode() for name, text in texts.items()}


def has_script(clause: ClauseRow) -> bool:
    """Return whether the clause has an exchange to replay."""
    return any(finding["outcome"] in RED for check in clause["checks"] for finding in check["findings"])


def script(results: Results, clause: ClauseRow) -> str:
    """Return the script of one clause, its smallest requests first."""
    cases = sorted(_cases(clause), key=lambda case: len(case[1]["curl"]))[:MAX_CASES]
    requests = "\n\n".join(_request(finding, exchange) for finding, exchange in cases)
    return SCRIPT.format(
        clause=shlex.quote(clause["id"]),
        title=one_line(clause["title"]),
        run=one_line(results["run"]["id"]),
        requests=requests or "The report has no request of it: it was found at the end of the run.",
    )


def _cases(clause: ClauseRow) -> Iterator[tuple[FindingRow, ExchangeRow]]:
    seen: set[str] = set()
    for check in clause["checks"]:
        for finding in check["findings"]:
            if finding["outcome"] in RED and finding["exchange"] is not None:
                exchange = check["exchanges"][finding["exchange"]]
                if exchange["curl"] not in seen:
                    seen.add(exchange["curl"])
                    yield finding, exchange


def _request(finding: FindingRow, exchange: ExchangeRow) -> str:
    """A finding and its request, each in one line, so that neither can end the document in the script."""
    place = f" at {finding['pointer']}" if finding["pointer"] else ""
    words = f"wanted {finding['wanted']}, got {finding['got']}{place}"
    return f"{one_line(words, 600)}\n  {one_line(exchange['curl'], 40_000)}"
