"""The ScanNet augmentation on one room, step by step: ``python -m bench transforms``."""

from __future__ import annotations

import copy
import itertools
import statistics
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

from bench.measure import REPEATS, exponent, growth, medians, moving
from bench.rows import Row, terminal_table
from bench.voxels import SIZE, synthetic_room
from pointnc.data import SceneDataset, collate, make_sample
from pointnc.data.transforms import ElasticDistortion, RandomDropout, SphereCrop, Transform
from pointnc.data.transforms.crop import nearest
from pointnc.scenes import Scene, SceneStore, Taxonomy
from pointnc.scenes.writing import write_scene

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


def make_dataset(root: Path, points: int, scenes: int = 2) -> SceneDataset:
    """Write rooms with colors, normals and labels, and open them as the training set of the recipe."""
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


def step_rows(dataset: SceneDataset, size: str, repeats: int) -> list[Row]:
    """Measure each step of a sample in its order, in turns with the plain version where there is one."""
    scene = dataset.scene(0)
    taken = medians({"map": lambda: dataset.scene(0)}, repeats, "cpu")["map"]
    rows = [Row("map and check the files", size, taken, repeats=repeats)]
    targets: dict[type, float] = {ElasticDistortion: 15.0, SphereCrop: 5.0}
    for transform in dataset.transforms.transforms:  # type: ignore[attr-defined]
        name, always = type(transform).__name__, copy.copy(transform)
        if hasattr(transform, "p"):
            name += f" (when it happens: p {transform.p})"
            always.p = 1.0
        ways: dict[str, Callable[[], Any]] = {"ours": partial(run, always, scene)}
        straight = plain(transform, scene)
        if straight is not None:
            ways["plain"] = straight
        if isinstance(transform, SphereCrop):
            most = min(transform.max_points, len(scene.coord) // 2)
            ways["search"] = partial(nearest, scene.coord, scene.coord[0], most)
        times = medians(ways, repeats, "cpu")
        after = run(always, scene)
        rows.append(
            Row(
                name, size, times["ours"], "ms", "plain numpy" if straight else "", times.get("plain"),
                targets.get(type(transform)), limit=moving(changed_bytes(scene, after)), repeats=repeats,
            )
        )  # fmt: skip
        if "search" in times:
            rows.append(Row("  of that, the search", size, times["search"], repeats=repeats))
        if not isinstance(transform, RandomDropout):  # the rest shall see the whole room
            scene = run(transform, scene)
    draw = partial(make_sample, scene, FEATURES, SIZE, "random", np.random.default_rng(0))
    taken = medians({"draw": draw}, repeats, "cpu")["draw"]
    limit = moving(scene_bytes(scene) + sample_bytes(draw()))
    rows.append(Row("voxelize, gather features and labels", size, taken, limit=limit, repeats=repeats))
    return rows


def run(transform: Transform, scene: Scene) -> Scene:
    """Apply a transform with the same random numbers each time."""
    return transform(scene, np.random.default_rng(1))


def plain(transform: Transform, scene: Scene) -> Callable[[], Any] | None:
    """Return the straightforward version of a step, where there is one."""
    if isinstance(transform, ElasticDistortion):
        levels = transform.levels
        return lambda: [plain_elastic(scene.coord, *level) for level in levels]
    if isinstance(transform, SphereCrop):
        count = transform.max_points
        return lambda: scene.select(plain_crop(scene.coord, scene.coord[0], count))
    return None


def scene_bytes(scene: Scene) -> int:
    """Return the bytes of all arrays of a scene."""
    return sum(array.nbytes for array in scene.arrays().values())


def sample_bytes(sample: Any) -> int:
    """Return the bytes of all arrays or tensors of a sample or a batch."""
    return sum(getattr(value, "nbytes", 0) for value in vars(sample).values())


def changed_bytes(before: Scene, after: Scene) -> int:
    """Return the bytes that a step reads and writes at least: every array that it made, twice."""
    old = before.arrays()
    made = (array for key, array in after.arrays().items() if not np.may_share_memory(array, old[key]))
    return 2 * sum(array.nbytes for array in made)


def rows(quick: bool = False) -> list[Row]:
    """Measure the whole sample at several sizes, and each step at 150,000 points."""
    torch.set_num_threads(1)
    sizes = (2_000, 4_000) if quick else (37_500, 75_000, 150_000, 300_000)
    shown = sizes[-1] if quick else 150_000
    repeats = 2 if quick else REPEATS
    result, whole = [], []
    for points in sizes:
        with tempfile.TemporaryDirectory() as folder:
            dataset = make_dataset(Path(folder), points)
            epochs = 7 if quick else 31
            # The augmentation is random: the median goes over epochs, each of which is another sample.
            median, mean = samples_ms(dataset, epochs)
            whole.append(median)
            if points == shown:
                result += _rows_of(dataset, f"{points:,} points", repeats, (median, mean, epochs))
    span = f"{sizes[0]:,} to {sizes[-1]:,} points"
    fitted = exponent(sizes, whole)
    result.append(Row("training sample, growth", span, whole[-1], growth=fitted, repeats=7 if quick else 31))
    steps = {type(step): step for step in instantiate(OmegaConf.load(RECIPE)).transforms.transforms}
    for kind in (ElasticDistortion, SphereCrop):
        always = copy.copy(steps[kind])
        if hasattr(always, "p"):
            always.p = 1.0
        if isinstance(always, SphereCrop):
            always.max_points = sizes[0] // 2  # the smallest room is cut too

        def make(points: int, always: Transform = always) -> Callable[[], Any]:
            return partial(run, always, Scene("room", synthetic_room(points)))

        times = growth(make, sizes, repeats)
        fitted = exponent(sizes, times)
        result.append(Row(f"{kind.__name__}, growth", span, times[-1], growth=fitted, repeats=repeats))
    return result


def _rows_of(dataset: SceneDataset, size: str, repeats: int, sample: tuple[float, float, int]) -> list[Row]:
    median, mean, epochs = sample
    # A sample of ours varies with the epoch; the plain one does the same work each time.
    epoch = itertools.count()
    turns = {"ours": lambda: dataset[next(epoch), 0], "plain": lambda: plain_sample(dataset)}
    straight = medians(turns, repeats, "cpu")["plain"]
    limit = moving(scene_bytes(dataset.scene(0)) + sample_bytes(dataset[0, 0]))
    result = [
        Row(
            "training sample, ScanNet recipe", size, median, "ms", "plain numpy", straight, 60, limit=limit,
            repeats=epochs,
            note=f"mean {mean:.0f} ms; plain: every step that may happen does, elastic twice by scipy, median of "
            f"{repeats} in turns with ours; limit: the scene read, the sample written",
        )
    ]  # fmt: skip
    result += step_rows(dataset, size, repeats)
    dataset.mix_probability = 0.8
    median, mean = samples_ms(dataset, epochs)
    result.append(Row("two scenes mixed, p 0.8", size, median, repeats=epochs, note=f"mean {mean:.0f} ms"))
    batch = [dataset[0, index] for index in range(2)] * 2
    taken = medians({"collate": lambda: collate(batch)}, repeats, "cpu")["collate"]
    limit = moving(2 * sum(map(sample_bytes, batch)))
    result.append(Row("collate four of these", size, taken, limit=limit, repeats=repeats))
    return result


def plain_sample(dataset: SceneDataset) -> None:
    """Make a sample the straightforward way: float64, rotation by matrices, scipy, sorting, ``np.unique`` of rows."""
    rng = np.random.default_rng(0)
    scene = dataset.scene(0)
    assert scene.color is not None and scene.normal is not None and scene.semantic is not None
    coord, color = np.array(scene.coord, np.float64), np.array(scene.color, np.float64)
    normal, segment = np.array(scene.normal, np.float64), np.array(scene.semantic)
    for transform in dataset.transforms.transforms:  # type: ignore[attr-defined]
        if isinstance(transform, ElasticDistortion):
            for level in transform.levels:
                coord = plain_elastic(coord, *level)
    keep = rng.permutation(len(coord))[: int(len(coord) * 0.8)]
    coord, color, normal, segment = coord[keep], color[keep], normal[keep], segment[keep]
    for axis in range(3):
        cosine, sine = np.cos(0.1), np.sin(0.1)
        rotation = np.eye(3)
        others = [other for other in range(3) if other != axis]
        rotation[np.ix_(others, others)] = [[cosine, -sine], [sine, cosine]]
        coord, normal = coord @ rotation.T, normal @ rotation.T
    coord = coord * rng.uniform(0.9, 1.1) + np.clip(rng.normal(0, 0.005, coord.shape), -0.02, 0.02)
    low, high = color.min(0), color.max(0)
    color = 0.5 * color + 0.5 * (color - low) / (high - low) * 255
    color = np.clip(color + rng.normal(0, 0.05 * 255, color.shape), 0, 255)
    order = plain_crop(coord, coord[0], 100_000)
    coord, color, normal, segment = coord[order], color[order], normal[order], segment[order]
    cells = np.floor((coord - coord.min(0)) / SIZE).astype(np.int32)
    _, index, _ = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    features = np.concatenate([color[index] / 127.5 - 1, normal[index]], axis=1).astype(np.float32)
    torch.from_numpy(features), torch.from_numpy(segment[index])


def main() -> None:
    """Print the table."""
    Console(width=150).print(terminal_table("transforms", rows()))


if __name__ == "__main__":
    main()
