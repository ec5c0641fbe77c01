"""Region rebalance against its definition, scene by scene and class by class."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from pointnc.collapse import RegionRebalance
from tests.helpers.mistakes import raises

OFFSETS = torch.tensor([0, 30, 30, 70])
SCENES = torch.tensor([3, 0, 7, 2])


def case() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(70, 5, generator=generator, dtype=torch.float64).requires_grad_()
    return features, torch.randint(-1, 3, (70,), generator=generator)


def made(**settings: float) -> RegionRebalance:
    loss = RegionRebalance(4, 5, **settings).double()
    loss.set_prior(SCENES)
    return loss


def test_it_is_the_mean_over_the_regions() -> None:
    features, labels = case()
    loss = made()
    log_shares = (SCENES.double().clamp_min(1) / 13).log()
    terms = []
    for first, last in ((0, 30), (30, 30), (30, 70)):
        for k in range(4):
            points = features[first:last][labels[first:last] == k]
            if len(points):
                logits = loss.classifier @ points.mean(0) + log_shares
                terms.append(F.cross_entropy(logits[None], torch.tensor([k])))
    expected = torch.stack(terms).mean()
    value = loss(features, labels, offsets=OFFSETS)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)
    ours = torch.autograd.grad(value, [features, loss.classifier], retain_graph=True)
    for one, other in zip(ours, torch.autograd.grad(expected, [features, loss.classifier])):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


def test_a_class_weighs_the_same_however_many_points_it_has() -> None:
    features, labels = case()
    keep = torch.cat([torch.arange(70), (labels == 1).nonzero()[:, 0].repeat(9)])
    order = keep.sort().indices  # copies stay within their scene
    offsets = torch.searchsorted(keep[order].contiguous(), OFFSETS)
    loss = made()
    more = loss(features[keep[order]], labels[keep[order]], offsets=offsets)
    torch.testing.assert_close(more, loss(features, labels, offsets=OFFSETS))


def test_without_labels_zero_with_a_graph() -> None:
    features, labels = case()
    value = made()(features, torch.full_like(labels, -1), offsets=OFFSETS)
    value.backward()
    assert value.item() == 0 and not features.grad.any()


def test_it_leaves_the_random_state_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    made()
    assert torch.equal(torch.rand(3), expected)


def test_a_negative_weight_is_named() -> None:
    with raises("option", "weight=-1"):
        made(weight=-1)
