"""The parts of Point Transformer V3 "m2": stem, blocks, the ways down and up. LayerNorm everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointnc.models.patches import PatchAttention, Patches
from pointnc.models.recomputing import called, recomputed
from pointnc.models.volt import Perceptron
from pointnc.sparse.grid import Grid, SparseTensor
from pointnc.sparse.modules import SubmanifoldConvolution


class Embedding(nn.Module):
    """A linear map, a norm and GELU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"linear": nn.Linear(in_channels, channels), "norm": nn.LayerNorm(channels)})
        self.act = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (V, F) to (V, C)."""
        return self.act(self.stem["norm"](self.stem["linear"](x)))


class Pooling(nn.Module):
    """A linear map, the greatest of a coarse voxel's children, a norm and GELU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Linear(in_channels, channels)
        self.norm = nn.Sequential(nn.LayerNorm(channels))
        self.act = nn.GELU()

    def forward(self, x: Tensor, parent: Tensor, count: int) -> Tensor:
        """Map (V, in) to (count, C)."""
        x = self.proj(x)
        index = parent[:, None].expand(-1, x.shape[1])
        pooled = x.new_zeros(count, x.shape[1]).scatter_reduce(0, index, x, "amax", include_self=False)
        return self.act(self.norm(pooled))


class Unpooling(nn.Module):
    """The coarse voxels' features given to their children, and the encoder's, each mapped, normed and rectified."""

    def __init__(self, coarse_channels: int, fine_channels: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Linear(coarse_channels, channels), nn.LayerNorm(channels), nn.GELU())
        self.proj_skip = nn.Sequential(nn.Linear(fine_channels, channels), nn.LayerNorm(channels), nn.GELU())

    def forward(self, coarse: Tensor, fine: Tensor, parent: Tensor) -> Tensor:
        """Return the sum, (V, C)."""
        return self.proj(coarse).index_select(0, parent) + self.proj_skip(fine)


class LayerScale(nn.Module):
    """A factor for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (V, C)."""
        return x * self.gamma


class Block(nn.Module):
    """A convolution that says where a voxel lies, attention, and a multilayer perceptron, each beside an identity."""

    def __init__(self, channels: int, layer_scale: bool) -> None:
        super().__init__()
        convolution = SubmanifoldConvolution(channels, channels, 3, bias=True)
        self.cpe = nn.ModuleList([convolution, nn.Linear(channels, channels), nn.LayerNorm(channels)])
        self.norm1 = nn.Sequential(nn.LayerNorm(channels))
        self.attn = PatchAttention(channels)
        self.norm2 = nn.Sequential(nn.LayerNorm(channels))
        self.mlp = nn.Sequential(Perceptron(channels))
        self.ls1, self.ls2 = (nn.Sequential(LayerScale(channels)) if layer_scale else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor, grid: Grid, patches: Patches, kept: Tensor | None) -> Tensor:
        """Map (V, C) to (V, C).

        Args:
            x: (V, C).
            grid: of its voxels.
            patches: the same voxels along the curve of this block.
            kept: (2, V, 1) factors of the branches, or None.
        """
        convolution, linear, norm = self.cpe
        x = x + norm(linear(convolution(SparseTensor(x, grid)).features))
        branch = self.ls1(self.attn(self.norm1(x), patches))
        x = x + (branch if kept is None else branch * kept[0])
        branch = self.ls2(self.mlp(self.norm2(x)))
        return x + (branch if kept is None else branch * kept[1])


class Stage(nn.Module):
    """The blocks of a resolution, and the way to it."""

    def __init__(
        self,
        channels: int,
        depth: int,
        layer_scale: bool,
        down: Pooling | None = None,
        up: Unpooling | None = None,
    ) -> None:
        super().__init__()
        self.down, self.up = down, up
        for index in range(depth):
            self.add_module(f"block{index}", Block(channels, layer_scale))

    def blocks(self) -> list[Block]:
        """Return the blocks in their order."""
        return [module for module in self.children() if isinstance(module, Block)]

    def run(
        self,
        x: Tensor,
        grid: Grid,
        patches: Sequence[Patches],
        kept: Sequence[Tensor | None],
        checkpointing: bool,
    ) -> Tensor:
        """Run the blocks, each along the next curve.

        Args:
            x: (V, C).
            grid: of its voxels.
            patches: the voxels along each curve.
            kept: factors of each block's branches.
            checkpointing: whether only what goes into a block is kept for the backward pass.
        """
        run = recomputed if checkpointing and torch.is_grad_enabled() else called
        for index, block in enumerate(self.blocks()):
            x = run(block, x, grid, patches[index % len(patches)], kept[index])
        return x
