"""`repro/<clause>.sh`: the requests that showed a clause broken, to be sent again; each says whether it still fails."""

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
HEAD = """\
#!/bin/sh
# {clause}: {text}
# Sends again what showed it broken in run {run}, and says whether it still is: exit 1 if so, else 0.
# Needs curl, and in the environment: {variables}.
# BASE_URL=… takes another target. A request that was accepted as a restore is sent with RESTORES=yes alone.
BASE_URL=${{BASE_URL:-{base}}}
still=0

# tell NUMBER STATUS-THEN STATUS-NOW POINTER
tell() {{
    if [ "$2" != "$3" ]; then
        echo "   no longer: $3, then it was $2"
    elif [ -n "$4" ]; then
        echo "   $3 as then; whether $4 is mended stands in the body: leave -o /dev/null out to see it"
        still=1
    else
        echo "   still $3"
        still=1
    fi
}}
"""


def write(results: Results, folder: Path) -> None:
    """A script for each clause that failed or warned; none where the run found nothing wrong."""
    scripts_folder = folder / FOLDER
    for name, text in scripts(results).items():
        if scripts_folder.is_symlink():  # nothing is written outside of the report folder
            scripts_folder.unlink()
        scripts_folder.mkdir(exist_ok=True)
        write_atomically(scripts_folder / name, text)
        (scripts_folder / name).chmod(0o755)


def scripts(results: Results) -> dict[str, str]:
    """The scripts by the names of their files."""
    texts = {f"{clause['id']}.sh": script(results, clause) for clause in results["clauses"]}
    return {name: text.encode("utf-8", "backslashreplace").decode() for name, text in texts.items() if text}


def script(results: Results, clause: ClauseRow) -> str:
    """The script of one clause, its smallest cases first; empty where no exchange shows it broken."""
    cases = sorted(_cases(clause), key=lambda case: len(case[1]["curl"]))[:MAX_CASES]
    if not cases:
        return ""
    base = results["target"]["base_url"].rstrip("/")
    variables = sorted({name for _, evidence in cases for name in _variables(evidence)})
    head = HEAD.format(
        clause=clause["id"],
        text=one_line(clause["title"]),
        run=results["run"]["id"],
        variables=", ".join(variables) or "nothing",
        base=base,
    )
    blocks = [_block(number, finding, evidence, base) for number, (finding, evidence) in enumerate(cases, 1)]
    return "\n".join([head, *blocks, 'exit "$still"'])


def _cases(clause: ClauseRow) -> Iterator[tuple[FindingRow, ExchangeRow]]:
    seen: set[str] = set()
    for check in clause["checks"]:
        for finding in check["findings"]:
            if finding["outcome"] in RED and finding["exchange"] is not None:
                evidence = check["exchanges"][finding["exchange"]]
                if evidence["curl"] not in seen:
                    seen.add(evidence["curl"])
                    yield finding, evidence


def _variables(evidence: ExchangeRow) -> Iterator[str]:
    for value in evidence["request"]["headers"].values():
        if isinstance(value, str) and "$" in value:
            yield "".join(char for char in value.partition("$")[2].lstrip("({") if char.isalnum() or char == "_")


def _block(number: int, finding: FindingRow, evidence: ExchangeRow, base: str) -> str:
    response = evidence["response"]
    then = f"{response['status'] if response else 0:03d}"
    said = one_line(f"{number}: wanted {finding['wanted']}, got {finding['got']}")
    pointer = shlex.quote(one_line(finding["pointer"] or ""))
    send = f"{_anywhere(evidence['curl'], base)} -o /dev/null -w '%{{http_code}}' 2>/dev/null"
    lines = [f"now=$({send})", f'tell {number} {then} "${{now:-000}}" {pointer}']
    if evidence["operation"] == "restore" and then.startswith("2"):
        lines = [
            'if [ "${RESTORES:-}" = yes ]; then',
            *lines,
            "else",
            '    echo "   not sent: it starts a restore"',
            "fi",
        ]
    return "\n".join([f"echo {shlex.quote(said)}", *lines])


def _anywhere(curl: str, base: str) -> str:
    """The command with the base URL as a variable, inside the quotes of the shell or outside."""
    return curl.replace(f"'{base}", '"$BASE_URL"\'').replace(f" {base}", ' "$BASE_URL"')
