"""The engines against one another, and which of them serves where."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from pointnc.commands.entry import config_folder
from pointnc.sparse import engines, spconv_build
from pointnc.sparse.engines import choose_engine, compute_dtype
from pointnc.sparse.grid import SparseTensor
from pointnc.sparse.modules import DownConvolution, SubmanifoldConvolution, UpConvolution
from tests.helpers.mistakes import raises
from tests.helpers.voxels import random_voxels

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
NETWORKS = ["minkunet_tiny", "minkunet34c", "spunet", "minkunet50"]


def network(name: str, engine: str, **changes: Any) -> nn.Module:
    torch.manual_seed(0)
    return instantiate(
        OmegaConf.load(config_folder() / "model" / f"{name}.yaml"), in_channels=3, engine=engine, **changes
    )


def outcome(model: nn.Module, coord: Tensor, dtype: torch.dtype, samples: int = 2) -> dict[str, Tensor]:
    """Output, gradients and running statistics of a training step."""
    model.to(dtype)
    features = torch.randn(len(coord), 3, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
    out = model(coord, features, samples)
    out.backward(torch.randn(out.shape, generator=torch.Generator().manual_seed(2)))
    gradients = {name: value.grad for name, value in model.named_parameters()}
    return {"out": out, "input": features.grad, **gradients, **dict(model.named_buffers())}  # type: ignore[dict-item]


def assert_same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    """Equal up to what deep gradients of a few voxels lose under batch norm, and the network's float32 output."""
    for key, expected in theirs.items():
        bound = 1e-5 * max(float(expected.detach().abs().max()), 1e-6) if expected.numel() else 0.0
        torch.testing.assert_close(
            ours[key], expected, rtol=1e-5, atol=bound, msg=lambda text, key=key: f"{key}: {text}"
        )


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_plain_torch_computes_what_the_cpu_engine_does(name: str, checkpointing: bool) -> None:
    coord = random_voxels(extent=24, share=0.04)  # with two coarse voxels batch norm would turn rounding into signs
    ours = outcome(network(name, "torch", checkpointing=checkpointing), coord, torch.float64)
    assert_same(ours, outcome(network(name, "cpu"), coord, torch.float64))


