"""MinkUNet against a dense network of the same weights, and its invariants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pointnc.models import MinkUNet, SpUNet
from pointnc.models.blocks import BatchNorm
from pointnc.models.unet import SparseUNet
from tests.helpers.mistakes import raises
from tests.helpers.voxels import random_voxels
from tests.oracles.dense_minkunet import DenseMinkUNet

# Two levels; one stage has two blocks, one block no projection.
PLAN: dict[str, Any] = {"planes": (6, 8, 8, 10), "layers": (1, 2, 1, 1), "stem_channels": 6, "stem_kernel": 3}


def small_network(kind: type[SparseUNet] = MinkUNet, **changes: Any) -> SparseUNet:
    """With running statistics and scales that are not those of a new network."""
    network = kind(3, **{**PLAN, **changes})
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


NETWORKS: dict[str, tuple[type[SparseUNet], dict[str, Any]]] = {
    "basic": (MinkUNet, {}),
    "bottleneck": (MinkUNet, {"block": "bottleneck", "planes": (3, 4, 4, 3)}),
    "projected": (MinkUNet, {"out_channels": 7}),
    "spunet": (SpUNet, {}),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("kind", "share"), [("basic", 0.2), *((kind, 1.0) for kind in NETWORKS)])
def test_equals_the_dense_network_in_value_and_gradient(kind: str, share: float, training: bool) -> None:
    # In float64, where no rounding moves a unit across the kink of its ReLU.
    build, changes = NETWORKS[kind]
    network = small_network(build, **changes).double().train(training)
    if changes.get("out_channels"):
        nn.init.normal_(network.projection.bias)
    state = leaves(network.state_dict())
    coord = random_voxels(samples=2, extent=8, share=share)
    features = torch.randn(len(coord), 3, dtype=torch.float64)
    ours, theirs = features.clone().requires_grad_(), features.clone().requires_grad_()
    out = network(coord, ours, 2)
    eps = 1e-3 if kind == "spunet" else 1e-5
    expected = DenseMinkUNet(state, training, eps)(coord, theirs, 2, (8, 8, 8))
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), expected, rtol=1e-6, atol=1e-6)

    direction = torch.randn_like(out)
    out.backward(direction)
    expected.backward(direction.double())
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-9)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, state[name].grad, rtol=1e-9, atol=1e-9)


def test_spunet_widens_on_the_way_down_and_minkunet_in_the_blocks() -> None:
    downs = [small_network(kind).encoder[1].down.convolution.weight.shape for kind in (MinkUNet, SpUNet)]
    assert [(shape[0], shape[-1]) for shape in downs] == [(6, 6), (8, 6)]
    shortcuts = ["shortcut" in name for name in small_network(SpUNet).encoder.state_dict()]
    assert not any(shortcuts)


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
    with raises("channels", "3 input channels", 6, "model.in_channels"):
        small_network()(coord, torch.zeros(len(coord), 6), 2)


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"planes": (8, 8, 8)}, ("option", "planes", 3)),
        ({"layers": (1, 1)}, ("option", "layers", 2, "planes", 4)),
        ({"layers": (1, 1, 0, 1)}, ("option", "planes", "layers", 1)),
        ({"layers": (1, 1, 1, 10**9)}, ("option", "layers", 10**9, 1000)),
        ({"stem_kernel": 4}, ("option", "stem_kernel=4")),
        ({"block": "dense"}, ("option", "block=dense")),
    ],
)
def test_impossible_plans_are_refused(change: dict[str, Any], mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        MinkUNet(3, **{**PLAN, **change})
