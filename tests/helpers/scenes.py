"""Scenes and small networks for the tests of this folder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pointnc.models.minkunet import MinkUNet
from pointnc.models.segmentor import Segmentor
from pointnc.scenes.scene import Scene

VOXEL = 0.1


def random_scene(points: int = 400, extent: tuple[float, ...] = (4.0, 3.0, 0.5), seed: int = 0) -> Scene:
    """Random points with colors and normals; the arrays are read-only, as maps of files are."""
    rng = np.random.default_rng(seed)
    coord = (rng.random((points, 3)) * extent + (7, -2, 0.3)).astype(np.float32)
    return dressed(coord, rng)


def lattice_scene(seed: int = 0) -> Scene:
    """Points so far from one another that each has a voxel of its own in every view."""
    rng = np.random.default_rng(seed)
    lattice = np.stack(np.meshgrid(np.arange(9), np.arange(7), np.arange(4), indexing="ij"), -1).reshape(-1, 3)
    return dressed((lattice * 4 * VOXEL + rng.uniform(0, VOXEL, lattice.shape)).astype(np.float32), rng)


def dressed(coord: np.ndarray, rng: np.random.Generator) -> Scene:
    normal = rng.standard_normal(coord.shape).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    scene = Scene("room", coord, rng.integers(0, 256, coord.shape).astype(np.uint8), normal)
    for array in scene.arrays().values():
        array.setflags(write=False)
    return scene


def unet(in_channels: int = 3, classes: int = 5) -> Segmentor:
    """A U-Net with one halving whose output at a voxel depends on nothing farther than 8 voxels away.

    Stem 1, two 3³ convolutions on blocks of 2³: 4 and 1 for the block, two 3³ convolutions: 2.
    """
    torch.manual_seed(0)
    model = Segmentor(MinkUNet(in_channels, planes=[6, 6], layers=[1, 1], stem_channels=4, stem_kernel=3), classes)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
    nn.init.normal_(model.head.weight)
    return model


class ColorBackbone(nn.Module):
    """Every voxel's features as they are: what a point gets tells which point stood for its voxel."""

    out_channels = 3

    def forward(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        return features


class NeighborhoodBackbone(nn.Module):
    """The sum of the features within two voxels along each axis, no farther: the reach is known to the voxel."""

    out_channels = 3
    radius = 2

    def forward(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        x, y, z = coord[:, 1:].long().T
        dense = features.new_zeros(3, *(coord[:, 1:].amax(dim=0) + 1 + 2 * self.radius).tolist())
        dense[:, x, y, z] = features.T
        width, edge = 2 * self.radius + 1, self.radius
        sums = dense[None]
        for kernel, padding in (
            ((width, 1, 1), (edge, 0, 0)),
            ((1, width, 1), (0, edge, 0)),
            ((1, 1, width), (0, 0, edge)),
        ):
            sums = nn.functional.avg_pool3d(sums, kernel, 1, padding, divisor_override=1)
        return sums[0, :, x, y, z].T


class InvariantBackbone(nn.Module):
    """What turning and mirroring about the vertical axis leave alone, of features (coord, normal)."""

    out_channels = 4

    def forward(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        point, normal = features[:, :3], features[:, 3:]
        radius = point[:, :2].square().sum(dim=1)
        return torch.stack([point[:, 2], radius, (point * normal).sum(dim=1), normal[:, 2]], dim=1)


def segmentor(backbone: nn.Module, classes: int = 6) -> Segmentor:
    torch.manual_seed(1)
    return Segmentor(backbone, classes)
