"""Forward and training steps of whole networks beside stock spconv modules: ``python -m bench network``."""

from __future__ import annotations

import logging
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from bench.measure import exponent, peak_memory, product_peak
from bench.rows import Row
from bench.voxels import SIZE, synthetic_room
from pointnc.data.voxels import voxelize
from pointnc.models.neighbours import PairTable
from pointnc.models.unet import SparseUNet

MODELS = Path(__file__).parents[1] / "conf" / "model"
CHANNELS = 6


def voxels(count: int) -> tuple[Tensor, Tensor]:
    """Return coordinates (V, 4) and features (V, 6) of so many voxels of a room, in no particular order."""
    grid = voxelize(synthetic_room(int(count * 1.7)), SIZE).grid
    assert len(grid) >= count
    generator = torch.Generator().manual_seed(0)
    # The nearest to a corner, as a crop of a room is.
    near = torch.from_numpy(grid).long().square().sum(1).argsort()[:count]
    chosen = torch.from_numpy(grid)[near[torch.randperm(count, generator=generator)]]
    coord = torch.cat([torch.zeros(count, 1, dtype=torch.int32), chosen], 1).contiguous()
    return coord, torch.randn(count, CHANNELS, generator=generator)


def network(name: str, checkpointing: bool = False) -> SparseUNet:
    """Build a network of ``conf/model`` whose batch norms look trained."""
    torch.manual_seed(0)
    made = instantiate(OmegaConf.load(MODELS / f"{name}.yaml"), in_channels=CHANNELS, checkpointing=checkpointing)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d) and module.running_mean is not None and module.running_var is not None:
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return made


def ways(name: str) -> dict[str, nn.Module]:
    """Return the same network thrice: as stock modules, ours, and ours with checkpointing."""
    # spconv's import asks a question that recent versions of torch answer with a warning.
    logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)
    from bench.plain_spconv import PlainUNet

    return {"plain": PlainUNet(network(name)), "ours": network(name), "checkpointing": network(name, True)}


def step(model: nn.Module, coord: Tensor, features: Tensor) -> None:
    """Forward and backward."""
    model.zero_grad(set_to_none=True)
    model.train()(coord, features, 1).square().mean().backward()


def seconds(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median wall time of each call in milliseconds, in turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn:
                taken[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in taken.items()}


def rows(quick: bool = False) -> list[Row]:
    """Measure the networks of the two peers, then the growth with the number of voxels."""
    torch.set_num_threads(2)
    result = []
    count = 3_000 if quick else 100_000
    names = ("minkunet_tiny",) if quick else ("spunet", "minkunet34c")
    for name in names:
        result += _rows_of(name, count, 2 if quick else 7, quick)
    sizes = (1_000, 2_000) if quick else (12_500, 25_000, 50_000, 100_000)
    made = network("minkunet_tiny")
    forwards, steps = [], []
    for size in sizes:
        coord, features = voxels(size)
        with torch.no_grad():
            forwards.append(seconds({"": lambda: made.eval()(coord, features, 1)}, 3)[""])  # noqa: B023
        steps.append(seconds({"": lambda: step(made, coord, features)}, 3)[""])  # noqa: B023
    span = f"{sizes[0]:,} to {sizes[-1]:,} voxels"
    result.append(Row("minkunet_tiny forward, growth", span, forwards[-1], growth=exponent(sizes, forwards)))
    result.append(Row("minkunet_tiny forward + backward, growth", span, steps[-1], growth=exponent(sizes, steps)))
    return result


def _rows_of(name: str, count: int, repeats: int, quick: bool) -> list[Row]:
    coord, features = voxels(count)
    models = ways(name)
    size = f"{count:,} voxels, 2 threads"
    with torch.no_grad():
        outputs = {way: model.eval()(coord, features, 1) for way, model in models.items()}
        largest = float((outputs["ours"] - outputs["plain"]).abs().max() / outputs["plain"].abs().max())
        calls: dict[str, Callable[[], object]] = {
            way: lambda model=model: model.eval()(coord, features, 1)  # type: ignore[misc]
            for way, model in models.items()
            if way != "checkpointing"
        }
        forward = seconds(calls, repeats)
    work = 2 * _multiplications(models["ours"], coord, features)
    share = work / forward["ours"] * 1e3 / product_peak(2)
    training = seconds({way: partial(step, model, coord, features) for way, model in models.items()}, repeats)
    memory = {way: peak_memory("bench.network", name, str(count), way) for way in (["ours"] if quick else models)}
    plain = "spconv modules"
    note = f"{work / 1e9:.0f} GFLOP at {share:.0%} of the peak of dense products; outputs differ by {largest:.0e}"
    return [
        Row(f"{name} forward", size, forward["ours"], "ms", plain, forward["plain"], ratio_target=0.85, note=note),
        Row(f"{name} forward + backward", size, training["ours"], "ms", plain, training["plain"], ratio_target=0.95),
        Row(
            f"{name}, with checkpointing", size, training["checkpointing"], "ms", plain, training["plain"],
            ratio_target=1.4, note=f"{training['checkpointing'] / training['ours']:.2f} x without",
        ),
        *(
            Row(
                f"{name}, peak memory of the step, {way}", size, memory[way], "MiB", plain, memory.get("plain"),
                ratio_target=target,
            )
            for way, target in (("ours", 0.85), ("checkpointing", 0.55)) if way in memory
        ),
    ]  # fmt: skip


def _multiplications(model: nn.Module, coord: Tensor, features: Tensor) -> int:
    """Count those of all convolutions of a forward pass."""
    from pointnc.models import fused

    counted = [0]
    real = fused.convolve

    def counting(x: Tensor, matrices: Tensor, table: PairTable, *rest: Any, **named: Any) -> Tensor:
        counted[0] += len(table.inputs) * matrices.shape[1] * matrices.shape[2]
        return real(x, matrices, table, *rest, **named)

    setattr(fused, "convolve", counting)  # noqa: B010 (mypy)
    try:
        with torch.no_grad():
            model.eval()(coord, features, 1)
    finally:
        setattr(fused, "convolve", real)  # noqa: B010
    return counted[0]


def _status(key: str) -> float:
    with open("/proc/self/status", encoding="utf-8") as stream:  # noqa: PTH123
        return next(int(line.split()[1]) / 1024 for line in stream if line.startswith(key))


def main(name: str, count: str, way: str) -> None:
    """Print the MiB by which a training step raises this process's peak."""
    torch.set_num_threads(2)
    model = ways(name)["plain"] if way == "plain" else network(name, way == "checkpointing")
    step(model, *voxels(2_000))  # everything is compiled and loaded
    model.zero_grad(set_to_none=True)
    batch = voxels(int(count))
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as stream:  # noqa: PTH123
        stream.write("5")  # the peak counts from here
    before = _status("VmRSS")
    step(model, *batch)
    print(_status("VmHWM") - before)


if __name__ == "__main__":
    main(*sys.argv[1:4])
