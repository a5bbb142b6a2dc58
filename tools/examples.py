"""Makes the published example reports: `python tools/examples.py`.

Each is a whole run against the embedded reference server, one as it is and one with faults. Of its folder, the page
and the summary are kept in `reports/example-green` and `reports/example-red`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from conformance.reference import launch

REPORTS = Path(__file__).parents[1] / "reports"
KEPT = ("report.html", "summary.md")
SEED = "20260301"
#: a few faults of different kinds, as an unfinished server may have them
EXAMPLES: dict[str, tuple[str, ...]] = {
    "example-green": (),
    "example-red": (
        "restore_with_view",
        "page_size_zero_breaks_down",
        "last_page_loses_one",
        "included_by_identifier",
        "fastapi_validation_errors",
        "key_in_a_header",
    ),
}


def make(name: str, faults: tuple[str, ...]) -> None:
    """Run the suite against a server with these faults, and keep what is published of its reports."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with launch.serve_in_thread(faults) as server:
            target = folder / "example.toml"
            target.write_text(server.target_toml.replace('name = "reference"', f'name = "{name}"'), "utf-8")
            target.chmod(0o600)
            options = ["--target", target.name, "--seed", SEED, "--report-dir", "report"]
            command = [sys.executable, "-P", "-m", "conformance", "run", *options]
            done = subprocess.run(command, cwd=folder, check=False)
        if done.returncode != (1 if faults else 0):
            raise SystemExit(f"{name}: the run ended with exit code {done.returncode}")
        (REPORTS / name).mkdir(exist_ok=True)
        for file in KEPT:
            shutil.copy(folder / "report" / file, REPORTS / name / file)


if __name__ == "__main__":
    for example, broken in EXAMPLES.items():
        make(example, broken)
