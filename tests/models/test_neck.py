"""The neck: its formula, its place in every form that a network travels in, and what it gives the features."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from pointnc.models import MinkUNet, Segmentor
from pointnc.models.blocks import Norm
from pointnc.models.neck import Neck
from pointnc.sparse.grid import SparseTensor
from pointnc.weights.architecture import Architecture
from tests.helpers.mistakes import raises
from tests.helpers.voxels import random_voxels

PLAN = {"planes": [8, 12, 12, 8], "layers": [1, 1, 1, 1], "stem_channels": 8, "stem_kernel": 3}


@pytest.mark.parametrize("engine", ["cpu", "torch"])
@pytest.mark.parametrize("training", [True, False])
def test_a_neck_is_linear_batch_norm_relu_linear(training: bool, engine: str) -> None:
    coord = random_voxels()
    features = torch.randn(len(coord), 6, requires_grad=True)
    neck = Neck(6, 20, Norm()).train(training)
    norm = neck.expand.norm
    for value in (norm.weight, norm.bias, norm.running_mean, neck.project.bias):
        torch.nn.init.normal_(value)
    x = SparseTensor.from_voxels(coord, features, 2, engine=engine)
    first, second = (layer.weight[:, 0, 0, 0] for layer in (neck.expand.convolution, neck.project))
    hidden = F.batch_norm(
        features @ first.T, norm.running_mean.clone(), norm.running_var.clone(), norm.weight, norm.bias, training
    )
    expected = F.relu(hidden) @ second.T + neck.project.bias
    out = x.grid.restore(neck(x).features)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    direction = torch.randn(out.shape)
    wanted = (features, neck.expand.convolution.weight)
    for ours, theirs in zip(*(torch.autograd.grad(value, wanted, direction) for value in (out, expected))):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_features_of_a_neck_are_wide_and_free_of_the_relu() -> None:
    coord = random_voxels()
    network = MinkUNet(3, **PLAN, neck=24)
    assert network.out_channels == 24
    out = network(coord, torch.randn(len(coord), 3), 2)
    assert out.shape == (len(coord), 24) and (out < 0).float().mean() > 0.1


def test_a_neck_travels_in_architectures_and_one_that_is_not_there_is_not_named() -> None:
    with_neck = Architecture("MinkUNet", {**PLAN, "in_channels": 3, "neck": 24})
    assert Architecture.from_dict(with_neck.to_dict()) == with_neck
    assert with_neck.build().out_channels == 24 and "neck of 24" in with_neck.title
    assert Architecture.of(with_neck.node(), 3) == with_neck
    without = Architecture("MinkUNet", {**PLAN, "in_channels": 3})
    assert "neck" not in without.to_dict() and "neck" not in without.title


def test_a_bundle_carries_the_neck(tmp_path: Path) -> None:
    from pointnc.scenes.taxonomy import Taxonomy
    from pointnc.weights.card import ModelCard
    from pointnc.weights.published import save_weights
    from pointnc.weights.source import load

    taxonomy = Taxonomy.from_dict({"names": ["a", "b", "c"]})
    card = ModelCard(Architecture("MinkUNet", {**PLAN, "in_channels": 3, "neck": 24}), ("color",), 0.05, taxonomy)
    model = Segmentor(card.architecture.build(), 3).eval()
    save_weights(tmp_path / "model.safetensors", model.state_dict(), card)
    loaded = load(tmp_path / "model.safetensors")
    coord = random_voxels()
    features = torch.randn(len(coord), 3)
    assert torch.equal(loaded.backbone(coord, features, 2), model.backbone(coord, features, 2))


@pytest.mark.parametrize("neck", [0, 1.5, "wide", True])
def test_a_neck_without_channels_is_refused(neck: object) -> None:
    with raises("option", f"neck={neck}"):
        MinkUNet(3, **PLAN, neck=neck)
