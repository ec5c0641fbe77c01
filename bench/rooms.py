"""CPU-seconds of one procedural room, by stage: ``python -m bench rooms``.

The limit is 2 CPU-seconds for a room of 100,000 vertices or more on one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from rich.console import Console

from bench.rows import Row, terminal_table
from data_prep.rooms import generate, scan
from data_prep.rooms.generate import SceneTask, make_scene
from data_prep.rooms.scanner import Scanner

STAGES: dict[str, list[tuple[ModuleType, str]]] = {
    "layout": [(generate, "make_room")],
    "rays": [(scan, "record")],
    "fusion": [(scan, "fuse")],
    "meshing": [(scan, "extract"), (scan, "compact")],
    "painting": [(scan, "paint")],
    "segments": [(scan, "over_segment")],
    "writing": [(generate, "write_scan")],
}
LIMIT = 2.0


def timed(function: Callable[..., Any], stage: str, seconds: dict[str, float]) -> Callable[..., Any]:
    def call(*args: Any, **keywords: Any) -> Any:
        start = time.process_time()
        try:
            return function(*args, **keywords)
        finally:
            seconds[stage] += time.process_time() - start

    return call


def rows(quick: bool = False) -> list[Row]:
    """Measure whole rooms, by stage."""
    count = 1 if quick else 8
    seconds: dict[str, float] = defaultdict(float)
    originals = [(module, name, getattr(module, name)) for places in STAGES.values() for module, name in places]
    for stage, places in STAGES.items():
        for module, name in places:
            setattr(module, name, timed(getattr(module, name), stage, seconds))
    taken: list[dict[str, float]] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            # The first room also compiles, and is not counted.
            for index in range(count + 1):
                seconds.clear()
                task = SceneTask(Path(folder) / f"scene{index:04d}_00", (0, 0, index), True, Scanner())
                record = make_scene(task)
                row = {stage: seconds[stage] for stage in STAGES}
                row["other"] = record.seconds - sum(row.values())
                taken.append({**row, "all": record.seconds, "vertices": record.vertices})
    finally:
        for module, name, original in originals:
            setattr(module, name, original)
    counted = taken[1:]
    size = f"{count} rooms, median {median(row['vertices'] for row in counted):,.0f} vertices"
    worst = 1e3 * max(row["all"] for row in counted)
    whole = 1e3 * median(row["all"] for row in counted)
    note = f"slowest {worst:.0f} ms"
    stages = [
        Row(f"  {name}", size, 1e3 * median(row[name] for row in counted), repeats=count) for name in (*STAGES, "other")
    ]
    return [Row("procedural room, CPU time", size, whole, target=1e3 * LIMIT, repeats=count, note=note), *stages]


def main() -> None:
    """Print the rows."""
    Console(width=150).print(terminal_table("rooms", rows()))


if __name__ == "__main__":
    main()
