"""Projectors: isometry, and equality with PyTorch's own layers applied point by point."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pointnc.collapse import Projector, batch_centers


def test_linear_projector_keeps_lengths_and_angles() -> None:
    projector = Projector(6, 15)
    centers = torch.randn(9, 6)
    projected = projector(centers, torch.empty(0, 6))
    torch.testing.assert_close(projected @ projected.T, centers @ centers.T, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_reducing_the_centers_equals_reducing_every_point(training: bool) -> None:
    """Affine maps of means are means of affine maps: the shortcut against the literal pipeline."""
    torch.manual_seed(0)
    features = torch.randn(40, 5, dtype=torch.float64) * 3 + 1
    labels = torch.arange(40) % 4 - 1
    projector = Projector(5, 12, trainable=True, relu=True, reduce_channels=8).double()
    norm = nn.BatchNorm1d(8, affine=False).double()
    for each in (projector, norm):
        each.train(training)

    def literal(x: torch.Tensor) -> torch.Tensor:
        reduced = norm(F.linear(x, projector.reduce))
        centers = torch.stack([reduced[labels == k].mean(0) for k in range(3)])
        return F.relu(F.linear(centers, projector.gain))

    def shortcut(x: torch.Tensor) -> torch.Tensor:
        return projector(batch_centers(x, labels, 3)[0], x)

    weight = torch.randn(3, 12, dtype=torch.float64)
    results = []
    for function in (literal, shortcut):
        x = features.clone().requires_grad_()
        value = function(x)
        gradients = torch.autograd.grad((value * weight).sum(), [x, projector.reduce, projector.gain])
        results.append([value, *gradients])
    for wanted, found in zip(*results):
        torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(projector.standardize.running_mean, norm.running_mean)
    torch.testing.assert_close(projector.standardize.running_variance, norm.running_var)


@pytest.mark.parametrize("trainable", [True, False])
def test_only_a_trainable_projector_learns_but_both_pass_the_gradient(trainable: bool) -> None:
    projector = Projector(4, 9, trainable, relu=True, reduce_channels=6)
    features = torch.randn(10, 4, requires_grad=True)
    projector(features[:3], features).square().sum().backward()
    assert features.grad is not None
    assert features.grad.abs().sum() > 0
    assert all(p.requires_grad == trainable and (p.grad is not None) == trainable for p in projector.parameters())


def test_relu_is_a_switch() -> None:
    centers = torch.randn(20, 4)
    plain, clipped = (Projector(4, 9, relu=relu)(centers, centers) for relu in (False, True))
    assert (plain < 0).any()
    assert torch.equal(clipped, plain.clamp_min(0))


def test_one_point_gives_finite_numbers() -> None:
    features = torch.ones(1, 4, requires_grad=True)
    out = Projector(4, 6, reduce_channels=5)(features, features)
    out.sum().backward()
    assert out.isfinite().all()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_global_random_state_is_untouched_and_the_seed_decides() -> None:
    before = torch.get_rng_state()
    first, again, other = (Projector(4, 9, reduce_channels=3, seed=seed) for seed in (0, 0, 5))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first.gain, again.gain)
    assert not torch.equal(first.gain, other.gain)
