"""Rooms from nothing to a scene store: generated, scanned, and prepared as ScanNet is."""

from __future__ import annotations

import time
from pathlib import Path

from data_prep.rooms.generate import generate
from data_prep.scannet import prepare


def make_store(root: str | Path, train: int, val: int, seed: int, workers: int | None = None) -> dict[str, float]:
    """Write ``root/raw`` (raw ScanNet layout) and ``root/store``; return the seconds of both steps.

    Args:
        root: folder of the data set; what lies there already is kept and completed.
        train: rooms to train on.
        val: rooms to validate on, from other seeds.
        seed: the rooms' seed; equal seeds give equal rooms.
        workers: processes; None for one a core.
    """
    root = Path(root)
    start = time.perf_counter()
    generate(root / "raw", train=train, val=val, seed=seed, workers=workers)
    generated = time.perf_counter()
    prepare(root / "raw", root / "store", workers=workers)
    return {"generate": generated - start, "prepare": time.perf_counter() - generated}
