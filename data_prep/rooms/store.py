"""Rooms from nothing to a scene store: generated, scanned, and prepared as ScanNet is."""

from __future__ import annotations

import time
from pathlib import Path

from data_prep.rooms.generate import RECORD, generate
from data_prep.scannet.preparation import prepare
from pointnc.scenes.records import MANIFEST, read_manifest


def make_store(root: str | Path, train: int, val: int, seed: int, workers: int | None = None) -> dict[str, float]:
    """Write ``root/raw`` (raw ScanNet layout) and ``root/store``; return the seconds of both steps.

    What is there already is completed. A complete store is left alone, also when its raw folder was removed to
    save space.

    Args:
        root: folder of the data set.
        train: rooms to train on.
        val: rooms to validate on, from other seeds.
        seed: the rooms' seed; equal seeds give equal rooms.
        workers: processes; None for one a core.

    Raises:
        UserError: ``root`` holds rooms of other settings, or a damaged manifest.
    """
    raw, store = Path(root) / "raw", Path(root) / "store"
    complete = _scenes(store) == train + val
    if complete and not (raw / RECORD).is_file():
        return {}
    start = time.perf_counter()
    remedy = f"give another data_root=, the dataset.prepare settings of these rooms, or remove {root}"
    generate(raw, train=train, val=val, seed=seed, workers=workers, remedy=remedy)
    if complete:
        return {}
    generated = time.perf_counter()
    prepare(raw, store, workers=workers)
    return {"generate": generated - start, "prepare": time.perf_counter() - generated}


def _scenes(store: Path) -> int:
    """Return how many scenes the store's manifest names; 0 without one."""
    try:
        splits = read_manifest(store / MANIFEST)["splits"]
    except FileNotFoundError:
        return 0
    return sum(len(split["scenes"]) for split in splits.values())
