"""Examples that the help of each command ends with, so that the most common calls need no documentation."""

from __future__ import annotations

#: the command line after the program's name, and what it does
Example = tuple[str, str]

#: those of the program's own help: the way from nothing to a report
FIRST_STEPS: tuple[Example, ...] = (
    ("run", "test the embedded reference server"),
    ("init -o staging.toml", "describe your own server"),
    ("check --target staging.toml", "do keys and fixtures fit?"),
    ("run --target staging.toml", "test it"),
)

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "run": (
        ("run", "the embedded reference server"),
        ("run --target staging.toml --plan", "what would be tested"),
        ("run --target staging.toml --profile read", "send nothing that changes it"),
        ("run --target staging.toml --only CAP,LIST-5", "a chapter and a clause"),
        ("run --target staging.toml --require conformant", "a release gate"),
        ("run --targets 'targets/*.toml'", "a fleet"),
    ),
    "check": (("check --target staging.toml", "keys, fixtures and what would be tested"),),
    "init": (
        ("init", "asks for what it needs"),
        ("init --base-url https://api.example.test --hub 651586fca6078e98982dbd90 -o staging.toml", ""),
    ),
    "serve": (
        ("serve --write-target server.toml", "a conformant server"),
        ("serve --list-faults CAP", "the faults of a chapter"),
        ("serve --fault restore_with_view --write-target broken.toml", "a broken server"),
    ),
    "clauses": (
        ("clauses CAP-4", "a clause in full"),
        ("clauses LIST INC", "two chapters"),
        ("clauses --format csv > clauses.csv", "the traceability matrix"),
    ),
    "compare": (("compare old/results.json new/results.json", ""),),
    "verify": (("verify reports/staging/latest", ""),),
    "report": (("report reports/staging/20260301T120000Z", ""),),
    "rejudge": (("rejudge reports/staging/latest", ""),),
    "replay": (("replay reports/staging/latest", ""),),
    "export": (
        ("export reports/staging/latest --format sarif -o backups.sarif", ""),
        ("export reports/staging/latest --format ctrf", "to standard output"),
    ),
    "merge": (("merge job-1 job-2 job-3 --report-dir merged", ""),),
    "index": (("index reports", ""),),
    "qualify": (
        ("qualify", "everything; takes long"),
        ("qualify --faults restore_with_view", "one fault"),
    ),
    "completion": (("completion bash", ""),),
}


def shown(program: str, examples: tuple[Example, ...]) -> str:
    """Return examples as a section of a help text: aligned where all are short, each with its comment."""
    lines = [(f"  {program} {line}", comment) for line, comment in examples]
    width = max((len(line) for line, comment in lines if comment), default=0)
    return "\n".join(["examples:", *(f"{line:<{width}}  # {text}" if text else line for line, text in lines)])
