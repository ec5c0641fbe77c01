"""Networks on the stand-in device, with each engine that serves there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pointnc.sparse.engines import choose_engine
from pointnc.sparse.grid import SparseTensor
from pointnc.sparse.modules import SubmanifoldConvolution
from pointnc.sparse.spconv_build import spconv_fault
from tests.cuda.waits import Waits
from tests.helpers.voxels import random_voxels
from tests.sparse.test_engines import assert_same, network

ENGINES = ["spconv", "torch"]


@pytest.fixture(autouse=True)
def spconv_is_there(request: pytest.FixtureRequest, waits: Waits) -> None:
    if "spconv" in request.node.name and (fault := spconv_fault("cuda")):
        pytest.skip(fault)


def outcome(engine: str, device: str, coord: Tensor, checkpointing: bool) -> dict[str, Tensor]:
    """Output, gradients and running statistics of a training step in float64."""
    model = network("minkunet_tiny", engine, checkpointing=checkpointing).double().to(device)
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(len(coord), 3, generator=generator, dtype=torch.float64).to(device).requires_grad_()
    out = model(coord.to(device), features, 2)
    out.backward(torch.randn(out.shape, generator=generator, dtype=torch.float64).to(device))
    gradients = {name: value.grad for name, value in model.named_parameters()}
    everything = {"out": out, "input": features.grad, **gradients, **dict(model.named_buffers())}
    return {name: value.detach().cpu() for name, value in everything.items() if value is not None}


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_computes_what_it_does_on_the_cpu(engine: str, checkpointing: bool) -> None:
    coord = random_voxels(extent=24, share=0.04)
    assert_same(outcome(engine, "cuda", coord, checkpointing), outcome("cpu", "cpu", coord, checkpointing))


@pytest.mark.parametrize(
    ("engine", "autocast", "expected"),
    [
        ("spconv", torch.float16, torch.float16),
        ("spconv", torch.bfloat16, torch.float32),
        ("torch", torch.float16, torch.float16),
        ("torch", torch.bfloat16, torch.bfloat16),
    ],
)
def test_engines_follow_autocast(engine: str, autocast: torch.dtype, expected: torch.dtype) -> None:
    coord = random_voxels(extent=8).cuda()
    features = torch.randn(len(coord), 4).cuda()
    assert choose_engine("auto", features.device).name == "spconv" or engine == "torch"
    layer = SubmanifoldConvolution(4, 5, 3, bias=True).cuda()
    x = SparseTensor.from_voxels(coord, features, 2, engine=engine)  # type: ignore[arg-type]
    exact = layer(x).features
    with torch.autocast("cuda", autocast):
        rough = layer(x).features
    assert exact.dtype == torch.float32 and rough.dtype == expected
    torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.05)
    rough.float().square().sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.is_cuda and layer.weight.grad.dtype == torch.float32
