"""What loader workers cost beside the pure transforms, and what a large store holds in memory: ``bench loader``."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from pathlib import Path

import torch

from bench.measure import REPEATS, moving, peak_memory
from bench.rows import Row
from bench.transforms import make_dataset, sample_bytes, scene_bytes
from bench.transport import transport_rows
from pointnc.data import SceneDataset, collate
from pointnc.data.loaders import make_loader
from pointnc.data.sampler import ResumableBatchSampler
from pointnc.scenes import Scene

_dataset: SceneDataset


def _open(dataset: SceneDataset) -> None:
    global _dataset
    torch.set_num_threads(1)
    _dataset = dataset


def _make(epoch: int) -> None:
    _dataset[epoch, epoch % len(_dataset)]


def rows(quick: bool = False) -> list[Row]:
    """Measure samples a second, and the memory of a pass over 1,600 scenes."""
    points, count = (2_000, 16) if quick else (150_000, 60)
    repeats = 1 if quick else REPEATS
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_dataset(Path(folder), points, scenes=4)
        pure, loaded = [], []
        for _ in range(repeats):  # in turns
            pure.append(_pure_rate(dataset, count))
            loaded.append(_loader_rate(dataset, count))
        samples = [dataset[0, index] for index in range(4)]
        batch = collate(samples[:2])
        scene = scene_bytes(dataset.scene(0))
        transport = transport_rows(samples, Path(folder) / "rooms", quick)
    best, ours = statistics.median(pure), statistics.median(loaded)
    sending = moving(2 * sample_bytes(batch))
    # A process makes a batch of 2 in 4e3 / best milliseconds, as there are two of them, and has to hand it over.
    limit = 100 / (1 + sending / (4e3 / best))
    note = (
        f"{ours:.1f} samples a second in batches of 2, transforms alone in 2 processes {best:.1f}; "
        f"limit: each batch copied once more, {sending:.1f} ms"
    )
    result = [
        Row(
            "loader, 2 workers", f"{points:,} points, 2 processes", 100 * ours / best, "%", target=90, at_least=True,
            limit=limit, repeats=repeats, note=note,
        )
    ]  # fmt: skip
    return result + transport + _memory_rows(8 if quick else 1600, points, 2 * (3 * sample_bytes(batch) + 4 * scene))


def _memory_rows(scenes: int, points: int, prefetched: int) -> list[Row]:
    """Measure a pass over a store, and over a part of it with a data set that lets no scene go."""
    part = max(8, scenes // 8)
    held, leaking = (
        peak_memory("bench.loader", str(number), str(points), way)
        for number, way in ((scenes, "dataset"), (part, "hoarding"))
    )
    return [
        Row(
            "loader, memory of a pass over the store", f"{scenes} scenes", held, "MiB", target=1024,
            limit=prefetched / 2**20, repeats=1,
            note="this process and its two workers, libraries left out, a page of a file as often as it is mapped; "
            "limit: two batches ready and one in the making in each worker, with their scenes",
        ),
        Row(
            "  the same, were no scene ever let go", f"{part} scenes", leaking, "MiB", repeats=1,
            note="shows that the measurement sees a leak",
        ),
    ]  # fmt: skip


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
    names, dataset.names = dataset.names, dataset.names * -(-count // len(dataset.names))
    try:
        sampler = ResumableBatchSampler(len(dataset), 2)
        batches = iter(make_loader(dataset, sampler, workers=2))
        for _ in range(4):
            next(batches)
        start = time.perf_counter()
        rest = sum(1 for _ in batches)
        return 2 * rest / (time.perf_counter() - start)
    finally:
        dataset.names = names


class Hoarding(SceneDataset):
    """Keeps every scene that it ever opened: what the measurement has to notice."""

    def scene(self, number: int) -> Scene:
        """Open and keep a scene."""
        opened = super().scene(number)
        self.__dict__.setdefault("kept", []).append(opened)
        return opened


def main(scenes: str, points: str, way: str) -> None:
    """Print the MiB that a pass over a store adds to this process and its workers, at most."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_dataset(Path(folder), int(points), scenes=min(int(scenes), 40))
        # Forty scenes under many names, in folders of their own with hard links to their files: 1,600 scenes of
        # their own would need 8 GB of disk. A map of such a file is a map of its own, and is counted as one.
        root = Path(folder) / "train"
        real = sorted(root.iterdir())
        for number in range(len(real), int(scenes)):
            copy = root / f"copy{number:04d}"
            copy.mkdir()
            for path in real[number % len(real)].iterdir():
                (copy / path.name).hardlink_to(path)
        dataset = (Hoarding if way == "hoarding" else SceneDataset)(
            dataset.store, "train", dataset.taxonomy, dataset.features, dataset.voxel_size, dataset.transforms,
            representative="random",
        )  # fmt: skip
        _ = dataset[0, 0]  # libraries are loaded and loops compiled before the workers start
        peak = before = _held()
        every = max(1, len(dataset) // 160)
        for number, _ in enumerate(make_loader(dataset, ResumableBatchSampler(len(dataset), 2), workers=2)):
            if number % every == 0:
                peak = max(peak, _held())
    print(peak - before)


def _held() -> float:
    """Return the memory, in MiB, that this process and its children hold."""
    return sum(_resident(process) for process in ("self", *(str(child.pid) for child in active_children())))


def _resident(process: str) -> float:
    """Return the resident MiB of a process: arrays of the store whole, of everything else its proportional share.

    The share alone would not do: of a page that is mapped a thousand times it counts a thousandth each time.
    """
    held, key = 0, "Pss:"
    for line in (Path("/proc") / process / "smaps").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words[0].endswith(":"):  # the first line of a mapping, with the file's path
            key = "Rss:" if line.endswith(".npy") else "Pss:"
        elif words[0] == key:
            held += int(words[1])
    return held / 1024


if __name__ == "__main__":
    main(*sys.argv[1:4])
