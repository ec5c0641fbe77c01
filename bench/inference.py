"""Full-resolution inference of one room beside plain forward passes: ``python -m bench inference``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from rich.console import Console

from bench.measure import REPEATS, exponent, growth, medians
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
    """Return a room with random colors and normals."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((points, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    color = rng.integers(0, 256, (points, 3)).astype(np.uint8)
    return Scene("room", synthetic_room(points), color, normal)


def rows(quick: bool = False) -> list[Row]:
    """Measure views against forward passes, tiles and fragments, and by how much fragments change the mIoU."""
    points = 4_000 if quick else 150_000
    torch.set_num_threads(1)
    scene = room(points)
    config = OmegaConf.load(CONF / "model" / "minkunet_tiny.yaml")
    model = Segmentor(instantiate(config, in_channels=feature_channels(FEATURES)), CLASSES).eval()
    centered = CenterShift()(scene, np.random.default_rng())
    batch = collate([make_sample(centered, FEATURES, SIZE, full_resolution=True)])

    def forward() -> None:
        with torch.inference_mode():
            for _ in range(VIEWS):
                model(batch)

    four = make_views([0, 90, 180, 270])
    tiles: dict[str, Any] = {"max_points": points * 3 // 4, "halo": 0.1 if quick else 0.5}
    ours = Predictor(model, FEATURES, SIZE, four)
    tiled = Predictor(model, FEATURES, SIZE, four, **tiles)
    repeats = 1 if quick else REPEATS
    taken = medians({"forward": forward, "views": partial(ours.predict, scene)}, repeats)
    taken |= medians({"tiles": partial(tiled.predict, scene)}, repeats)
    fragments = Predictor(model, FEATURES, SIZE, four, interpolation="fragments").predict(scene)
    size = f"{points:,} points, {len(batch):,} voxels, minkunet_tiny, {CLASSES} classes, 1 thread"
    beside, limit = f"{VIEWS} forward passes", taken["forward"]
    note = f"{fragments.passes} passes"
    result = [
        Row(
            f"{VIEWS} views", size, taken["views"], "ms", beside, limit, ratio_target=1.15, limit=limit,
            repeats=repeats, note="limit: the forward passes alone",
        ),
        Row(f"{VIEWS} views in tiles with a halo", size, taken["tiles"], "ms", beside, limit, repeats=repeats),
        Row(f"{VIEWS} views, fragment vote", size, 1e3 * fragments.seconds, "ms", beside, limit, repeats=1, note=note),
    ]  # fmt: skip
    sizes = [points // 8, points // 4, points // 2, points]
    smaller = growth(lambda count: partial(ours.predict, room(count)), sizes[:-1], repeats, "wall")
    durations = [*smaller, taken["views"]]
    span = f"{sizes[0]:,} to {points:,} points"
    fitted = exponent(sizes, durations)
    note = f"at {points:,} points the first row"
    result.append(Row(f"{VIEWS} views, growth", span, durations[-1], growth=fitted, repeats=repeats, note=note))
    return result if quick else result + _scores()  # trains a network, which tests do often enough


def _scores() -> list[Row]:
    """Compare the mIoU of the two ways on validation rooms, with a network that is trained for it."""
    train, val, epochs = 16, 3, 30
    miou = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        _command(
            "train", f"data_root={folder}/rooms", f"run_dir={run}", f"dataset.prepare.train={train}",
            f"dataset.prepare.val={val}", f"trainer.max_epochs={epochs}", "trainer.accelerator=cpu", "logger=none",
            f"trainer.check_val_every_n_epoch={epochs}", "measure_collapse=false",
        )  # fmt: skip
        for interpolation in ("nearest", "fragments"):
            out = Path(folder) / f"{interpolation}.json"
            _command(
                "evaluate", f"checkpoint={run}", "tta=fast", f"interpolation={interpolation}", "accelerator=cpu",
                f"out={out}",
            )  # fmt: skip
            miou[interpolation] = json.loads(out.read_text(encoding="utf-8"))["miou"]
    difference = abs(miou["nearest"] - miou["fragments"])
    note = f"nearest {miou['nearest']:.2f}, fragments {miou['fragments']:.2f}; trained {epochs} epochs on {train} rooms"
    size = f"rooms, {val} for validation, {VIEWS} views"
    return [
        Row("mIoU, nearest against fragments", size, difference, "points", target=0.3, repeats=1, note=note)
    ]  # fmt: skip


def _command(name: str, *arguments: str) -> None:
    """Run a command of pointnc."""
    command = [sys.executable, "-m", f"pointnc.{name}", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")


def main() -> None:
    """Print the rows of the usual size."""
    Console(width=180).print(terminal_table("inference", rows()))


if __name__ == "__main__":
    main()
