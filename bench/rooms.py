"""CPU-seconds of one procedural room, by stage: ``python -m bench.rooms [rooms]``.

The limit is 2 CPU-seconds for a room of 100,000 vertices or more on one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np

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


def main(rooms: int = 8) -> None:
    seconds: dict[str, float] = defaultdict(float)
    for stage, places in STAGES.items():
        for module, name in places:
            setattr(module, name, timed(getattr(module, name), stage, seconds))
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        # The first room also compiles, and is not counted.
        for index in range(rooms + 1):
            seconds.clear()
            task = SceneTask(Path(folder) / f"scene{index:04d}_00", (0, 0, index), True, Scanner())
            record = make_scene(task)
            row = {stage: seconds[stage] for stage in STAGES}
            row["other"] = record.seconds - sum(row.values())
            rows.append({**row, "all": record.seconds, "vertices": record.vertices})
    print(f"{rooms} rooms, numpy {np.__version__}; CPU-seconds")
    print(f"{'stage':10} {'median':>9} {'worst':>9}")
    for stage in rows[0]:
        values = [row[stage] for row in rows[1:]]
        digits = 0 if stage == "vertices" else 3
        print(f"{stage:10} {median(values):9,.{digits}f} {max(values):9,.{digits}f}")
    rate = median(row["all"] / max(row["vertices"], 1) for row in rows[1:]) * 1e5
    share = median(row["all"] for row in rows[1:]) / LIMIT
    print(f"{rate:.2f} CPU-seconds for 100,000 vertices; the median room takes {share:.0%} of the {LIMIT} s allowed")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
