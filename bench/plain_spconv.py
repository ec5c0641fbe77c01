"""A SparseUNet of pointnc as stock spconv modules run one by one: what the network's benchmark stands beside."""

from __future__ import annotations

from typing import Any

import spconv.pytorch as spconv
import torch
from torch import Tensor, nn

from pointnc.models.blocks import NormedConvolution, ResidualBlock
from pointnc.models.unet import SparseUNet

ALGORITHM = spconv.ConvAlgo.Native  # the only one that works on a CPU


class PlainUNet(nn.Module):
    """The same network with the same weights, without anything shared or fused.

    Args:
        network: with basic blocks and without ``out_channels``.
    """

    def __init__(self, network: SparseUNet) -> None:
        super().__init__()
        levels = len(network.encoder)
        self.stem = _layers(network.stem, "stem")
        self.down = nn.ModuleList(_layers(stage.down, f"down{i}") for i, stage in enumerate(network.encoder))
        self.encoder = nn.ModuleList(_blocks(stage.blocks, f"level{i + 1}") for i, stage in enumerate(network.encoder))
        self.up = nn.ModuleList(_layers(stage.up, f"down{levels - 1 - i}") for i, stage in enumerate(network.decoder))
        self.decoder = nn.ModuleList(
            _blocks(stage.blocks, f"level{levels - 1 - i}") for i, stage in enumerate(network.decoder)
        )

    def forward(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        """Map (V, F) to (V, D)."""
        shape = [-(-(int(last) + 1) // 16) * 16 for last in coord[:, 1:].amax(0)]
        x = self.stem(spconv.SparseConvTensor(features, coord, shape, batch_size))
        skips = []
        for down, blocks in zip(self.down, self.encoder):
            skips.append(x)
            x = blocks(down(x))
        for up, blocks in zip(self.up, self.decoder):
            x = up(x)
            x = blocks(x.replace_feature(torch.cat([x.features, skips.pop().features], 1)))
        return x.features


class _Block(spconv.SparseModule):
    def __init__(self, block: ResidualBlock, key: str) -> None:
        super().__init__()
        first, second = block.path
        self.first, self.second = _layers(first, key), _layers(second, key)
        self.shortcut = _layers(block.shortcut, key + "_shortcut") if len([*block.shortcut.parameters()]) else None
        self.relu = nn.ReLU()

    def forward(self, x: Any) -> Any:
        out = self.second(self.first(x))
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return out.replace_feature(self.relu(out.features + shortcut.features))


def _blocks(blocks: Any, key: str) -> Any:
    return spconv.SparseSequential(*(_Block(block, key) for block in blocks))


def _layers(layer: Any, key: str) -> Any:
    assert isinstance(layer, NormedConvolution)
    norm = nn.BatchNorm1d(layer.norm.num_features, eps=layer.norm.eps, momentum=layer.norm.momentum)
    norm.load_state_dict(layer.norm.state_dict())
    return spconv.SparseSequential(_convolution(layer.convolution, key), norm, *([nn.ReLU()] if layer.relu else []))


def _convolution(ours: Any, key: str) -> Any:
    outputs, kernel, *_, inputs = ours.weight.shape
    theirs: Any
    settings: dict[str, Any] = {"bias": False, "indice_key": key, "algo": ALGORITHM}
    if ours.kind == "submanifold":
        theirs = spconv.SubMConv3d(inputs, outputs, kernel, padding=kernel // 2, **settings)
    elif ours.kind == "down":
        theirs = spconv.SparseConv3d(inputs, outputs, 2, stride=2, **settings)
    else:
        theirs = spconv.SparseInverseConv3d(inputs, outputs, 2, **settings)
    with torch.no_grad():
        # spconv 2.3.8 reads the weights of 1³ kernels transposed.
        weight = ours.weight if kernel > 1 else ours.weight.reshape(outputs, inputs).T.reshape(theirs.weight.shape)
        theirs.weight.copy_(weight)
    return theirs
