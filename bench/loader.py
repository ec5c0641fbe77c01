"""What loader workers cost beside the pure transforms, and what a large store holds in memory: ``bench loader``."""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from bench.measure import peak_memory
from bench.rows import Row
from bench.transforms import make_dataset
from pointnc.data import SceneDataset
from pointnc.data.loaders import make_loader
from pointnc.data.sampler import ResumableBatchSampler

_dataset: SceneDataset


def _open(dataset: SceneDataset) -> None:
    global _dataset
    torch.set_num_threads(1)
    _dataset = dataset


def _make(epoch: int) -> None:
    _dataset[epoch, epoch % len(_dataset)]


def rows(quick: bool = False) -> list[Row]:
    """Measure samples a second, and the memory of a pass over 1,600 scenes."""
    points, count = (2_000, 16) if quick else (150_000, 120)
    size = f"{points:,} points, 2 processes"
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_dataset(Path(folder), points, scenes=4)
        pure, loaded = [], []
        for _ in range(1 if quick else 3):
            pure.append(_pure_rate(dataset, count))
            loaded.append(_loader_rate(dataset, count))
    best, ours = sorted(pure)[len(pure) // 2], sorted(loaded)[len(loaded) // 2]
    note = f"{ours:.1f} samples a second in batches of 2, transforms alone in 2 processes {best:.1f}"
    result = [Row("loader, 2 workers", size, 100 * ours / best, "%", target=90, at_least=True, note=note)]
    scenes = 8 if quick else 1600
    memory = peak_memory("bench.loader", str(scenes), str(points))
    note = "this process and its two workers, private and shared pages, libraries left out"
    result.append(
        Row("loader, memory of a pass over the store", f"{scenes} scenes", memory, "MiB", target=1024, note=note)
    )
    return result


def _pure_rate(dataset: SceneDataset, count: int) -> float:
    """Return samples a second of two processes that only make samples."""
    context = get_context("fork")
    with ProcessPoolExecutor(2, context, initializer=_open, initargs=(dataset,)) as pool:
        list(pool.map(_make, range(4)))
        start = time.perf_counter()
        list(pool.map(_make, range(count), chunksize=4))
        return count / (time.perf_counter() - start)


def _loader_rate(dataset: SceneDataset, count: int) -> float:
    """Return samples a second out of the training loader, after its first batches."""
    dataset.repeat = -(-count // len(dataset.names))
    try:
        sampler = ResumableBatchSampler(len(dataset), 2)
        batches = iter(make_loader(dataset, sampler, workers=2))
        for _ in range(4):
            next(batches)
        start = time.perf_counter()
        rest = sum(1 for _ in batches)
        return 2 * rest / (time.perf_counter() - start)
    finally:
        dataset.repeat = 1


def main(scenes: str, points: str) -> None:
    """Print the MiB that a pass over a store adds to this process and its workers, at most."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_dataset(Path(folder), int(points), scenes=min(int(scenes), 40))
        # The same forty scenes again and again under other names: each is mapped anew.
        root = Path(folder) / "train"
        real = sorted(root.iterdir())
        for number in range(len(real), int(scenes)):
            (root / f"copy{number:04d}").symlink_to(real[number % len(real)])
        dataset = SceneDataset(
            dataset.store, "train", dataset.taxonomy, dataset.features, dataset.voxel_size, dataset.transforms,
            representative="random",
        )  # fmt: skip
        peak = before = _held()
        for number, _ in enumerate(make_loader(dataset, ResumableBatchSampler(len(dataset), 2), workers=2)):
            if number % 10 == 0:
                peak = max(peak, _held())
    print(peak - before)


def _held() -> float:
    """Return the proportional share of memory, in MiB, that this process and its children hold."""
    from multiprocessing import active_children

    return sum(_share(process) for process in (None, *(child.pid for child in active_children())))


def _share(process: int | None) -> float:
    folder = Path("/proc") / ("self" if process is None else str(process))
    lines = (folder / "smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
