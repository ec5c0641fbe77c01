"""Res16UNet by the definition of MinkowskiEngine's convolutions, from a state in that library's own layout.

A kernel is (offsets, in, out) or, for one offset, (in, out). The offsets of a cube are counted with the first
coordinate fastest: from -(k // 2) for an odd edge, from 0 for an even one. Other orders are lists of their own.
"""

from __future__ import annotations

import torch
from torch import Tensor

Offset = tuple[int, int, int]
STRIDES = (16, 8, 4, 2)


# fmt: off
HYBRID: list[Offset] = [
    (0, 0, 0), (-1, 0, 0), (1, 0, 0),
    (0, -1, 0), (0, 1, 0), (-1, -1, 0), (-1, 1, 0), (1, -1, 0), (1, 1, 0),
    (0, 0, -1), (0, 0, 1), (-1, 0, -1), (-1, 0, 1), (1, 0, -1), (1, 0, 1),
    (0, -1, -1), (0, -1, 1), (0, 1, -1), (0, 1, 1),
    (-1, -1, -1), (-1, -1, 1), (-1, 1, -1), (-1, 1, 1), (1, -1, -1), (1, -1, 1), (1, 1, -1), (1, 1, 1),
]
PRODUCT: list[Offset] = [
    (0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1),
]
# fmt: on