@pytest.mark.parametrize("name", NETWORKS)
def test_plain_torch_agrees_with_the_compiled_engine_in_float32(name: str) -> None:
    coord = random_voxels(extent=12)
    features = torch.randn(len(coord), 3)
    with torch.no_grad():
        outputs = [network(name, engine).eval()(coord, features, 2) for engine in ("torch", "cpu")]
    torch.testing.assert_close(*outputs, rtol=1e-3, atol=1e-5 * float(outputs[1].abs().max()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_plain_torch_follows_autocast_to_both_half_precisions(dtype: torch.dtype) -> None:
    coord = random_voxels(extent=12)
    x = SparseTensor.from_voxels(coord, torch.randn(len(coord), 32), 2, engine="torch")
    layer = SubmanifoldConvolution(32, 16, 3, bias=True)
    exact = layer(x).features
    with torch.autocast("cpu", dtype=dtype):
        rough = layer(x).features
    assert rough.dtype == dtype
    # Sums in float32 leave the rounding of inputs, weights and the result.
    torch.testing.assert_close(rough.float(), exact, rtol=4 * torch.finfo(dtype).eps, atol=8 * torch.finfo(dtype).eps)
    gradients = [torch.autograd.grad(y.float().square().sum(), layer.weight)[0] for y in (rough, exact)]
    assert gradients[0].dtype == torch.float32
    torch.testing.assert_close(*gradients, rtol=0.05, atol=0.05 * float(gradients[1].abs().max()))


def test_a_network_learns_in_bfloat16_by_plain_torch() -> None:
    coord = random_voxels(extent=8)
    model = network("minkunet_tiny", "torch")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(coord, torch.randn(len(coord), 3), 2).square().mean().backward()
    assert all(
        p.grad is not None and p.grad.isfinite().all() and p.grad.dtype == torch.float32 for p in model.parameters()
    )


@pytest.mark.parametrize("size", [0, 1])
def test_plain_torch_takes_scenes_of_no_and_of_one_voxel(size: int) -> None:
    coord = torch.zeros((size, 4), dtype=torch.int32)
    results = [outcome(network("minkunet_tiny", engine), coord, torch.float64, 1) for engine in ("torch", "cpu")]
    assert_same(*results)


def test_voxels_come_back_in_the_order_they_were_given() -> None:
    coord = random_voxels(extent=8)
    features = torch.randn(len(coord), 4)
    x = SparseTensor.from_voxels(coord, features, 2, 2, engine="torch")
    assert torch.equal(x.grid.restore(x.features), features)
    up = UpConvolution(4, 4)(DownConvolution(4, 4)(x))
    assert up.grid is x.grid


def test_a_table_is_copied_to_a_device_once() -> None:
    coord = random_voxels(extent=8)
    x = SparseTensor.from_voxels(coord, torch.randn(len(coord), 4), 2, engine="torch")
    SubmanifoldConvolution(4, 4, 3)(x)
    table = x.grid.submanifold(3)
    assert table.rows_on(CPU) is table.rows_on(CPU)
    assert sum(len(rows) for rows, _ in table.rows_on(CPU)) == len(table.inputs)


@pytest.fixture
def no_choice_kept() -> Any:
    engines._choose.cache_clear()
    yield
    engines._choose.cache_clear()


@pytest.mark.usefixtures("no_choice_kept")
class TestChoice:
    """Which engine serves on which device; the devices are only named."""

    def test_a_cpu_has_its_own(self) -> None:
        assert choose_engine("auto", CPU) == ("cpu", "", True)
        assert choose_engine("torch", CPU) == ("torch", "", True)

    @pytest.mark.parametrize(
        ("wanted", "device", "mistake"),
        [
            ("fast", CPU, ("option", "model.engine=fast", "auto, cpu, spconv, torch")),
            ("spconv", CPU, ("installation", "model.engine=spconv", "CUDA", "cpu")),
            ("cpu", CUDA, ("no-device", "model.engine=cpu", "cuda")),
        ],
    )
    def test_what_cannot_be_is_one_line(self, wanted: str, device: torch.device, mistake: tuple[str, ...]) -> None:
        with raises(*mistake):
            choose_engine(wanted, device)

    @pytest.mark.parametrize(("capability", "name"), [((7, 0), "spconv"), ((9, 0), "spconv"), ((12, 0), "spconv"),
                                                      ((8, 7), "torch"), ((3, 7), "torch")])  # fmt: skip
    def test_cuda_has_spconv_where_its_code_fits(
        self, capability: tuple[int, int], name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
        chosen = choose_engine("auto", CUDA)
        assert chosen.name == name
        assert (name == "spconv") == (chosen.remark == "")

    @pytest.mark.parametrize("device", [torch.device("mps"), torch.device("xpu"), torch.device("cuda", 1)])
    def test_other_devices_have_plain_torch_and_a_remark(
        self, device: torch.device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.version, "hip", "6.4" if device.type == "cuda" else None)
        chosen = choose_engine("auto", device)
        assert chosen.name == "torch" and "several times slower" in chosen.remark

    def test_spconv_that_is_not_there_or_twice_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spconv_build, "distributions", lambda: [])
        assert "not installed" in choose_engine("auto", CUDA).remark
        with raises("installation", "model.engine=spconv", "not installed"):
            choose_engine("spconv", CUDA)
        found = [_Distribution("spconv-cu118"), _Distribution("spconv_cu126"), _Distribution("torch")]
        engines._choose.cache_clear()
        monkeypatch.setattr(spconv_build, "distributions", lambda: found)
        with raises("installation", "spconv-cu118", "spconv-cu126", "pip uninstall"):
            choose_engine("auto", CUDA)

    def test_a_build_that_cannot_be_imported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))

        def broken() -> None:
            raise ImportError("libcudart.so.11.0: cannot open shared object file")

        monkeypatch.setattr(spconv_build, "load_spconv", broken)
        assert "it cannot be imported (libcudart.so.11.0" in choose_engine("auto", CUDA).remark


class _Distribution:
    def __init__(self, name: str) -> None:
        self.metadata = {"Name": name}


def test_the_builds_that_are_here_are_found() -> None:
    names = {str(found.metadata["Name"]).lower() for found in importlib.metadata.distributions()}
    assert spconv_build.installed_builds() == sorted(name for name in names if name.startswith("spconv"))


def test_only_an_engine_that_knows_a_half_precision_follows_autocast() -> None:
    expected = {("cpu", torch.bfloat16): torch.float32, ("spconv", torch.bfloat16): torch.float32,
                ("torch", torch.bfloat16): torch.bfloat16, ("spconv", torch.float16): torch.float16,
                ("torch", torch.float16): torch.float16}  # fmt: skip
    for (name, dtype), computed in expected.items():
        with torch.autocast("cpu", dtype=dtype):
            assert compute_dtype(name, CPU, torch.float32) == computed  # type: ignore[arg-type]
        assert compute_dtype(name, CPU, torch.float32) == torch.float32  # type: ignore[arg-type]
