"""SpUNet-v1m1 by the definition of spconv's convolutions, from a state in Pointcept's own names.

Kernels are (out, x, y, z, in). A kernel of one cell is the exception: its memory is read as (in, out).
"""

from __future__ import annotations

import torch
from torch import Tensor

from tests.oracles import dense_convolution as dense

EPS = 1e-3


def kernel(weight: Tensor) -> Tensor:
    """What spconv computes with a weight, as (out, k, k, k, in)."""
    if weight.shape[1:4] != (1, 1, 1):
        return weight
    outputs, inputs = weight.shape[0], weight.shape[-1]
    matrix = weight.flatten().view(inputs, outputs)
    return torch.stack([matrix[:, o] for o in range(outputs)])[:, None, None, None, :]


class DenseSpUNet:
    """The forward pass, in evaluation mode.

    Args:
        state: the state dictionary.
    """

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state
        self.levels = len({key.split(".")[1] for key in state if key.startswith("down.")})

    def __call__(self, coord: Tensor, features: Tensor, batch_size: int, extent: int) -> Tensor:
        """(V, 4) voxels and (V, F) features to the logits, or to the features where there is no last layer."""
        shape = (extent, extent, extent)
        masks = [dense.densify(coord, features.new_ones((len(coord), 1)), batch_size, shape)]
        x = dense.densify(coord, features, batch_size, shape)
        x = self.norm("conv_input.1", dense.submanifold(x, self.state["conv_input.0.weight"]), masks[0]).relu()
        skips = []
        for level in range(self.levels):
            skips.append(x)
            masks.append(dense.pooled(masks[-1]))
            x = dense.down(x, self.state[f"down.{level}.0.weight"])
            x = self.blocks(f"enc.{level}", self.norm(f"down.{level}.1", x, masks[-1]).relu(), masks[-1])
        for level in reversed(range(self.levels)):
            masks.pop()
            x = dense.up(x, self.state[f"up.{level}.0.weight"])
            x = self.norm(f"up.{level}.1", x, masks[-1]).relu()
            x = self.blocks(f"dec.{level}", torch.cat([x, skips.pop()], dim=1), masks[-1])
        if "final.weight" not in self.state:
            return dense.read(x, coord)
        return dense.read(dense.submanifold(x, kernel(self.state["final.weight"])), coord) + self.state["final.bias"]

    def blocks(self, stage: str, x: Tensor, mask: Tensor) -> Tensor:
        """The residual blocks of a stage."""
        index = 0
        while f"{stage}.block{index}.conv1.weight" in self.state:
            name = f"{stage}.block{index}"
            path = self.norm(f"{name}.bn1", dense.submanifold(x, self.state[f"{name}.conv1.weight"]), mask).relu()
            path = self.norm(f"{name}.bn2", dense.submanifold(path, self.state[f"{name}.conv2.weight"]), mask)
            if f"{name}.proj.0.weight" in self.state:
                x = dense.submanifold(x, kernel(self.state[f"{name}.proj.0.weight"]))
                x = self.norm(f"{name}.proj.1", x, mask)
            x, index = (path + x).relu(), index + 1
        return x

    def norm(self, name: str, x: Tensor, mask: Tensor) -> Tensor:
        """Batch normalization by the running statistics."""
        names = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, variance = (self.state[f"{name}.{key}"] for key in names)
        return dense.masked_batch_norm(x, mask, weight, bias, EPS, (mean, variance))


def random_state(
    inputs: int = 6,
    outputs: int | None = 5,
    planes: tuple[int, ...] = (5, 6, 7, 4),
    layers: tuple[int, ...] = (1, 2, 1, 2),
    seed: int = 0,
) -> dict[str, Tensor]:
    """A state of a SpUNet of the given plan, of random numbers, in Pointcept's names."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def add(convolution: str, norm: str, edge: int, ci: int, co: int) -> None:
        state[f"{convolution}.weight"] = draw(co, edge, edge, edge, ci) / (edge**3 * ci) ** 0.5
        state[f"{norm}.weight"], state[f"{norm}.bias"] = 1 + 0.2 * draw(co), 0.2 * draw(co)
        state[f"{norm}.running_mean"] = 0.1 * draw(co)
        state[f"{norm}.running_var"] = 0.5 + torch.rand(co, generator=generator)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(3)

    def stage(name: str, count: int, ci: int, co: int) -> None:
        for index in range(count):
            block = f"{name}.block{index}"
            if ci != co:
                add(f"{block}.proj.0", f"{block}.proj.1", 1, ci, co)
            add(f"{block}.conv1", f"{block}.bn1", 3, ci, co)
            add(f"{block}.conv2", f"{block}.bn2", 3, co, co)
            ci = co

    levels = len(planes) // 2
    widths = [4, *planes[:levels]]
    add("conv_input.0", "conv_input.1", 5, inputs, 4)
    for level in range(levels):
        add(f"down.{level}.0", f"down.{level}.1", 2, widths[level], widths[level + 1])
        stage(f"enc.{level}", layers[level], widths[level + 1], widths[level + 1])
        coarse = planes[levels - 1] if level == levels - 1 else planes[-2 - level]
        add(f"up.{level}.0", f"up.{level}.1", 2, coarse, planes[-1 - level])
        stage(f"dec.{level}", layers[-1 - level], planes[-1 - level] + widths[level], planes[-1 - level])
    if outputs is not None:
        state["final.weight"], state["final.bias"] = draw(outputs, 1, 1, 1, planes[-1]), draw(outputs)
    return state
