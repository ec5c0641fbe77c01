"""Residual U-Nets on dense grids, written from their parameters' names alone."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.oracles import dense_convolution as dense


class DenseMinkUNet:
    """The forward pass of a sparse U-Net with the given parameters and buffers.

    Args:
        state: the state dictionary of a ``pointnc.models.unet.SparseUNet``.
        training: whether batch normalization uses the statistics of the batch.
        eps: of batch normalization.
    """

    def __init__(self, state: dict[str, Tensor], training: bool, eps: float = 1e-5) -> None:
        self.state = state
        self.training = training
        self.eps = eps

    def __call__(self, coord: Tensor, features: Tensor, batch_size: int, shape: dense.Shape) -> Tensor:
        """(V, F) to (V, D); every extent a multiple of 2 to the number of levels."""
        masks = [dense.densify(coord, features.new_ones((len(coord), 1)), batch_size, shape)]
        grid = dense.densify(coord, features, batch_size, shape)
        x = self.norm("stem", dense.submanifold(grid, self.weight("stem")), masks[0]).relu()
        skips = []
        for level in range(self.count("encoder")):
            skips.append(x)
            masks.append(dense.pooled(masks[-1]))
            name = f"encoder.{level}"
            x = self.norm(f"{name}.down", dense.down(x, self.weight(f"{name}.down")), masks[-1]).relu()
            x = self.blocks(name, x, masks[-1])
        for level in range(self.count("decoder")):
            masks.pop()
            name = f"decoder.{level}"
            x = self.norm(f"{name}.up", dense.up(x, self.weight(f"{name}.up")), masks[-1]).relu()
            x = self.blocks(name, torch.cat([x, skips.pop()], dim=1), masks[-1])
        if "projection.weight" in self.state:
            x = dense.submanifold(x, self.state["projection.weight"])
            return dense.read(x, coord) + self.state["projection.bias"]
        return dense.read(x, coord)

    def blocks(self, stage: str, x: Tensor, mask: Tensor) -> Tensor:
        """The residual blocks of one stage."""
        for index in range(self.count(f"{stage}.blocks")):
            name = f"{stage}.blocks.{index}"
            path = x
            for layer in range(self.count(f"{name}.path")):
                path = path.relu() if layer else x
                path = dense.submanifold(path, self.weight(f"{name}.path.{layer}"))
                path = self.norm(f"{name}.path.{layer}", path, mask)
            if f"{name}.shortcut.convolution.weight" in self.state:
                projected = dense.submanifold(x, self.weight(f"{name}.shortcut"))
                x = self.norm(f"{name}.shortcut", projected, mask)
            x = (path + x).relu()
        return x

    def weight(self, name: str) -> Tensor:
        """The kernel of a convolution."""
        return self.state[f"{name}.convolution.weight"]

    def norm(self, name: str, x: Tensor, mask: Tensor) -> Tensor:
        """The batch normalization of a convolution."""
        names = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, variance = (self.state[f"{name}.norm.{key}"] for key in names)
        statistics = None if self.training else (mean, variance)
        return dense.masked_batch_norm(x, mask, weight, bias, self.eps, statistics)

    def count(self, prefix: str) -> int:
        """Number of entries of a module list."""
        start = len(prefix) + 1
        return len({key[start:].split(".")[0] for key in self.state if key.startswith(f"{prefix}.")})