def offsets(volume: int) -> list[Offset]:
    """The offsets of a cube with so many cells, in the order of the kernel's rows."""
    edge = round(volume ** (1 / 3))
    first = -(edge // 2) if edge % 2 else 0
    return [(first + n % edge, first + n // edge % edge, first + n // edge**2) for n in range(volume)]


def shifted(grid: Tensor, offset: Offset) -> Tensor:
    """The (X, Y, Z, C) grid whose cell u holds that of u + offset; zero beyond the edge."""
    result = torch.zeros_like(grid)
    theirs, ours = [], []
    for extent, step in zip(grid.shape, offset):
        theirs.append(slice(max(step, 0), extent + min(step, 0)))
        ours.append(slice(max(-step, 0), extent + min(-step, 0)))
    result[tuple(ours)] = grid[tuple(theirs)]
    return result


def convolution(grid: Tensor, kernel: Tensor, order: list[Offset] | None = None) -> Tensor:
    """out[u] = sum over offsets of in[u + offset] @ kernel[offset]."""
    kernel = kernel if kernel.ndim == 3 else kernel[None]
    order = order or offsets(len(kernel))
    return sum(shifted(grid, offset) @ matrix for offset, matrix in zip(order, kernel))  # type: ignore


def strided(grid: Tensor, kernel: Tensor, order: list[Offset]) -> Tensor:
    """out[v] = sum over offsets of in[2 v + offset] @ kernel[offset]."""
    return sum(grid[x::2, y::2, z::2] @ matrix for (x, y, z), matrix in zip(order, kernel))  # type: ignore


def transposed(grid: Tensor, kernel: Tensor, order: list[Offset]) -> Tensor:
    """out[2 v + offset] = in[v] @ kernel[offset]."""
    X, Y, Z, _ = grid.shape
    result = grid.new_zeros((2 * X, 2 * Y, 2 * Z, kernel.shape[-1]))
    for (x, y, z), matrix in zip(order, kernel):
        result[x::2, y::2, z::2] = grid @ matrix
    return result


class DenseRes16UNet:
    """The forward pass, in evaluation mode, of one sample.

    Args:
        state: the state dictionary, names as in the authors' code.
        eps: of batch normalization.
        block: offsets of the blocks' 3³ kernels in order; None: those of a cube.
        even: offsets of 2³ kernels in order; None: those of a cube.
    """

    def __init__(
        self,
        state: dict[str, Tensor],
        eps: float = 1e-5,
        block: list[Offset] | None = None,
        even: list[Offset] | None = None,
    ) -> None:
        self.state, self.eps = state, eps
        self.block, self.even = block or offsets(27), even or offsets(8)

    def __call__(self, coord: Tensor, features: Tensor, extent: int) -> Tensor:
        """(V, 3) voxels and their (V, F) features to (V, outputs); the extent is a multiple of 16."""
        x, y, z = coord.long().unbind(1)
        grid = features.new_zeros((extent, extent, extent, features.shape[1]))
        grid[x, y, z] = features
        mask = features.new_zeros((extent, extent, extent, 1))
        mask[x, y, z] = 1
        masks = [mask]
        out = self.norm("bn0", convolution(grid, self.state["conv0p1s1.kernel"]), mask).relu()
        skips = []
        for level in range(4):
            skips.append(out)
            cells = masks[-1].unflatten(0, (-1, 2)).unflatten(2, (-1, 2)).unflatten(4, (-1, 2))
            masks.append(cells.amax(dim=(1, 3, 5)))
            down = strided(out, self.state[f"conv{level + 1}p{2**level}s2.kernel"], self.even)
            out = self.blocks(f"block{level + 1}", self.norm(f"bn{level + 1}", down, masks[-1]).relu(), masks[-1])
        for index, stride in enumerate(STRIDES):
            masks.pop()
            up = transposed(out, self.state[f"convtr{index + 4}p{stride}s2.kernel"], self.even)
            up = self.norm(f"bntr{index + 4}", up, masks[-1]).relu()
            out = self.blocks(f"block{index + 5}", torch.cat([up, skips.pop()], dim=-1), masks[-1])
        rows = out[x, y, z]
        return rows @ self.state["final.kernel"].reshape(rows.shape[1], -1) + self.state["final.bias"].reshape(-1)

    def blocks(self, name: str, x: Tensor, mask: Tensor) -> Tensor:
        """The residual blocks of a stage."""
        index = 0
        while f"{name}.{index}.conv1.kernel" in self.state:
            block = f"{name}.{index}"
            path, layer = x, 1
            while f"{block}.conv{layer}.kernel" in self.state:
                kernel = self.state[f"{block}.conv{layer}.kernel"]
                order = self.block if len(kernel) == 27 and kernel.ndim == 3 else None
                path = convolution(path if layer == 1 else path.relu(), kernel, order)
                path = self.norm(f"{block}.norm{layer}", path, mask)
                layer += 1
            if f"{block}.downsample.0.kernel" in self.state:
                x = convolution(x, self.state[f"{block}.downsample.0.kernel"])
                x = self.norm(f"{block}.downsample.1", x, mask)
            x, index = (path + x).relu(), index + 1
        return x

    def norm(self, name: str, x: Tensor, mask: Tensor) -> Tensor:
        """Batch normalization by the running statistics; without scale and shift where the state has none."""
        mean, variance = (self.state[f"{name}.bn.running_{key}"] for key in ("mean", "var"))
        x = (x - mean) / (variance + self.eps).sqrt()
        if f"{name}.bn.weight" in self.state:
            x = x * self.state[f"{name}.bn.weight"] + self.state[f"{name}.bn.bias"]
        return x * mask


def random_state(
    inputs: int = 3,
    outputs: int = 5,
    planes: tuple[int, ...] = (4, 5, 6, 7, 6, 5, 4, 8),
    layers: tuple[int, ...] = (1, 2, 1, 1, 1, 1, 1, 2),
    stem: int = 5,
    bottleneck: bool = False,
    affine: bool = True,
    pointwise_dimensions: int = 2,
    seed: int = 0,
) -> dict[str, Tensor]:
    """A state of a Res16UNet of the given plan, of random numbers, in the authors' names."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    expansion = 4 if bottleneck else 1

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def add(convolution: str, norm: str, volume: int, ci: int, co: int) -> None:
        shape = (ci, co) if volume == 1 and pointwise_dimensions == 2 else (volume, ci, co)
        state[f"{convolution}.kernel"] = draw(*shape) / (volume * ci) ** 0.5
        state[f"{norm}.bn.running_mean"] = 0.1 * draw(co)
        state[f"{norm}.bn.running_var"] = 0.5 + torch.rand(co, generator=generator)
        state[f"{norm}.bn.num_batches_tracked"] = torch.tensor(7)
        if affine:
            state[f"{norm}.bn.weight"], state[f"{norm}.bn.bias"] = 1 + 0.2 * draw(co), 0.2 * draw(co)

    def stage(number: int, ci: int) -> int:
        width = planes[number - 1]
        for index in range(layers[number - 1]):
            block = f"block{number}.{index}"
            shapes = [(1, ci, width), (27, width, width), (1, width, 4 * width)] if bottleneck else None
            for layer, (volume, a, b) in enumerate(shapes or [(27, ci, width), (27, width, width)], start=1):
                add(f"{block}.conv{layer}", f"{block}.norm{layer}", volume, a, b)
            if ci != width * expansion:
                add(f"{block}.downsample.0", f"{block}.downsample.1", 1, ci, width * expansion)
            ci = width * expansion
        return ci

    add("conv0p1s1", "bn0", stem**3, inputs, 6)
    width, widths = 6, [6]
    for level in range(4):
        add(f"conv{level + 1}p{2**level}s2", f"bn{level + 1}", 8, width, width)
        width = stage(level + 1, width)
        widths.append(width)
    for index, stride in enumerate(STRIDES):
        add(f"convtr{index + 4}p{stride}s2", f"bntr{index + 4}", 8, width, planes[index + 4])
        width = stage(index + 5, planes[index + 4] + widths[3 - index])
    state["final.kernel"] = draw(width, outputs) if pointwise_dimensions == 2 else draw(1, width, outputs)
    state["final.bias"] = draw(1, outputs)
    return state
