"""Checkpointing: the same gradients and statistics, less kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pointnc.models import MinkUNet, SpUNet
from pointnc.models.unet import SparseUNet
from tests.helpers.voxels import random_voxels
from tests.sparse.test_fused import unfused

PLAN: dict[str, Any] = {"planes": (8, 12, 12, 8), "layers": (2, 1, 1, 2), "stem_channels": 8, "stem_kernel": 3}


def step(network: nn.Module) -> tuple[list[Tensor], int]:
    """Output, gradients and buffers after a training step, and the bytes that autograd kept."""
    coord = random_voxels(extent=12)
    features = torch.randn(len(coord), 3, generator=torch.Generator().manual_seed(1))
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = network(coord, features, 2)
    out.square().mean().backward()
    return [out, *(p.grad for p in network.parameters()), *network.buffers()], sum(kept.values())


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind", [MinkUNet, SpUNet])
def test_checkpointing_changes_nothing_but_what_is_kept(kind: type[SparseUNet], fused: bool) -> None:
    results = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network: nn.Module = kind(3, **PLAN, checkpointing=checkpointing)
        results.append(step(network if fused else unfused(network)))
    (plain, bytes_plain), (ours, bytes_ours) = results
    assert len(plain) == len(ours) > 50
    for one, other in zip(plain, ours):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert bytes_ours < 0.8 * bytes_plain


def test_a_card_does_not_mention_it() -> None:
    from pointnc.weights.architecture import Architecture

    node = {"_target_": "pointnc.models.spunet.SpUNet", "planes": [8, 8], "layers": [1, 1], "checkpointing": True}
    assert "checkpointing" not in Architecture.of(node, 3).to_dict()
