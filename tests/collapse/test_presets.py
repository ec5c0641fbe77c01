"""The shipped presets: what they are, and that they leave the rest of the training alone."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from pointnc.commands.entry import config_folder
from pointnc.losses import CrossEntropy

PRESETS = ("none", "ceco", "ceco_released", "ceco_ema")


def _build(preset: str, num_classes: int, in_channels: int, **changes: Any) -> Any:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = OmegaConf.merge(compose("train", [f"regularizer={preset}", "choice={}"]).regularizer, changes)
    regularizer = instantiate(config, num_classes=num_classes, in_channels=in_channels)
    regularizer.set_prior(torch.arange(num_classes))
    return regularizer


def _train(preset: str | None, **changes: Any) -> list[torch.Tensor]:
    """Train a small network whose dropout draws from the global generator; return its weights."""
    torch.manual_seed(0)
    features = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.2))
    head = nn.Linear(8, 12)
    criterion = CrossEntropy()
    regularizer = _build(preset, 12, 8, **changes) if preset else None
    optimizer = torch.optim.SGD([*features.parameters(), *head.parameters()], lr=0.1, momentum=0.9)
    for _ in range(5):
        x, labels = torch.randn(50, 5), torch.randint(-1, 12, (50,))
        z = features(x)
        loss = criterion(head(z), labels)
        if regularizer is not None:
            loss = loss + regularizer.weight * regularizer(z, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [p.detach() for p in (*features.parameters(), *head.parameters())]


@pytest.mark.parametrize("preset", PRESETS)
def test_weight_zero_is_bit_identical_to_plain_cross_entropy(preset: str) -> None:
    plain = _train(None)
    off = _train(preset, **({} if preset == "none" else {"weight": 0.0}))
    assert all(torch.equal(a, b) for a, b in zip(plain, off))


@pytest.mark.parametrize("preset", PRESETS[1:])
def test_the_weight_of_the_preset_does_change_training(preset: str) -> None:
    assert any(not torch.equal(a, b) for a, b in zip(_train(None), _train(preset)))


@pytest.mark.parametrize("preset", PRESETS)
def test_global_random_state_is_untouched(preset: str) -> None:
    features, labels = torch.randn(40, 8), torch.randint(-1, 30, (40,))
    before = (torch.get_rng_state(), str(np.random.get_state()), random.getstate())  # noqa: NPY002
    regularizer = _build(preset, 30, 8)
    for _ in range(2):
        regularizer(features, labels)
    after = (torch.get_rng_state(), str(np.random.get_state()), random.getstate())  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("num_classes", "in_channels"), [(20, 96), (60, 32), (200, 96)])
def test_presets_fit_narrow_and_wide_backbones(preset: str, num_classes: int, in_channels: int) -> None:
    regularizer = _build(preset, num_classes, in_channels)
    features = torch.randn(300, in_channels, requires_grad=True)
    value = regularizer(features, torch.randint(-1, num_classes, (300,)))
    assert value.shape == ()
    assert value.isfinite()
    centers, seen = regularizer.centers()
    assert centers.shape == (num_classes, in_channels)
    assert seen.any()
    assert not any(p.requires_grad for p in regularizer.parameters())


SWITCHES: dict[str, list[list[Any]]] = {
    "projector": [["none"], ["frozen", "trainable"]],  # of which one learns
    "frame": [["auto", "spread"]],  # where channels are too few for a simplex
    "projector_relu": [[True], [False]],
    "normalize": [[True], [False]],
    "scale": [[1], [5], [10], [16]],
    "log_prior": [["off", False], ["scenes", "points"]],  # of the same counts
    "centers": [["batch", "batch_synchronized"], ["ema"]],  # of one rank
    "gradient": [["straight_through"], ["update"]],
    "reduction": [["sum"], ["mean"]],
    "weight": [[0], [2.5]],
    "start_step": [[0], [3]],
    "ramp_steps": [[0], [3]],
    "min_updates": [[1], [3]],
}
"""Option to its values; those in one list do the same here, those of different lists do not."""


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS[1:])
def test_every_switch_of_the_facts_is_one_override(preset: str) -> None:
    batches = [(2 * torch.randn(60, 8), torch.randint(-1, 11, (60,))) for _ in range(3)]

    def done(**changes: Any) -> list[float]:
        """Losses and sizes of their gradients."""
        regularizer, found = _build(preset, 12, 8, **changes), []
        for features, labels in batches:
            features = features.clone().requires_grad_()
            loss = regularizer.weight * regularizer(features, labels)
            (gradient,) = torch.autograd.grad(loss, features)
            found += [loss.item(), gradient.abs().sum().item()]
        return found

    beside = {"projector_relu": {"projector": "frozen"}, "gradient": {"centers": "ema"}, "frame": {"projector": "none"}}
    for key, groups in SWITCHES.items():
        found = [[done(**{key: value}, **beside.get(key, {})) for value in group] for group in groups]
        for group in found:
            assert all(one == pytest.approx(group[0], rel=1e-5) for one in group), key
        firsts = [group[0] for group in found]
        assert not any(a == pytest.approx(b, rel=1e-5) for a, b in itertools.combinations(firsts, 2)), key
    for projector, learns in (("frozen", False), ("trainable", True)):
        parts = _build(preset, 12, 8, projector=projector).parameters()
        assert any(p.requires_grad for p in parts) == learns


def test_narrow_backbones_go_without_projector_by_one_override() -> None:
    regularizer = _build("ceco_ema", 200, 128, projector="none")
    assert regularizer.projector is None
    assert regularizer.frame.vectors.shape == (200, 128)


def test_the_released_loss_cannot_reach_that_of_its_vertices() -> None:
    """0.836 for K = 200 and scale 5; behind a ReLU the best center has the positive part of its vertex, and 1.911."""
    regularizer = _build("ceco_released", 200, 512, log_prior="off", dropout=0.0)
    frame, target = regularizer.frame.vectors, torch.arange(200)
    best = nn.functional.normalize(frame.clamp_min(0), dim=1)
    assert (best * frame).sum(1).mean().item() == pytest.approx(0.707, abs=0.01)
    at_vertices, floor = (nn.functional.cross_entropy(5 * rows @ frame.T, target).item() for rows in (frame, best))
    assert at_vertices == pytest.approx(0.836, abs=0.001) and floor == pytest.approx(1.911, abs=0.001)
    features = torch.randn(200, 512, requires_grad=True)
    search = torch.optim.Adam([features], lr=0.05)
    losses = []
    for _ in range(150):
        loss = regularizer(features, target)
        search.zero_grad()
        loss.backward()
        search.step()
        losses.append(loss.item())
    assert floor < min(losses) < losses[0] - 2  # as low as the reduction to 128 channels lets it


def test_none_has_nothing_to_learn_and_nothing_to_pull() -> None:
    observer = _build("none", 6, 4)
    features = torch.randn(10, 4, requires_grad=True)
    value = observer(features, torch.arange(10) % 3)
    assert observer.weight == 0
    assert value.item() == 0
    assert not value.requires_grad
    assert not list(observer.parameters())
    torch.testing.assert_close(observer.centers()[0][1], features[1::3].mean(0))
