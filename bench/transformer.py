"""Volt beside dense products of the same size, and its memory beside SpUNet's: rows of ``python -m bench network``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from bench.measure import exponent, growth, medians
from bench.rows import Row
from pointnc.models.tokens import PLACES, Tokens
from pointnc.models.volt import Volt

REPEATS = 3
"""A pass takes ten seconds."""

EDGE, PRODUCTS = 2048, 32
"""Size and number of dense products measured in turns with the network, long enough to meet the same neighbors."""


def rows(
    name: str,
    make: Callable[[bool], nn.Module],
    voxels: Callable[[int], tuple[Tensor, Tensor]],
    step: Callable[[nn.Module, Tensor, Tensor], None],
    memory: Callable[[str, str], float],
    peer: tuple[str, float],
    count: int,
    smaller: tuple[int, ...],
    repeats: int = REPEATS,
    products: int = PRODUCTS,
) -> list[Row]:
    """Measure a Volt.

    Args:
        name: of ``conf/model``.
        make: the network, with checkpointing or without.
        voxels: so many voxels of a room.
        step: forward and backward.
        memory: MiB of a training step of a network by its name and way.
        peer: name and MiB of a training step of the network that it stands beside.
        count: voxels.
        smaller: other numbers of them, for the growth of a forward pass.
        repeats: how often each is measured.
        products: dense products in a turn.
    """
    models = {"ours": make(False), "checkpointing": make(True)}
    coord, features = voxels(count)
    tokens = len(Tokens.of(coord, 1, coord.device))
    square = torch.ones(EDGE, EDGE)
    backbone = models["ours"]
    assert isinstance(backbone, Volt)
    work = 2 * multiplications(backbone, tokens, count)

    def forward(size: int) -> Callable[[], object]:
        inputs = voxels(size)

        def call() -> None:
            with torch.no_grad():
                backbone.eval()(*inputs, 1)

        return call

    for model in models.values():
        step(model, *voxels(2_000))  # everything is loaded
    calls: dict[str, Callable[[], object]] = {
        "products": lambda: [square @ square for _ in range(products)],
        "forward": forward(count),
        "ours": partial(step, models["ours"], coord, features),
        "checkpointing": partial(step, models["checkpointing"], coord, features),
    }
    taken = medians(calls, repeats, warm=False)
    limit = work * taken["products"] / (2 * EDGE**3 * products)
    size = f"{count:,} voxels, {tokens:,} tokens, 2 threads"
    kept = {way: memory(name, way) for way in models}
    note = f"its {work / 1e9:.0f} GFLOP at the speed of dense products measured in turns with it"
    sizes = (*smaller, count)
    growing = [*growth(forward, smaller, repeats, "wall"), taken["forward"]]
    return [
        Row(
            f"{name} forward", size, taken["forward"], "ms", "its products", limit, ratio_target=1.4, limit=limit,
            repeats=repeats, note=note,
        ),
        Row(
            f"{name} forward + backward", size, taken["ours"], "ms", "three times", 3 * limit, ratio_target=1.4,
            limit=3 * limit, repeats=repeats, note="attention's backward pass computes its scores again",
        ),
        Row(
            f"{name}, with checkpointing", size, taken["checkpointing"], "ms", "without", taken["ours"],
            repeats=repeats,
        ),
        *(
            Row(
                f"{name}, peak memory of the step, {way}", size, kept[way], "MiB", f"{peer[0]}, ours", peer[1],
                ratio_target=target, repeats=1, note="of its own process; freed memory is not kept",
            )
            for way, target in (("ours", 1.5), ("checkpointing", 1.0))
        ),
        Row(
            f"{name} forward, growth", f"{sizes[0]:,} to {count:,} voxels", taken["forward"], "ms",
            growth=exponent(sizes, growing), repeats=repeats,
        ),
    ]  # fmt: skip


def multiplications(network: Volt, tokens: int, voxels: int) -> int:
    """Count those of a forward pass's products, each voxel's own place alone where a cell is unfolded."""
    width, features = network.channels, network.decoder.unembed.bias.numel()
    blocks = len(network.blocks) * tokens * (12 * width**2 + 2 * tokens * width)
    return blocks + tokens * width * (PLACES * network.in_channels + features) + voxels * features**2
