"""``python -m bench`` measures everything and writes ``bench/results.{md,json}``; ``python -m bench NAME`` prints one.

``--quick`` takes small sizes and few repeats: to see that everything runs, not to learn anything. ``--write`` puts
the named benchmarks' new figures into the results of the last whole run.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

NAMES = (
    "voxels",
    "transforms",
    "loader",
    "prepare",
    "network",
    "training",
    "regularizer",
    "inference",
    "submission",
    "confusion",
    "startup",
    "rooms",
)
"""The benchmarks, in the order of the way of the data; each is a module with ``rows(quick)``."""

FOLDER = Path(__file__).parent


def main() -> int:
    """Run the named benchmarks, or all."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    arguments = sys.argv[1:]
    quick, write = "--quick" in arguments, "--write" in arguments
    names = [argument for argument in arguments if argument not in ("--quick", "--write")]
    for name in names:
        if name not in NAMES:
            print(f"error: no benchmark {name!r}; choose among {', '.join(NAMES)}", file=sys.stderr)
            return 2
    from rich.console import Console

    from bench.measure import machine
    from bench.rows import Row, markdown, terminal_table
    from pointnc.files.atomic import write_json, write_text
    from pointnc.runtime.allocation import keep_freed_memory

    keep_freed_memory()  # as the commands do
    console = Console(width=200)
    described = machine()
    console.print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in described.items()))
    groups: dict[str, list[Row]] = {}
    for name in names or NAMES:
        start = time.perf_counter()
        groups[name] = importlib.import_module(f"bench.{name}").rows(quick)
        console.print(terminal_table(f"{name} (took {time.perf_counter() - start:.0f} s)", groups[name]))
        console.print()
    if write or not (names or quick):
        path = FOLDER / "results.json"
        if names and path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            old = {name: [Row(**row) for row in group] for name, group in before["benchmarks"].items()}
            groups = {name: groups.get(name, old.get(name, [])) for name in NAMES if name in groups or name in old}
            described = {**described, "load_before": before["machine"]["load_before"]}
        rows = {name: [asdict(row) for row in group] for name, group in groups.items()}
        write_json(path, {"machine": described, "benchmarks": rows})
        write_text(FOLDER / "results.md", markdown(described, groups))
        console.print(f"written: {FOLDER / 'results.md'}, {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
