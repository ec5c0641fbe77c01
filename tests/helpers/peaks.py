"""How much memory what works on N points and K classes needs at most: ``python -m tests.helpers.peaks``, a process.

Prints json: case to the bytes a point by which the peak of resident memory grows from N to 4 N points. Neither
tracemalloc nor torch's statistics see numpy, torch and compiled loops together; the system does. What a case is given
(logits, features, labels) is there before and not counted.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pointnc.collapse import CenterRegularizer
from pointnc.data.batch import collate, make_sample
from pointnc.inference.labeler import PointVotes, label_points
from pointnc.inference.predictor import Predictor
from pointnc.losses import CrossEntropy, DiceLoss, FocalLoss, LogitAdjustedCrossEntropy, LovaszSoftmax
from pointnc.losses.weighted import WeightedCrossEntropy
from pointnc.models import CosineHead, LinearHead, Segmentor
from pointnc.scenes import Scene
from pointnc.scoring.confusion import confusion
from pointnc.scoring.metric import ConfusionMatrix
from tests.helpers.scenes import ColorBackbone

POINTS, CLASSES, CHANNELS, VOXELS = 10_000, 200, 32, 512
CLEAR = Path("/proc/self/clear_refs")
NO_HUGE_PAGES = 41
"""PR_SET_THP_DISABLE of prctl(2): a page of 2 MB would be counted whole."""
Make = Callable[[int], Callable[[], object]]


def measure() -> dict[str, float]:
    """Run :func:`main` with an allocator that gives every block back at once, and return what it prints.

    Of a page or more: the vectors of N numbers of one class must not stay behind in the heap, between smaller blocks,
    where the next call finds them resident and uncounted.
    """
    at_once = {"MALLOC_MMAP_THRESHOLD_": "4096", "MALLOC_TRIM_THRESHOLD_": "65536"}
    environment = {**os.environ, **at_once, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.helpers.peaks"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    grown: dict[str, float] = json.loads(done.stdout)
    return grown


def scene(points: int) -> Scene:
    """A scene of so many points in 8 x 8 x 8 voxels of a meter."""
    rng = np.random.default_rng(0)
    coord = (rng.random((points, 3)) * 8).astype(np.float32)
    return Scene("room", coord, rng.integers(0, 256, (points, 3)).astype(np.uint8))


def one_hot(points: int) -> Callable[[], object]:
    """The array that must not be: what every limit has to tell apart."""
    labels = torch.arange(points) % CLASSES
    return lambda: torch.zeros(points, CLASSES).scatter_(1, labels[:, None], 1.0)


def votes(points: int) -> Callable[[], object]:
    logits, voxel = torch.randn(VOXELS, CLASSES), torch.arange(points) % VOXELS

    def call() -> object:
        counted = PointVotes()
        counted.add(logits, voxel)
        return counted.labels(), counted.confidence()

    return call


def full_resolution(points: int) -> Callable[[], object]:
    batch = collate([make_sample(scene(points), ["color"], 1.0, full_resolution=True)])
    logits = torch.randn(len(batch), CLASSES)
    return lambda: label_points(logits, batch)


def predictor(points: int) -> Callable[[], object]:
    room, model = scene(points), Segmentor(ColorBackbone(), CLASSES)
    return lambda: Predictor(model, ["color"], 1.0).predict(room)


def counting(count: Callable[[np.ndarray, np.ndarray], object]) -> Make:
    def make(points: int) -> Callable[[], object]:
        truth = (np.arange(points) % (CLASSES + 1) - 1).astype(np.int16)
        return lambda: count(np.maximum(truth, 0), truth)

    return make


def loss(criterion: torch.nn.Module) -> Make:
    def make(points: int) -> Callable[[], object]:
        logits = torch.randn(points, CLASSES, requires_grad=True)
        labels = torch.arange(points) % CLASSES
        if hasattr(criterion, "set_prior"):
            criterion.set_prior(torch.ones(CLASSES))

        return lambda: torch.autograd.grad(criterion(logits, labels), logits)

    return make


def head(module: torch.nn.Module, train: bool) -> Make:
    def make(points: int) -> Callable[[], object]:
        features = torch.randn(points, CHANNELS)

        def call() -> object:
            with torch.set_grad_enabled(train):
                return module(features)

        return call

    return make


def regularizer(points: int) -> Callable[[], object]:
    observer = CenterRegularizer(CLASSES, CHANNELS, centers="ema")
    features = torch.randn(points, CHANNELS, requires_grad=True)
    labels = torch.arange(points) % CLASSES

    return lambda: torch.autograd.grad(observer(features, labels), features)


CASES: dict[str, Make] = {
    "one_hot": one_hot,
    "PointVotes of one view": votes,
    "label_points": full_resolution,
    "Predictor of one view": predictor,
    "confusion": counting(lambda prediction, truth: confusion(prediction, truth, CLASSES)),
    "ConfusionMatrix": counting(lambda prediction, truth: ConfusionMatrix(CLASSES).update(prediction, truth)),
    "regularizer": regularizer,
    "CrossEntropy": loss(CrossEntropy()),
    "WeightedCrossEntropy": loss(WeightedCrossEntropy()),
    "LogitAdjustedCrossEntropy": loss(LogitAdjustedCrossEntropy()),
    "FocalLoss": loss(FocalLoss()),
    "DiceLoss": loss(DiceLoss()),
    "LovaszSoftmax": loss(LovaszSoftmax()),
    "LinearHead": head(LinearHead(CHANNELS, CLASSES), False),
    "CosineHead": head(CosineHead(CHANNELS, CLASSES), False),
    "CosineHead in training": head(CosineHead(CHANNELS, CLASSES), True),
}


def peak(call: Callable[[], object]) -> int:
    """Return the bytes by which a call raises the peak of resident memory, its results included."""
    ctypes.CDLL(None).malloc_trim(0)  # no block that an earlier case freed can be used again, uncounted
    CLEAR.write_text("5", encoding="utf-8")  # the peak counts from here
    before = _status("VmRSS")
    result = call()
    highest = _status("VmHWM")
    del result
    return highest - before


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def main() -> None:
    """Print the growth of every case."""
    ctypes.CDLL(None).prctl(NO_HUGE_PAGES, 1, 0, 0, 0)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    grown = {}
    for name, make in CASES.items():
        peaks = []
        for points in (POINTS, 4 * POINTS):
            call = make(points)
            call()  # whatever is loaded and compiled once
            peaks.append(peak(call))
            del call
        grown[name] = (peaks[1] - peaks[0]) / (3 * POINTS)
    print(json.dumps(grown))


if __name__ == "__main__":
    main()
