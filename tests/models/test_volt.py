"""Volt against a slow evaluation of its description, and its invariants."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pointnc.models import Segmentor, Volt
from pointnc.models import memory as memory_module
from pointnc.models.memory import estimate
from pointnc.models.stochastic_depth import draw_kept, rates
from pointnc.models.tokens import Tokens
from tests.helpers.mistakes import raises
from tests.helpers.voxels import random_voxels
from tests.oracles.volt import SlowVolt, random_state

PLAN: dict[str, Any] = {"channels": 128, "depth": 2, "out_channels": 6, "drop_path": 0.5}


def loaded(**changes: Any) -> Volt:
    network = Volt(4, **{**PLAN, **changes})
    network.load_state_dict(random_state(), strict=False)
    return network


def case(samples: int = 3, extent: int = 13, share: float = 0.03) -> tuple[Tensor, Tensor]:
    """Voxels of scenes of which the second is empty, and their features in float64."""
    coord = random_voxels(samples, extent, share)
    coord = coord[coord[:, 0] != 1]
    return coord, torch.randn(len(coord), 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_equals_the_slow_evaluation_of_the_description() -> None:
    coord, features = case()
    network = Volt(4, **PLAN)
    network.load_state_dict(random_state())  # every name, and no other
    expected = SlowVolt(random_state())(coord, features, 3)
    assert float(expected.std()) > 0.1
    with torch.no_grad():
        exact = network.double().eval()(coord, features, 3)
        torch.testing.assert_close(exact.double(), expected, rtol=1e-6, atol=1e-6)
        usual = network.float()(coord, features.float(), 3)
        torch.testing.assert_close(usual.double(), expected, rtol=1e-4, atol=1e-4)


def test_tokens_are_the_distinct_cells_in_order() -> None:
    coord, _ = case()
    tokens = Tokens.of(coord, 3, coord.device)
    cells = [(b, x // 5, y // 5, z // 5) for b, x, y, z in coord.tolist()]
    distinct = sorted(set(cells))
    assert [tuple(cell) for cell in tokens.cell.tolist()] == [cell[1:] for cell in distinct]
    assert tokens.lengths == [sum(cell[0] == sample for cell in distinct) for sample in range(3)]
    assert tokens.token.tolist() == [distinct.index(cell) for cell in cells]
    assert tokens.place.tolist() == [x % 5 * 25 + y % 5 * 5 + z % 5 for _, x, y, z in coord.tolist()]


def test_samples_of_a_batch_do_not_see_one_another_and_order_does_not_count() -> None:
    coord, features = case()
    network, features = loaded().eval(), features.float()
    with torch.no_grad():
        together = network(coord, features, 3)
        for sample in (0, 2):
            rows = coord[:, 0] == sample
            alone = coord[rows] * torch.tensor([0, 1, 1, 1], dtype=torch.int32)
            torch.testing.assert_close(together[rows], network(alone, features[rows], 1), rtol=1e-4, atol=1e-5)
        order = torch.randperm(len(coord))
        torch.testing.assert_close(network(coord[order], features[order], 3), together[order], rtol=1e-4, atol=1e-5)


def test_a_shift_by_whole_cells_changes_nothing() -> None:
    """Turned queries and keys see differences of places alone."""
    coord, features = case()
    network = loaded().double().eval()
    shift = torch.tensor([0, 35, 5, 100], dtype=torch.int32)
    with torch.no_grad():
        here, there = network(coord, features, 3), network(coord + shift, features, 3)
    torch.testing.assert_close(here, there, rtol=1e-5, atol=1e-6)


def step(network: Volt) -> list[Tensor]:
    """Output, gradients and buffers after a training step."""
    coord, features = case()
    torch.manual_seed(3)
    out = network.train()(coord, features.float(), 3)
    out.square().mean().backward()
    return [out, *(p.grad for p in network.parameters()), *network.buffers()]  # type: ignore[list-item]


def test_checkpointing_changes_nothing_but_what_is_kept() -> None:
    results, sizes = [], []
    for checkpointing in (False, True):
        kept: dict[int, int] = {}

        def pack(tensor: Tensor, kept: dict[int, int] = kept) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            results.append(step(loaded(checkpointing=checkpointing, depth=2)))
        sizes.append(sum(kept.values()))
    for one, other in zip(*results):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert sizes[1] < sizes[0]


def test_gradients_are_those_of_finite_differences() -> None:
    coord, features = case(share=0.01)
    network = loaded(drop_path=0.0).double().eval()
    direction = torch.randn(len(coord), 6, dtype=torch.float64)

    def value() -> Tensor:
        return (network.decoder(_tokens(network, coord, features), Tokens.of(coord, 3, coord.device)) * direction).sum()

    value().backward()
    for name in ("tokenizer.proj.weight", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc2.bias", "decoder.unembed.bias"):
        parameter = network.get_parameter(name)
        assert parameter.grad is not None
        spot = tuple(int(size) // 2 for size in parameter.shape)
        differences = []
        for nudge in (1e-6, -1e-6):
            with torch.no_grad():
                parameter[spot] += nudge
                differences.append(float(value()))
                parameter[spot] -= nudge
        expected = (differences[0] - differences[1]) / 2e-6
        assert abs(float(parameter.grad[spot]) - expected) < 1e-4 * max(1, abs(expected)), name


def _tokens(network: Volt, coord: Tensor, features: Tensor) -> Tensor:
    from pointnc.models.attention import turns

    tokens = Tokens.of(coord, 3, coord.device)
    x = network.tokenizer(features, tokens)
    for block in network.blocks:
        x = block(x, turns(tokens.cell, torch.float64), tokens.lengths, None)
    return x


def test_branches_are_left_out_by_token_more_often_the_deeper_they_lie() -> None:
    kept = draw_kept([20_000] * 5, rates(5, 0.4), torch.zeros(1))
    assert kept[0] is None
    for index, factors in enumerate(kept[1:], start=1):
        assert factors is not None
        stay = 1 - 0.4 * index / 4
        assert factors.unique().tolist() == pytest.approx([0.0, 1 / stay])
        assert float((factors > 0).float().mean()) == pytest.approx(stay, abs=0.01)


def test_leaving_out_draws_once_whatever_the_scene() -> None:
    states = []
    for share in (0.01, 0.05):
        coord, features = case(share=share)
        torch.manual_seed(0)
        loaded().train()(coord, features.float(), 3)
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_a_scene_without_voxels_gives_none_and_every_weight_a_gradient() -> None:
    network = loaded().train()
    out = network(torch.zeros(0, 4, dtype=torch.int32), torch.zeros(0, 4), 2)
    out.sum().backward()
    assert out.shape == (0, 6)
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_neck_widens_the_features() -> None:
    coord, features = case()
    network = loaded(neck=9)
    out = network(coord, features.float(), 3)
    matrix = network.last_map()
    assert network.out_channels == 9 and out.shape == (len(coord), 9) and matrix is not None and matrix.shape == (9, 9)
    assert loaded().last_map() is None
    assert Segmentor(network, 5).head.weight.shape == (5, 9)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_followed_and_near(dtype: torch.dtype) -> None:
    coord, features = case()
    network, features = loaded().eval(), features.float()
    with torch.no_grad():
        plain = network(coord, features, 3)
        with torch.autocast("cpu", dtype=dtype):
            half = network(coord, features, 3)
    assert half.dtype == torch.float32 and not torch.equal(plain, half)
    assert float((half - plain).norm() / plain.norm()) < 0.05


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"channels": 100}, ("option", "channels=100", "64")),
        ({"channels": 32}, ("option", "channels=32", "64")),
        ({"depth": 0}, ("option", "depth=0")),
        ({"depth": 1001}, ("option", "depth", 1001, 1000)),
        ({"out_channels": 1.5}, ("option", "out_channels=1.5")),
        ({"drop_path": 1.0}, ("option", "drop_path=1.0")),
        ({"neck": 0}, ("option", "neck=0")),
    ],
)
def test_a_plan_that_is_none_is_refused(changes: dict[str, Any], mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        Volt(4, **{**PLAN, **changes})


def test_the_number_of_channels_is_checked() -> None:
    coord, features = case()
    with raises("channels", "4 input channels", 3, "model.in_channels"):
        loaded()(coord, features.float()[:, :3], 3)


def test_voxels_too_far_apart_are_refused() -> None:
    coord = torch.tensor([[0, 0, 0, 0], [0, 2**31 - 1, 2**31 - 1, 2**31 - 1]], dtype=torch.int32)
    with raises("too-far", "2147483647"):
        loaded()(coord, torch.zeros(2, 4), 1)


def test_more_tokens_than_memory_serves_are_refused_before(monkeypatch: pytest.MonkeyPatch) -> None:
    coord, features = case()
    monkeypatch.setattr(memory_module, "SMALL", 0)
    monkeypatch.setattr(memory_module, "available", lambda device: 1000)
    with raises("no-memory", "GiB", "voxels", "tokens", "augmentation.transforms.steps.crop.max_points"):
        loaded()(coord, features.float(), 3)
    with torch.no_grad(), raises("no-memory", "lower max_points", "whole scenes", "dataset.voxel_size"):
        loaded()(coord, features.float(), 3)
    monkeypatch.setattr(memory_module, "available", lambda device: None)  # where it cannot be told, it is tried
    loaded()(coord, features.float(), 3)


def test_the_estimate_grows_with_what_is_kept() -> None:
    plain, thrifty = loaded(), loaded(checkpointing=True)
    assert estimate(1000, 9000, plain, False) < estimate(1000, 9000, thrifty, True) < estimate(1000, 9000, plain, True)
    assert estimate(1000, 9000, plain, True, half=True) == 0.75 * estimate(1000, 9000, plain, True)


def test_learns_classes_that_only_the_neighborhood_tells_apart() -> None:
    """Every voxel carries the same features; its class is whether its cell holds more voxels than most."""
    coord = random_voxels(2, 15, 0.2)
    cells = [(b, x // 5, y // 5, z // 5) for b, x, y, z in coord.tolist()]
    count = torch.tensor([cells.count(cell) for cell in cells])
    labels = (count > count.median()).long()
    torch.manual_seed(0)
    network = Volt(1, channels=64, depth=1, out_channels=8)
    head = torch.nn.Linear(8, 2)
    optimizer = torch.optim.AdamW([*network.parameters(), *head.parameters()], lr=0.003)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(head(network(coord, torch.ones(len(coord), 1), 2)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
