"""``python -m tests.robustness.fuzz``: damaged files of every kind, read as the commands read them.

    python -m tests.robustness.fuzz inputs=50000 seed=0 processes=2     # all formats; a table, and what was found
    python -m tests.robustness.fuzz only=laz inputs=2000                # formats whose names hold a word
    python -m tests.robustness.fuzz again='laz 1.4:17' keep=FOLDER      # one input, with its traceback

Each input is damaged by a format and a number and by nothing else, so that it can be made again. It is read, or refused
by one line; whatever else happens (another exception, an abort, more than ten seconds or 400 MiB) is a finding.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.robustness.attack import make_input
from tests.robustness.pool import Result, Task, run
from tests.robustness.subjects import SUBJECTS


def tasks(names: list[str], inputs: int, seed: int) -> Iterator[Task]:
    """Go round the formats until there are enough inputs; those of two seeds differ."""
    for number in range(inputs):
        yield names[number % len(names)], seed * 10_000_000 + number // len(names)


def attack(names: list[str], inputs: int, seed: int, processes: int) -> tuple[dict[str, Counter[str]], list[Result]]:
    """Return the outcomes by format, and the findings."""
    counts = {name: Counter[str]() for name in names}
    findings = []
    for result in run(tasks(names, inputs, seed), processes):
        counts[result.name][result.outcome] += 1
        if result.outcome == "finding":
            findings.append(result)
            print(f"finding: {result.name}:{result.seed} ({result.target}): {result.message}", flush=True)
    return counts, findings


def table(counts: dict[str, Counter[str]]) -> str:
    """Return the outcomes as a table in Markdown."""
    lines = ["| Format | tried | read | refused in a line | findings |", "|---|---:|---:|---:|---:|"]
    total = Counter[str]()
    for name, count in [*counts.items(), ("**all**", total)]:
        total += count if count is not total else Counter()
        lines.append(
            f"| {name} | {count.total():,} | {count['read']:,} | {count['refused']:,} | {count['finding']:,} |"
        )
    return "\n".join(lines)


def again(what: str, keep: str | None) -> int:
    """Read one input in this process, and show what it raises."""
    name, _, seed = what.rpartition(":")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(keep or place) / "input"
        print(f"{name}, seed {seed}: damaged is {make_input(name, int(seed), folder)}")
        try:
            SUBJECTS[name].read(folder)
        except Exception:
            traceback.print_exc()
            return 1
    print("read")
    return 0


def main(arguments: list[str]) -> int:
    """Attack, print the table, and return 1 where there are findings."""
    given = dict(one.split("=", 1) for one in arguments)
    if "again" in given:
        return again(given["again"], given.get("keep"))
    names = [name for name in SUBJECTS if given.get("only", "") in name]
    start = time.perf_counter()
    counts, findings = attack(
        names, int(given.get("inputs", 2000)), int(given.get("seed", 0)), int(given.get("processes", 2))
    )
    print(table(counts))
    print(f"{time.perf_counter() - start:.0f} s")
    for one in findings:
        print(f"python -m tests.robustness.fuzz again='{one.name}:{one.seed}'")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
