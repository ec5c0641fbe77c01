"""Fused layers against the same layers one by one, and what must not change a result."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pointnc.models import MinkUNet
from pointnc.models.blocks import BasicBlock, BatchNorm, BottleneckBlock, Norm, ResidualBlock
from pointnc.sparse import fused, products
from pointnc.sparse.grid import SparseTensor
from pointnc.sparse.neighbors import submanifold_table
from tests.helpers.voxels import random_voxels


class OneByOne(BatchNorm):
    """A normalization that the fused layers do not know, so that every module runs by itself."""


def unfused(module: nn.Module) -> nn.Module:
    for child in module.modules():
        if type(child) is BatchNorm:
            child.__class__ = OneByOne
    return module


def block(kind: type[ResidualBlock], channels: int) -> ResidualBlock:
    torch.manual_seed(1)
    made = kind(6, channels, Norm()).double()
    for module in made.modules():
        if isinstance(module, BatchNorm):
            nn.init.uniform_(module.weight, -1, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return made


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("kind", "channels"), [(BasicBlock, 6), (BasicBlock, 5), (BottleneckBlock, 3)])
def test_a_fused_block_equals_its_modules_one_by_one(kind: type[ResidualBlock], channels: int, training: bool) -> None:
    coord = random_voxels()
    results = []
    for change in (lambda module: module, unfused):
        module = change(block(kind, channels)).train(training)
        features = torch.randn(len(coord), 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        features.requires_grad_()
        out = module(SparseTensor.from_voxels(coord, features, 2)).features
        out.backward(torch.randn(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))
        gradients = [p.grad for p in module.parameters()]
        results.append([out, features.grad, *gradients, *(b.double() for b in module.buffers())])
        with torch.no_grad():
            results[-1].append(module.eval()(SparseTensor.from_voxels(coord, features, 2)).features)
    assert len(results[0]) == len(results[1]) > 10
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def run(network: nn.Module, mode: Any = torch.enable_grad) -> list[Tensor]:
    coord = random_voxels(extent=24, share=0.4)
    with mode():
        out = network(coord, torch.randn(len(coord), 3, generator=torch.Generator().manual_seed(1)), 2)
    if not out.requires_grad:
        return [out]
    out.square().mean().backward()
    return [out, *(p.grad for p in network.parameters())]


def network(**changes: Any) -> MinkUNet:
    torch.manual_seed(0)
    return MinkUNet(3, **{"planes": (8, 12, 16, 8), "layers": (1, 2, 1, 1), "stem_channels": 8, **changes})


def test_the_number_of_threads_changes_no_bit() -> None:
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(run(network()))
    for one, two, three in zip(*results):
        assert torch.equal(one, two) and torch.equal(one, three)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_evaluation_without_gradients_equals_evaluation_with_them(mode: Any, threads: int) -> None:
    torch.set_num_threads(threads)
    (without,) = run(network().eval(), mode)
    with_gradients = run(network().eval())[0]
    torch.testing.assert_close(without, with_gradients, rtol=1e-5, atol=1e-5)


def test_training_under_no_grad_updates_the_statistics_as_training_does() -> None:
    learning, watching = network(), network()
    run(learning)
    run(watching, torch.no_grad)
    for ours, theirs in zip(watching.buffers(), learning.buffers()):
        torch.testing.assert_close(ours, theirs)


def test_recomputing_leaves_running_statistics_alone() -> None:
    made = network()
    before = [buffer.clone() for buffer in made.buffers()]
    with fused.recomputing():
        run(made, torch.no_grad)
    assert all(torch.equal(*pair) for pair in zip(made.buffers(), before))
    run(made, torch.no_grad)
    assert not all(torch.equal(*pair) for pair in zip(made.buffers(), before))


def test_a_weight_that_changed_before_the_way_back_is_noticed() -> None:
    coord = random_voxels()
    module = block(BasicBlock, 6)
    features = torch.randn(len(coord), 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    out = module(SparseTensor.from_voxels(coord, features, 2)).features
    with torch.no_grad():
        next(module.parameters()).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_autograd_keeps_no_activation_between_layers() -> None:
    """The block keeps its input, the two raw outputs and its own output: not the activation between the two."""
    coord = random_voxels(extent=12)
    made = block(BasicBlock, 6).float()
    x = SparseTensor.from_voxels(coord, torch.randn(len(coord), 6, requires_grad=True), 2)
    kept: dict[int, Tensor] = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(t.data_ptr(), t), lambda t: t):
        made(x)
    assert sum(value.shape == (len(coord), 6) for value in kept.values()) == 4


def test_compiled_products_make_the_same_network_as_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = run(network())
    monkeypatch.setattr(products, "_compiled", lambda: pytest.fail("float64 is not compiled"))
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # the network hands out float32 at its end
    wide = network().double()
    coord = random_voxels(extent=24, share=0.4)
    features = torch.randn(len(coord), 3, generator=torch.Generator().manual_seed(1))
    out = wide(coord, features.double(), 2)
    out.square().mean().backward()
    for ours, theirs in zip(compiled, [out, *(p.grad for p in wide.parameters())], strict=True):
        torch.testing.assert_close(ours.to(torch.float64), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 8), (6, 17), (13, 24), (32, 40), (40, 96)])
def test_compiled_products_equal_those_of_torch(inputs: int, outputs: int, threads: int, transposed: bool) -> None:
    torch.set_num_threads(threads)
    coord = random_voxels(extent=16, share=0.4)
    table = submanifold_table(coord, (16, 16, 16), 3)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(len(coord), inputs, generator=generator)
    shape = (27, outputs, inputs) if transposed else (27, inputs, outputs)
    matrices = torch.randn(shape, generator=generator)
    scale, shift = torch.randn(2, outputs, generator=generator)
    residual = torch.randn(len(coord), outputs, generator=generator)
    for finish in (
        (),
        (scale, shift),
        (scale, shift, None, True),
        (scale, shift, residual),
        (scale, shift, residual, True),
    ):
        ours = products.convolve(x, matrices, table, *finish, transposed=transposed)
        theirs = products.convolve(
            *(t.double() for t in (x, matrices)), table,
            *(t.double() if isinstance(t, Tensor) else t for t in finish), transposed=transposed,
        )  # fmt: skip
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4)
    ours = products.weight_gradient(x, residual, table)
    theirs = products.weight_gradient(x.double(), residual.double(), table)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rows", [2, 40, 700])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loops_normalize_as_torch_does_with_its_gradients(dtype: torch.dtype, relu: bool, rows: int) -> None:
    """A kernel of one offset that meets every row and multiplies by 1 leaves the normalization alone."""
    coord = torch.stack([torch.zeros(rows), torch.arange(rows), torch.zeros(rows), torch.zeros(rows)], 1).int()
    table = submanifold_table(coord, (rows, 1, 1), 1)
    results = []
    for fuse in (True, False):
        torch.manual_seed(0)
        norm = nn.BatchNorm1d(8).to(dtype)
        nn.init.uniform_(norm.weight, -1, 1.5)
        x = (3 + torch.randn(rows, 8, dtype=dtype)).requires_grad_()
        residual = torch.randn(rows, 8, dtype=dtype, requires_grad=True)
        if fuse:
            layer = fused.Layer(torch.eye(8, dtype=dtype)[None], table, norm, relu)
            out = fused.run_layers(x, [layer], residual)
        else:
            out = norm(x) + residual
            out = out.relu() if relu else out
        out.backward(torch.randn(rows, 8, dtype=dtype))
        results.append([out, x.grad, residual.grad, norm.weight.grad, norm.bias.grad, *norm.buffers()])
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
