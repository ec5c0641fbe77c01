"""MinkUNet against a dense network of the same weights, and its invariants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from pointnc.errors import UserError
from pointnc.models import MinkUNet, Segmentor
from pointnc.models.blocks import BatchNorm
from tests.models.voxels import random_voxels
from tests.oracles.dense_minkunet import DenseMinkUNet

CONFIGS = Path(__file__).parents[2] / "conf" / "model"
# Two levels; one stage has two blocks, one block no projection.
PLAN: dict[str, Any] = {"planes": (6, 8, 8, 10), "layers": (1, 2, 1, 1), "stem_channels": 6, "stem_kernel": 3}


def small_network() -> MinkUNet:
    """With running statistics and scales that are not those of a new network."""
    network = MinkUNet(3, **PLAN)
    for module in network.modules():
        if isinstance(module, BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            for value in (module.bias, module.running_mean):
                nn.init.normal_(value, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def run(network: nn.Module, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
    with torch.no_grad():
        return network.eval()(coord, features, batch_size)


def leaves(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone().requires_grad_(value.is_floating_point()) for name, value in state.items()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_equals_the_dense_network_in_value_and_gradient(share: float, training: bool) -> None:
    # In float64, where no rounding moves a unit across the kink of its ReLU.
    network = small_network().double().train(training)
    state = leaves(network.state_dict())
    coord = random_voxels(samples=2, extent=8, share=share)
    features = torch.randn(len(coord), 3, dtype=torch.float64)
    ours, theirs = features.clone().requires_grad_(), features.clone().requires_grad_()
    out = network(coord, ours, 2)
    expected = DenseMinkUNet(state, training)(coord, theirs, 2, (8, 8, 8))
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), expected, rtol=1e-6, atol=1e-6)

    direction = torch.randn_like(out)
    out.backward(direction)
    expected.backward(direction.double())
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-9)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, state[name].grad, rtol=1e-9, atol=1e-9)


def expected_parameters(inputs: int, classes: int, planes: list[int], layers: list[int], stem: tuple[int, int]) -> int:
    """Parameters of a Res16UNet with basic blocks, counted from the architecture's description."""
    stem_channels, kernel = stem
    levels = len(planes) // 2

    def normed(kernel_volume: int, ci: int, co: int) -> int:
        return kernel_volume * ci * co + 2 * co

    def blocks(ci: int, co: int, count: int) -> int:
        projection = normed(1, ci, co) if ci != co else 0
        return normed(27, ci, co) + projection + normed(27, co, co) + (count - 1) * 2 * normed(27, co, co)

    total = normed(kernel**3, inputs, stem_channels)
    width = stem_channels
    for co, count in zip(planes[:levels], layers[:levels]):
        total += normed(8, width, width) + blocks(width, co, count)
        width = co
    skips = [*planes[: levels - 1][::-1], stem_channels]
    for co, count, skip in zip(planes[levels:], layers[levels:], skips):
        total += normed(8, width, co) + blocks(co + skip, co, count)
        width = co
    return total + (width + 1) * classes


@pytest.mark.parametrize(
    ("name", "millions"),
    [("minkunet_tiny", 1.45), ("minkunet14a", 8.02), ("minkunet18a", 15.49), ("minkunet34c", 37.86)],
)
def test_named_sizes_have_the_parameters_of_their_plans(name: str, millions: float) -> None:
    config = OmegaConf.load(CONFIGS / f"{name}.yaml")
    with torch.device("meta"):
        model = Segmentor(instantiate(config, in_channels=3), num_classes=20)
    count = sum(parameter.numel() for parameter in model.parameters())
    stem = config.stem_channels, config.stem_kernel
    assert count == expected_parameters(3, 20, list(config.planes), list(config.layers), stem)
    assert count / 1e6 == pytest.approx(millions, abs=0.006)
    assert model.backbone.out_channels == config.planes[-1]


def test_published_count_of_34c() -> None:
    planes, layers = [32, 64, 128, 256, 256, 128, 96, 96], [2, 3, 4, 6, 2, 2, 2, 2]
    assert expected_parameters(3, 20, planes, layers, (32, 5)) == 37_856_052


