"""A mutation run on the code that judges: how many small changes of it do our own tests notice?

    tox -e mutants [-- --most N] [--only MODULE,…]

mutmut says what may be changed: an operator, a number, a text, a default. Each mutant is one such change in a copy of
the package, against which the tests of that module run. A mutant that no test notices has survived: either a test is
missing, or the change makes no difference. Prints the score of each module and, at the end, every survivor.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
COPIED = ("conformance", "schemas", "tests", "pyproject.toml")
#: the modules that judge, and the tests that must notice what is wrong with them, both by their paths without endings;
#: mutmut cannot read the `match` of `contract/validation`
JUDGING: dict[str, tuple[str, ...]] = {
    "contract/timestamps": ("contract/test_timestamps",),
    "contract/strict_json": ("contract/test_strict_json",),
    "contract/equivalence": ("contract/test_equivalence",),
    "contract/ids": ("contract/test_ids",),
    "judging/expectations": ("judging/test_expectations",),
    "judging/answer_shapes": ("judging/test_passive", "judging/test_expectations"),
    "judging/job_lifecycle": ("judging/test_passive",),
    "judging/outcomes": ("judging/test_outcomes", "judging/test_expectations"),
    "results/waivers": ("results/test_waivers",),
}
PATIENCE_S = 180


@dataclass(frozen=True)
class Mutant:
    """One change of one module; `changed` shows it as two lines."""

    module: str
    source: str
    changed: str


def mutants(module: str, most: int, seed: int) -> list[Mutant]:
    """A sample of the mutants of a module. What it imports, and what only describes it, is left alone."""
    mutmut = importlib.import_module("mutmut")  # it is there in its own environment only
    file = ROOT / "conformance" / f"{module}.py"
    source = file.read_text("utf-8")
    every = mutmut.list_mutations(mutmut.Context(source=source, filename=str(file)))
    chosen = [one for one in every if not one.line.lstrip().startswith(('"""', "from ", "import ", "__all__", "@"))]
    random.Random(seed).shuffle(chosen)  # noqa: S311 - reproducible on purpose
    return [_mutant(mutmut, module, source, one) for one in chosen[:most]]


def _mutant(mutmut: Any, module: str, source: str, one: Any) -> Mutant:
    changed, _ = mutmut.mutate(mutmut.Context(source=source, mutation_id=one))
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), n=0, lineterm="")
    return Mutant(module, changed, "\n".join(list(lines)[2:]))


class Copies:
    """Copies of the project, one for each mutant that is tried at the same time."""

    def __init__(self, folder: Path, count: int) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            copy = folder / str(number)
            for name in COPIED:
                whole = ROOT / name
                if whole.is_dir():
                    shutil.copytree(whole, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(whole, copy / name)
            self._free.put(copy)

    def survives(self, mutant: Mutant) -> bool:
        """Whether the tests of its module pass all the same."""
        copy = self._free.get()
        file = copy / "conformance" / f"{mutant.module}.py"
        right = file.read_text("utf-8")
        try:
            file.write_text(mutant.source, "utf-8")
            return passes(copy, mutant.module)
        finally:
            file.write_text(right, "utf-8")
            self._free.put(copy)


def passes(copy: Path, module: str) -> bool:
    """Whether the module's tests pass in this copy; tests that hang have noticed something."""
    tests = [f"tests/unit/{name}.py" for name in JUDGING[module]]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=env, capture_output=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main(arguments: Sequence[str]) -> int:
    """The run; exit code 1 where the tests do not even pass without a change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--most", type=int, default=40, metavar="N", help="mutants of each module (default: 40)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the sample (default: 1)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(JUDGING), metavar="MODULE,…")
    options = parser.parse_args(arguments)
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(workers) as pool:
        copies = Copies(Path(folder), workers)
        for module in options.only:
            if not passes(Path(folder, "0"), module):
                print(f"{module}: its tests fail as it is: {', '.join(JUDGING[module])}")
                return 1
        survivors = list(_tried(copies, pool, options))
    print(*("", *(f"{one.module}.py\n{one.changed}" for one in survivors)), sep="\n")
    return 0


def _tried(copies: Copies, pool: ThreadPoolExecutor, options: argparse.Namespace) -> Iterator[Mutant]:
    noticed = tried = 0
    for module in options.only:
        chosen = mutants(module, options.most, options.seed)
        alive = [one for one, lives in zip(chosen, pool.map(copies.survives, chosen), strict=True) if lives]
        print(f"{module}: {len(chosen) - len(alive)} of {len(chosen)} noticed", flush=True)
        noticed, tried = noticed + len(chosen) - len(alive), tried + len(chosen)
        yield from alive
    print(f"score: {noticed} of {tried} ({100 * noticed / max(1, tried):.0f} %)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
