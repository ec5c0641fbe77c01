"""Counting a confusion matrix beside a plain pass over its two arrays: ``python -m bench.confusion [scenes]``.

The limit is memory bandwidth: both arrays have to be read once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from pointnc.scoring.confusion import confusion

POINTS = 150_000
CLASSES = 200
REPEATS = 7


def milliseconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(1e3 * (time.process_time() - start))
    return median(times)


def main(scenes: int = 40) -> None:
    rng = np.random.default_rng(0)
    # Labels of a scan come in runs, as surfaces do.
    runs = rng.integers(-1, CLASSES, (scenes, POINTS // 50)).astype(np.int16)
    truth = np.repeat(runs, 50, axis=1)
    prediction = np.where(rng.random(truth.shape) < 0.3, rng.integers(0, CLASSES, truth.shape), truth)
    prediction = np.maximum(prediction, 0).astype(np.int16)
    sink = np.empty_like(truth)

    def count() -> None:
        for row, true in zip(prediction, truth):
            confusion(row, true, CLASSES)

    counted, passed = milliseconds(count), milliseconds(lambda: np.bitwise_xor(prediction, truth, out=sink))
    per_scene = counted / scenes
    print(f"{scenes} scenes of {POINTS:,} points, {CLASSES} classes, int16; median CPU ms of {REPEATS}, one thread")
    print(f"confusion {per_scene:.3f} ms a scene; one pass over both arrays {passed / scenes:.3f} ms a scene")
    print(f"ratio {counted / passed:.1f}; 1,000 scenes: {per_scene:.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
