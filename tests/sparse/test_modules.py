"""Sparse operations against torch's dense convolutions, in value and in every gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pointnc.models.blocks import BatchNorm
from pointnc.sparse.grid import SparseTensor
from pointnc.sparse.modules import (
    DownConvolution,
    PointwiseConvolution,
    SparseConvolution,
    SubmanifoldConvolution,
    UpConvolution,
)
from tests.helpers.voxels import random_voxels
from tests.oracles import dense_convolution as dense

EXTENT = 8
SHAPE = (EXTENT, EXTENT, EXTENT)
HALF = (EXTENT // 2, EXTENT // 2, EXTENT // 2)


def restored(x: SparseTensor) -> Tensor:
    """Features in the order in which the voxels were given."""
    return x.grid.restore(x.features)


def assert_same_function(
    sparse: Callable[[Tensor], Tensor], oracle: Callable[[Tensor], Tensor], features: Tensor, weight: Tensor
) -> None:
    """Equal values and, for a random direction, equal gradients by features and weight."""
    results = []
    for function in (sparse, oracle):
        out = function(features)
        direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
        results.append((out, *torch.autograd.grad(out, (features, weight), direction)))
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_submanifold_convolution_equals_conv3d(kernel: int, bias: bool, training: bool) -> None:
    coord = random_voxels(extent=EXTENT)
    features = torch.randn(len(coord), 3, requires_grad=True)
    layer = SubmanifoldConvolution(3, 5, kernel, bias).train(training)
    constant = torch.zeros(5)
    if layer.bias is not None:
        nn.init.normal_(layer.bias)
        constant = layer.bias
    assert_same_function(
        lambda f: restored(layer(SparseTensor.from_voxels(coord, f, 2))),
        lambda f: dense.read(dense.submanifold(dense.densify(coord, f, 2, SHAPE), layer.weight), coord) + constant,
        features,
        layer.weight,
    )


def test_down_convolution_equals_strided_conv3d() -> None:
    coord = random_voxels(extent=EXTENT, share=0.1)
    features = torch.randn(len(coord), 3, requires_grad=True)
    layer = DownConvolution(3, 5)
    parents = layer(SparseTensor.from_voxels(coord, features, 2, divisor=2)).grid.coord
    assert torch.equal(parents, torch.cat([coord[:, :1], coord[:, 1:] // 2], dim=1).unique(dim=0))
    assert_same_function(
        lambda f: layer(SparseTensor.from_voxels(coord, f, 2, divisor=2)).features,
        lambda f: dense.read(dense.down(dense.densify(coord, f, 2, SHAPE), layer.weight), parents),
        features,
        layer.weight,
    )


def test_up_convolution_equals_conv_transpose3d() -> None:
    coord = random_voxels(extent=EXTENT, share=0.1)
    coarse = DownConvolution(1, 1)(SparseTensor.from_voxels(coord, torch.zeros(len(coord), 1), 2, divisor=2))
    parents = coarse.grid.coord
    features = torch.randn(len(parents), 3, requires_grad=True)
    layer = UpConvolution(3, 5)
    fine = layer(coarse.replace(features))
    assert torch.equal(fine.grid.restore(fine.grid.coord), coord)
    assert_same_function(
        lambda f: restored(layer(coarse.replace(f))),
        lambda f: dense.read(dense.up(dense.densify(parents, f, 2, HALF), layer.weight), coord),
        features,
        layer.weight,
    )


def test_pointwise_convolution_equals_conv3d() -> None:
    coord = random_voxels()
    features = torch.randn(len(coord), 3, requires_grad=True)
    layer = PointwiseConvolution(3, 5)
    assert_same_function(
        lambda f: restored(layer(SparseTensor.from_voxels(coord, f, 2))),
        lambda f: dense.read(dense.submanifold(dense.densify(coord, f, 2, SHAPE), layer.weight), coord),
        features,
        layer.weight,
    )


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_equals_the_masked_dense_one(training: bool) -> None:
    coord = random_voxels()
    features = torch.randn(len(coord), 3, requires_grad=True)
    norm = BatchNorm(3).train(training)
    for value in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(value)
    statistics = None if training else (norm.running_mean.clone(), norm.running_var.clone())
    mask = dense.densify(coord, torch.ones(len(coord), 1), 2, SHAPE)
    assert_same_function(
        norm,
        lambda f: dense.read(
            dense.masked_batch_norm(
                dense.densify(coord, f, 2, SHAPE), mask, norm.weight, norm.bias, norm.eps, statistics
            ),
            coord,
        ),
        features,
        norm.weight,
    )


@pytest.mark.parametrize("rows", [0, 1])
def test_batch_norm_of_too_few_voxels_uses_and_keeps_the_running_statistics(rows: int) -> None:
    norm = BatchNorm(3)
    nn.init.normal_(norm.running_mean)
    before = norm.running_mean.clone()
    features = torch.randn(rows, 3)
    expected = norm.eval()(features)
    torch.testing.assert_close(norm.train()(features), expected)
    assert torch.equal(norm.running_mean, before)


@pytest.mark.parametrize("layer", [SubmanifoldConvolution(3, 4, 3, True), DownConvolution(3, 4, True)])
def test_no_voxels_give_none_and_gradients_of_zero(layer: SparseConvolution) -> None:
    nothing = SparseTensor.from_voxels(torch.zeros((0, 4), dtype=torch.int32), torch.zeros(0, 3), 2, divisor=2)
    out = layer(nothing)
    assert out.features.shape == (0, 4)
    out.features.sum().backward()
    assert layer.weight.grad is not None and not layer.weight.grad.any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_on_a_cpu_changes_nothing(dtype: torch.dtype) -> None:
    coord = random_voxels()
    x = SparseTensor.from_voxels(coord, torch.randn(len(coord), 3), 2)
    for layer in (SubmanifoldConvolution(3, 5, 3), PointwiseConvolution(3, 5)):
        with torch.autocast("cpu", dtype=dtype):
            under_autocast = layer(x).features
        assert under_autocast.dtype == torch.float32
        assert torch.equal(under_autocast, layer(x).features)


def test_layers_of_one_resolution_share_a_table() -> None:
    coord = random_voxels()
    x = SubmanifoldConvolution(3, 3, 3)(SparseTensor.from_voxels(coord, torch.randn(len(coord), 3), 2, divisor=2))
    table = x.grid.submanifold(3)
    back = UpConvolution(3, 3)(DownConvolution(3, 3)(SubmanifoldConvolution(3, 3, 3)(x)))
    assert back.grid is x.grid
    assert back.grid.submanifold(3) is table


def test_initial_weights_have_the_variance_of_kaimings_rule() -> None:
    layer = SubmanifoldConvolution(32, 64, 3)
    assert layer.weight.std().item() == pytest.approx((2 / (64 * 27)) ** 0.5, rel=0.02)


def test_coordinates_that_are_no_voxels_are_refused() -> None:
    one = torch.zeros(1, 3)
    for coord in ([[0, 0, 0, -1]], [[1, 0, 0, 0]], [[-1, 0, 0, 0]]):
        with pytest.raises(ValueError, match="samples 0 to 0"):
            SparseTensor.from_voxels(torch.tensor(coord, dtype=torch.int32), one, 1)
    with pytest.raises(ValueError, match="int32"):
        SparseTensor.from_voxels(torch.zeros((1, 4)), one, 1)
    with pytest.raises(ValueError, match="2 feature rows for 1 voxels"):
        SparseTensor.from_voxels(torch.zeros((1, 4), dtype=torch.int32), torch.zeros(2, 3), 1)


def test_an_odd_extent_is_not_halved_and_the_finest_grid_has_none_above_it() -> None:
    x = SparseTensor.from_voxels(torch.zeros((1, 4), dtype=torch.int32), torch.zeros(1, 3), 1)
    with pytest.raises(ValueError, match="divisor"):
        DownConvolution(3, 4)(x)
    with pytest.raises(ValueError, match="down convolution"):
        UpConvolution(3, 4)(x)
