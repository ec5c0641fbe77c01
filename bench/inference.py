"""Full-resolution inference of one room beside plain forward passes: ``python -m bench.inference [points]``."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from bench.voxels import SIZE, synthetic_room
from pointnc.data import collate, feature_channels, make_sample
from pointnc.data.transforms import CenterShift
from pointnc.inference.predictor import Predictor
from pointnc.inference.views import make_views
from pointnc.models.segmentor import Segmentor
from pointnc.scenes import Scene

CONF = Path(__file__).parents[1] / "conf"
FEATURES = ("color", "normal")
CLASSES = 200
VIEWS = 4


def room(points: int) -> Scene:
    """Return a room with random colours and normals."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((points, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    color = rng.integers(0, 256, (points, 3)).astype(np.uint8)
    return Scene("room", synthetic_room(points), color, normal)


def median_seconds(call: Callable[[], Any], repeats: int) -> float:
    """Return the median wall time of a call, after one that is not counted unless there is only one."""
    if repeats > 1:
        call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main(points: int = 40_000) -> None:
    """Print the table for a room of so many points and the tiny network, on one thread."""
    torch.set_num_threads(1)
    scene = room(points)
    config = OmegaConf.load(CONF / "model" / "minkunet_tiny.yaml")
    model = Segmentor(instantiate(config, in_channels=feature_channels(FEATURES)), CLASSES).eval()
    centred = CenterShift()(scene, np.random.default_rng())
    batch = collate([make_sample(centred, FEATURES, SIZE, full_resolution=True)])

    def forward() -> None:
        with torch.inference_mode():
            for _ in range(VIEWS):
                model(batch)

    four = make_views([0, 90, 180, 270])
    ways: dict[str, Predictor] = {
        "1 view, nearest voxel": Predictor(model, FEATURES, SIZE),
        f"{VIEWS} views, nearest voxel": Predictor(model, FEATURES, SIZE, four),
        f"{VIEWS} views in tiles, halo 0.5 m": Predictor(
            model, FEATURES, SIZE, four, max_points=points * 3 // 4, halo=0.5
        ),
        f"{VIEWS} views, fragments": Predictor(model, FEATURES, SIZE, four, interpolation="fragments"),
    }
    plain = median_seconds(forward, 3)
    rows = [(f"{VIEWS} plain forward passes", VIEWS, plain)]
    for name, predictor in ways.items():
        passes = predictor.predict(scene).passes
        repeats = 1 if predictor.interpolation == "fragments" else 3
        rows.append((name, passes, median_seconds(lambda predictor=predictor: predictor.predict(scene), repeats)))  # type: ignore[misc]
    table = Table(title=f"{points:,} points, {SIZE * 100:g} cm, {len(batch):,} voxels, {CLASSES} classes, 1 thread")
    for column in ("way", "passes", "s", "s a million points", f"x {VIEWS} forward passes"):
        table.add_column(column, justify="left" if column == "way" else "right", no_wrap=True)
    for name, passes, seconds in rows:
        per_million = f"{seconds / points * 1e6:.1f}"
        table.add_row(name, str(passes), f"{seconds:.2f}", per_million, f"{seconds / plain:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
