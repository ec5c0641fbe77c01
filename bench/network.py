"""Forward and training steps of whole networks, U-Nets beside stock spconv modules: ``python -m bench network``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from bench.measure import NOTHING_KEPT, REPEATS, exponent, growth, medians, peak_memory, product_peak
from bench.rows import Row
from bench.voxels import SIZE, synthetic_room
from pointnc.data.voxels import voxelize
from pointnc.sparse.neighbors import PairTable

MODELS = Path(__file__).parents[1] / "conf" / "model"
CHANNELS = 6
TOLERANCE = 1e-4
"""Most by which outputs may differ from those of the plain network, as a share of the largest."""


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


def network(name: str, checkpointing: bool = False) -> Any:
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


def rows(quick: bool = False) -> list[Row]:
    """Measure the networks of the two peers, and how they grow with the number of voxels."""
    torch.set_num_threads(2)
    count = 3_000 if quick else 100_000
    smaller = (1_000,) if quick else (6_250, 12_500, 25_000)
    result: list[Row] = []
    for name in ("minkunet_tiny",) if quick else ("spunet", "minkunet34c"):
        models = ways(name)
        repeats = 1 if quick else REPEATS
        measured = _rows_of(name, models, count, repeats, quick)
        largest = {row.step: row.value for row in measured}
        result += measured + _growth_rows(name, models["ours"], smaller, count, largest, repeats)
    peer = next((row.step.split(",")[0], row.value) for row in result if row.step.endswith("of the step, ours"))
    return result + _transformer_rows(count, smaller, peer, quick)


def _transformer_rows(count: int, smaller: tuple[int, ...], peer: tuple[str, float], quick: bool) -> list[Row]:
    from bench import transformer

    name = "volt_tiny" if quick else "volt_small"
    memory = partial(lambda size, model, way: _step_memory(model, size, way), count)
    more = {"repeats": 1, "products": 1} if quick else {}
    return transformer.rows(name, partial(network, name), voxels, step, memory, peer, count, smaller, **more)


def _rows_of(name: str, models: dict[str, nn.Module], count: int, repeats: int, quick: bool) -> list[Row]:
    """Measure forward passes and training steps of all ways in turns, and the memory of a step in its own process."""
    coord, features = voxels(count)
    size = f"{count:,} voxels, 2 threads"
    with torch.no_grad():
        difference = _compare({way: model.eval()(coord, features, 1) for way, model in models.items()})
        # These were the first passes; what is measured now is warm.
        calls: dict[str, Callable[[], object]] = {
            way: partial(models[way], coord, features, 1) for way in ("plain", "ours")
        }
        forward = medians(calls, repeats, warm=False)
    work = 2 * _multiplications(models["ours"], coord, features)
    limit = work / product_peak(2) * 1e3
    small = voxels(2_000)
    for model in models.values():
        step(model, *small)  # everything is compiled and loaded
    training = medians(
        {way: partial(step, model, coord, features) for way, model in models.items()}, repeats, warm=False
    )
    memory = {way: _step_memory(name, count, way) for way in (["ours"] if quick else models)}
    plain = "spconv modules"
    note = f"limit: its {work / 1e9:.0f} GFLOP at the speed of dense products; outputs differ by {difference:.0e}"
    return [
        Row(
            f"{name} forward", size, forward["ours"], "ms", plain, forward["plain"], ratio_target=0.85, limit=limit,
            repeats=repeats, note=note,
        ),
        Row(
            f"{name} forward + backward", size, training["ours"], "ms", plain, training["plain"], ratio_target=0.95,
            limit=3 * limit, repeats=repeats, note="limit: three times that of a forward pass",
        ),
        Row(
            f"{name}, with checkpointing", size, training["checkpointing"], "ms", plain, training["plain"],
            ratio_target=1.4, repeats=repeats, note=f"{training['checkpointing'] / training['ours']:.2f} x without",
        ),
        *(
            Row(
                f"{name}, peak memory of the step, {way}", size, memory[way], "MiB", plain, memory.get("plain"),
                ratio_target=target, repeats=1, note="of its own process; freed memory is not kept",
            )
            for way, target in (("ours", 0.85), ("checkpointing", 0.55)) if way in memory
        ),
    ]  # fmt: skip


def _compare(outputs: dict[str, Tensor]) -> float:
    """Return the largest difference from the plain outputs, as a share of the largest of them.

    Raises:
        RuntimeError: it is above ``TOLERANCE``.
    """
    plain = outputs["plain"]
    differences = {way: float((output - plain).abs().max() / plain.abs().max()) for way, output in outputs.items()}
    for way, difference in differences.items():
        if not difference <= TOLERANCE:
            raise RuntimeError(f"the outputs of {way} and plain differ by {difference:.1e}, more than {TOLERANCE:.0e}")
    return max(differences.values())


def _growth_rows(
    name: str, model: nn.Module, smaller: tuple[int, ...], count: int, largest: dict[str, float], repeats: int
) -> list[Row]:
    """Measure smaller sizes, the memory of a step once; at ``count`` voxels there are figures already."""

    def forward(size: int) -> Callable[[], object]:
        coord, features = voxels(size)

        def call() -> None:
            with torch.no_grad():
                model.eval()(coord, features, 1)

        return call

    measured = {
        f"{name} forward": growth(forward, smaller, repeats, "wall"),
        f"{name} forward + backward": growth(
            lambda size: partial(step, model, *voxels(size)), smaller, repeats, "wall"
        ),
        f"{name}, peak memory of the step, ours": [_step_memory(name, size, "ours") for size in smaller],
    }
    sizes = (*smaller, count)
    result = []
    for row, figures in measured.items():
        is_memory = "memory" in row
        note = "" if is_memory else f"at {count:,} voxels the row above"
        result.append(
            Row(
                f"{row}, growth", f"{sizes[0]:,} to {count:,} voxels", largest[row], "MiB" if is_memory else "ms",
                growth=exponent(sizes, [*figures, largest[row]]), repeats=1 if is_memory else repeats, note=note,
            )
        )  # fmt: skip
    return result


def _step_memory(name: str, count: int, way: str) -> float:
    """Return the MiB of arrays that a training step holds at its peak."""
    return peak_memory("bench.network", name, str(count), way, environment=NOTHING_KEPT)


def _multiplications(model: nn.Module, coord: Tensor, features: Tensor) -> int:
    """Count those of all convolutions of a forward pass."""
    from pointnc.sparse import fused

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