def test_samples_of_a_batch_do_not_see_one_another() -> None:
    network = small_network()
    coord = random_voxels(samples=3)
    coord = coord[coord[:, 0] != 1]  # the second sample is empty
    features = torch.randn(len(coord), 3)
    together = run(network, coord, features, 3)
    for sample in (0, 2):
        rows = coord[:, 0] == sample
        alone = coord[rows] * torch.tensor([0, 1, 1, 1], dtype=torch.int32)
        torch.testing.assert_close(together[rows], run(network, alone, features[rows], 1), rtol=1e-4, atol=1e-5)


def test_permuted_voxels_give_permuted_features() -> None:
    network = small_network()
    coord = random_voxels()
    features = torch.randn(len(coord), 3)
    order = torch.randperm(len(coord))
    permuted = run(network, coord[order], features[order], 2)
    torch.testing.assert_close(permuted, run(network, coord, features, 2)[order], rtol=1e-4, atol=1e-5)


def test_far_coordinates_give_the_features_of_near_ones() -> None:
    network = small_network()
    coord = random_voxels(samples=1)
    features = torch.randn(len(coord), 3)
    copies = [(0, 0, 0), (65536, 0, 0), (0, 65536, 65536), (2**20, 2**20, 2**20)]
    shifts = [torch.tensor([0, *copy], dtype=torch.int32) for copy in copies]
    far = run(network, torch.cat([coord + shift for shift in shifts]), features.repeat(len(copies), 1), 1)
    near = run(network, coord, features, 1)
    torch.testing.assert_close(far, near.repeat(len(copies), 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("rows", [0, 1])
def test_no_voxel_and_a_single_one(rows: int, training: bool) -> None:
    network = small_network().train(training)
    coord = torch.tensor([[1, 5, 0, 3]], dtype=torch.int32)[:rows]
    out = network(coord, torch.randn(rows, 3), 2)
    assert out.shape == (rows, 10) and out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_two_runs_are_equal_to_the_last_bit() -> None:
    coord = random_voxels(extent=12)
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        network = MinkUNet(3, **PLAN)
        out = network(coord, torch.randn(len(coord), 3), 2)
        out.square().mean().backward()
        results.append([out, *(p.grad for p in network.parameters() if p.grad is not None)])
    assert len(results[0]) == 1 + len(list(network.parameters()))
    assert all(torch.equal(first, second) for first, second in zip(*results))


def test_weights_survive_a_round_trip(tmp_path: Path) -> None:
    network, coord = small_network(), random_voxels()
    features = torch.randn(len(coord), 3)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    other = MinkUNet(3, **PLAN)
    assert not torch.equal(run(other, coord, features, 2), run(network, coord, features, 2))
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(run(other, coord, features, 2), run(network, coord, features, 2))


def test_wrong_input_channels_name_both_numbers() -> None:
    coord = random_voxels()
    with pytest.raises(UserError, match=r"3 input channels.* 6"):
        small_network()(coord, torch.zeros(len(coord), 6), 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"planes": (8, 8, 8)}, "model.planes has 3"),
        ({"layers": (1, 1)}, "model.layers has 2"),
        ({"layers": (1, 1, 0, 1)}, "at least 1"),
        ({"stem_kernel": 4}, "stem_kernel=4"),
    ],
)
def test_impossible_plans_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MinkUNet(3, **{**PLAN, **change})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu() -> None:
    network, coord = small_network().train(), random_voxels(extent=12)
    features = torch.randn(len(coord), 3)
    direction = torch.randn(len(coord), network.out_channels)
    results = []
    for device in ("cpu", "cuda"):
        network.to(device).zero_grad()
        out = network(coord.to(device), features.to(device), 2)
        out.backward(direction.to(device))
        gradients = [p.grad.cpu() for p in network.parameters() if p.grad is not None]
        results.append([out.detach().cpu(), *gradients])
    for on_cpu, on_cuda in zip(*results):
        torch.testing.assert_close(on_cuda, on_cpu, rtol=1e-3, atol=2e-3)
    with torch.autocast("cuda", dtype=torch.float16):
        half = network(coord.cuda(), features.cuda(), 2)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half.cpu(), results[0][0], rtol=0.05, atol=0.05)
