"""``python -m bench`` measures everything and writes ``bench/results.{md,json}``; ``python -m bench NAME`` prints one.

``--quick`` takes small sizes and few repeats: to see that everything runs, not to learn anything.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

NAMES = (
    "voxels",
    "transforms",
    "loader",
    "prepare",
    "network",
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
    quick = "--quick" in arguments
    names = [argument for argument in arguments if argument != "--quick"]
    for name in names:
        if name not in NAMES:
            print(f"error: no benchmark {name!r}; choose among {', '.join(NAMES)}", file=sys.stderr)
            return 2
    from rich.console import Console

    from bench.measure import machine
    from bench.rows import Row, markdown, terminal_table
    from pointnc.scenes.atomic import write_json, write_text

    console = Console(width=200)
    described = machine()
    console.print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in described.items()))
    groups: dict[str, list[Row]] = {}
    for name in names or NAMES:
        groups[name] = importlib.import_module(f"bench.{name}").rows(quick)
        console.print(terminal_table(name, groups[name]))
        console.print()
    if not names and not quick:
        write_text(FOLDER / "results.md", markdown(described, groups))
        rows = {name: [row.to_dict() for row in group] for name, group in groups.items()}
        write_json(FOLDER / "results.json", {"machine": described, "benchmarks": rows})
        console.print(f"written: {FOLDER / 'results.md'}, {FOLDER / 'results.json'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
