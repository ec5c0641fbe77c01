"""The ScanNet augmentation on one room, step by step: ``python -m bench.transforms [points]``."""

from __future__ import annotations

import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from bench.measure import medians
from bench.voxels import SIZE, synthetic_room
from pointnc.data import SceneDataset, collate, make_sample
from pointnc.data.transforms import ElasticDistortion, RandomDropout, SphereCrop, Transform
from pointnc.data.transforms.crop import nearest
from pointnc.scenes import Scene, SceneStore, Taxonomy
from pointnc.scenes.store import write_scene

RECIPE = Path(__file__).parents[1] / "conf" / "augmentation" / "scannet.yaml"
FEATURES = ("color", "normal")


def plain_elastic(coord: NDArray[Any], granularity: float, magnitude: float) -> NDArray[Any]:
    """Distort by scipy's general convolution and interpolation."""
    from scipy.interpolate import RegularGridInterpolator
    from scipy.ndimage import convolve  # type: ignore[attr-defined]

    low, high = coord.min(0), coord.max(0)
    shape = ((high - low) // granularity).astype(int) + 3
    noise = np.random.randn(*shape, 3).astype(np.float32)  # noqa: NPY002
    for _ in range(2):
        for axis in range(3):
            kernel = np.ones([3 if i == axis else 1 for i in range(4)], np.float32) / 3
            noise = convolve(noise, kernel, mode="constant", cval=0)
    nodes = [low[axis] - granularity + granularity * np.arange(shape[axis]) for axis in range(3)]
    look_up = RegularGridInterpolator(nodes, noise, bounds_error=False, fill_value=0)
    return coord + look_up(coord) * magnitude


def plain_crop(coord: NDArray[Any], center: NDArray[Any], count: int) -> NDArray[Any]:
    """Sort all distances."""
    return np.argsort(np.sum(np.square(coord - center), 1))[:count]


def median_ms(call: Callable[[], Any], repeats: int = 7) -> float:
    """Return the median CPU time of a call, in milliseconds."""
    return medians({"call": call}, repeats, "cpu")["call"]


def make_dataset(root: Path, points: int, scenes: int = 2) -> SceneDataset:
    """Write rooms with colours, normals and labels, and open them as the training set of the recipe."""
    taxonomy = Taxonomy.from_dict({"name": "bench", "names": [f"class {i}" for i in range(200)]})
    rng = np.random.default_rng(0)
    for number in range(scenes):
        normal = rng.standard_normal((points, 3))
        arrays = {
            "coord": synthetic_room(points, number),
            "color": rng.integers(0, 256, (points, 3)),
            "normal": normal / np.linalg.norm(normal, axis=1, keepdims=True),
            "segment": rng.integers(-1, 200, points),
            "instance": rng.integers(0, 40, points),
        }
        write_scene(root / "train" / f"room{number}", arrays)
    augmentation = instantiate(OmegaConf.load(RECIPE))
    return SceneDataset(
        SceneStore(root), "train", taxonomy, FEATURES, SIZE, augmentation.transforms, representative="random"
    )


def samples_ms(dataset: SceneDataset, count: int = 31) -> tuple[float, float]:
    """Return median and mean time of a sample over as many epochs, in milliseconds."""
    _ = dataset[0, 0]
    durations = []
    for epoch in range(count):
        start = time.thread_time()
        _ = dataset[epoch, 0]
        durations.append((time.thread_time() - start) * 1e3)
    return statistics.median(durations), statistics.mean(durations)


def step_rows(dataset: SceneDataset) -> list[tuple[str, float, float | None]]:
    """Return name, milliseconds and the plain version's milliseconds of each step of a sample, in its order."""
    scene = dataset.scene(0)
    rows: list[tuple[str, float, float | None]] = [
        ("map and check the files", median_ms(lambda: dataset.scene(0)), None)
    ]
    for transform in dataset.transforms.transforms:  # type: ignore[attr-defined]
        name, always = type(transform).__name__, copy.copy(transform)
        if hasattr(transform, "p"):
            name += f" (when it happens: p {transform.p})"
            always.p = 1.0
        rows.append((name, median_ms(partial(run, always, scene)), plain_ms(transform, scene)))
        if isinstance(transform, SphereCrop):
            search = partial(nearest, scene.coord, scene.coord[0], transform.max_points)
            rows.append(("  of that, the search", median_ms(search), None))
        if not isinstance(transform, RandomDropout):  # the rest shall see the whole room
            scene = run(transform, scene)
    draw = partial(make_sample, scene, FEATURES, SIZE, "random", np.random.default_rng(0))
    rows.append(("voxelise, gather features and labels", median_ms(draw), None))
    return rows


def run(transform: Transform, scene: Scene) -> Scene:
    """Apply a transform with the same random numbers each time."""
    return transform(scene, np.random.default_rng(1))


def plain_ms(transform: Transform, scene: Scene) -> float | None:
    """Return the time of the straightforward version, where there is one."""
    if isinstance(transform, ElasticDistortion):
        levels = transform.levels
        return median_ms(lambda: [plain_elastic(scene.coord, *level) for level in levels], 3)
    if isinstance(transform, SphereCrop):
        count = transform.max_points
        return median_ms(lambda: scene.select(plain_crop(scene.coord, scene.coord[0], count)))
    return None


def main(points: int = 150_000) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    table = Table(title=f"training sample of the ScanNet recipe, {points:,} points, CPU ms of one thread")
    for column in ("step", "ms", "plain version, ms", "ratio"):
        table.add_column(column, justify="left" if column == "step" else "right", no_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_dataset(Path(folder), points)
        for name, taken, plain in step_rows(dataset):
            extra = (f"{plain:.1f}", f"{plain / taken:.1f}") if plain else ()
            table.add_row(name, f"{taken:.2f}", *extra)
        table.add_section()
        table.add_row("whole sample: median (mean)", "{:.1f} ({:.1f})".format(*samples_ms(dataset)))
        dataset.mix_probability = 0.8
        table.add_row("– two scenes mixed, p 0.8", "{:.1f} ({:.1f})".format(*samples_ms(dataset)))
        batch = [dataset[0, index] for index in range(2)] * 2
        table.add_row("collate four of these", f"{median_ms(lambda: collate(batch)):.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 150_000)
