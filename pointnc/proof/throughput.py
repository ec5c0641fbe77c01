"""How fast a device trains the network of the ScanNet200 recipe, with how much memory and how many waits."""

from __future__ import annotations

import time
import warnings

import torch
import torch.nn.functional as F

from pointnc.models.segmentor import Segmentor
from pointnc.proof.networks import CHANNELS, _Batch, build
from pointnc.proof.subjects import Outcome, Subject, precision_name, room_voxels

CLASSES = 200


def check_throughput(subject: Subject) -> list[Outcome]:
    """Return seconds a step, peak memory and waits a step of ``minkunet34c``; a figure, no judgment.

    On a GPU 6 samples of 100,000 voxels in the precision of training, on a CPU one of 10,000.
    """
    device = subject.device
    samples, count, steps = (1, 10_000, 2) if subject.is_small else (6, 100_000, 20)
    half = torch.float16 if device.type == "cuda" else None
    coord = room_voxels(count, samples).to(device)
    features = torch.randn(len(coord), CHANNELS, generator=torch.Generator().manual_seed(0)).to(device)
    labels = torch.randint(0, CLASSES, (len(coord),), generator=torch.Generator().manual_seed(0)).to(device)
    model = Segmentor(build("minkunet34c", subject), CLASSES).to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler(device.type, enabled=half is not None)
    batch = _Batch(coord, features, samples)

    def step() -> None:
        with subject.autocast(half):
            logits = model(batch).logits
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    for _ in range(3 if device.type == "cuda" else 1):  # kernels are chosen and compiled
        step()
    waits = _count_waits(step) if device.type == "cuda" else None
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / steps
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None
    text = f"{seconds:.3f} s a step of {samples} × {count:,} voxels, {precision_name(half)}"
    text += "" if memory is None else f"; peak {memory:.1f} GiB; {waits} waits a step"
    figures = {"seconds": seconds, "gibibytes": memory, "waits": waits, "voxels": len(coord)}
    return [Outcome("throughput, minkunet34c", subject.name, True, text, figures)]


def _count_waits(step: object) -> int:
    """Return how often a step waits for the device, by torch's own count."""
    assert callable(step)
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)
