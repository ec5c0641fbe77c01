"""Small labeled point clouds as somebody might have them: a table of named columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data_prep.export.formats import WRITERS

IDS = (2, 5, 40)
"""Label values; the third is rare."""


def columns(seed: int = 0, count: int = 300, **changes: Any) -> dict[str, np.ndarray]:
    """A box of points with colors, unit normals, labels and objects; ``None`` drops a column."""
    rng = np.random.default_rng(seed)
    coord = rng.uniform(0, [4, 3, 2.5], (count, 3)).astype(np.float32)
    normal = rng.normal(size=(count, 3))
    normal = (normal / np.linalg.norm(normal, axis=1, keepdims=True)).astype(np.float32)
    label = rng.choice(IDS, count, p=(0.7, 0.27, 0.03)).astype(np.int32)
    label[:3] = IDS
    table: dict[str, Any] = {axis: coord[:, i] for i, axis in enumerate("xyz")}
    table |= {name: rng.integers(0, 256, count, np.uint8) for name in ("red", "green", "blue")}
    table |= {name: normal[:, i] for i, name in enumerate(("nx", "ny", "nz"))}
    table |= {"label": label, "instance": rng.integers(-1, 6, count).astype(np.int32)}
    return {name: values for name, values in (table | changes).items() if values is not None}


def write(path: Path, table: dict[str, np.ndarray]) -> Path:
    """Write a table in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[path.suffix[1:]](path, table)
    return path


def write_root(root: Path, suffix: str = "ply", train: int = 3, val: int = 1) -> Path:
    """A folder with a file for each scene, and a taxonomy."""
    for split, count, first in (("train", train, 0), ("val", val, 100)):
        for number in range(count):
            write(root / split / f"room{number}.{suffix}", columns(first + number))
    write_taxonomy(root / "taxonomy.yaml")
    return root


def write_taxonomy(path: Path, names: tuple[str, ...] = ("floor", "chair", "lamp"), ids: tuple[int, ...] = IDS) -> Path:
    """A yaml with one line a class."""
    lines = [f"  - {{id: {number}, name: {name}}}\n" for name, number in zip(names, ids)]
    path.write_text("name: mine\nclasses:\n" + "".join(lines))
    return path
