"""Full-resolution inference of one room beside plain forward passes: ``python -m bench inference``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from rich.console import Console

from bench.measure import medians
from bench.rows import Row, terminal_table
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


def rows(quick: bool = False) -> list[Row]:
    """Measure views against forward passes, tiles, fragments, and with a trained run what fragments change."""
    points = 4_000 if quick else 150_000
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
    tiles = {"max_points": points * 3 // 4, "halo": 0.1 if quick else 0.5}
    predictors = {
        f"{VIEWS} views": Predictor(model, FEATURES, SIZE, four),
        f"{VIEWS} views in tiles with a halo": Predictor(model, FEATURES, SIZE, four, **tiles),  # type: ignore[arg-type]
    }
    ways: dict[str, Callable[[], Any]] = {"forward": forward}
    ways |= {name: partial(predictor.predict, scene) for name, predictor in predictors.items()}
    taken = medians(ways, 2 if quick else 7)
    fragments = Predictor(model, FEATURES, SIZE, four, interpolation="fragments").predict(scene)
    size = f"{points:,} points, {len(batch):,} voxels, minkunet_tiny, {CLASSES} classes, 1 thread"
    beside = f"{VIEWS} forward passes"
    result = [
        Row(name, size, taken[name], "ms", beside, taken["forward"], ratio_target=target)
        for name, target in zip(predictors, (1.15, None))
    ]
    note = f"{fragments.passes} passes, measured once"
    result.append(
        Row(f"{VIEWS} views, fragment vote", size, 1e3 * fragments.seconds, "ms", beside, taken["forward"], note=note)
    )
    return result + _scores(quick)


def _scores(quick: bool) -> list[Row]:
    """Compare the two ways' mIoU on validation scenes, for the run that ``BENCH_RUN`` names."""
    run = os.environ.get("BENCH_RUN")
    if not run:
        return []
    miou = {}
    with tempfile.TemporaryDirectory() as folder:
        for interpolation in ("nearest", "fragments"):
            command = ["-m", "pointnc.evaluate", f"checkpoint={run}", "tta=fast", f"interpolation={interpolation}"]
            out = Path(folder) / f"{interpolation}.json"
            subprocess.run([sys.executable, *command, f"out={out}"], check=True, capture_output=True)
            miou[interpolation] = json.loads(out.read_text(encoding="utf-8"))["miou"]
    difference = abs(miou["nearest"] - miou["fragments"])
    note = f"nearest {miou['nearest']:.2f}, fragments {miou['fragments']:.2f}"
    return [Row("mIoU, nearest against fragments", "rooms, validation", difference, "points", target=0.3, note=note)]


def main() -> None:
    """Print the rows of the usual size."""
    Console(width=180).print(terminal_table("inference", rows()))


if __name__ == "__main__":
    main()
