"""The forms of the center regularizer beyond the paper: each switch by its formula, and together."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pointnc.collapse import CenterRegularizer, SimplexETF
from pointnc.collapse.assignment import assign, rotate
from pointnc.collapse.forces import EVERY, ShareOfLoss, class_forces
from pointnc.collapse.lower_bounds import largest_cosine
from pointnc.collapse.repulsion import repulsion
from tests.helpers.mistakes import raises

PAPER = {"centers": "batch", "reduction": "sum"}


def batch(points: int = 60, num_classes: int = 6, dim: int = 8) -> tuple[Tensor, Tensor]:
    return torch.randn(points, dim), torch.randint(-1, num_classes, (points,))


def test_recentered_centers_are_seen_from_the_banks_mean_over_the_classes_seen() -> None:
    regularizer = CenterRegularizer(6, 8, **PAPER, recenter=True, momentum=0.5)
    plain = CenterRegularizer(6, 8, **PAPER, momentum=0.5)
    for _ in range(3):
        features, labels = batch()
        labels[labels == 4] = -1  # a class that is never seen
        value = regularizer(features, labels)
        plain(features, labels)
    seen = [0, 1, 2, 3, 5]
    middle = plain.bank.centers[seen].mean(dim=0)
    centers = torch.stack([features[labels == k].mean(dim=0) for k in seen]) - middle
    logits = centers @ plain.frame.vectors.T
    assert value.item() == pytest.approx(F.cross_entropy(logits, torch.tensor(seen), reduction="sum").item(), rel=1e-5)


def test_the_middle_is_a_constant_for_the_gradient() -> None:
    features, labels = batch()
    moved = CenterRegularizer(6, 8, **PAPER, recenter=True)
    moved(*batch())
    value = moved(features.requires_grad_(), labels)
    (gradient,) = torch.autograd.grad(value, features)
    # The same centers, shifted by hand, have the same gradient.
    shifted = CenterRegularizer(6, 8, **PAPER)
    (expected,) = torch.autograd.grad(shifted(features - moved._middle(), labels), features)
    torch.testing.assert_close(gradient, expected)


def test_what_all_features_share_does_not_matter_once_the_mean_is_known() -> None:
    features, labels = batch(points=600)
    values = []
    for shift in (0.0, 100.0):
        regularizer = CenterRegularizer(6, 8, centers="ema", recenter=True, momentum=0.0).double()
        values.append(regularizer((features + shift).double(), labels).item())
    assert values[0] == pytest.approx(values[1], rel=1e-4)


@pytest.mark.parametrize("recenter", [False, True])
def test_the_ideal_arrangement_is_a_minimum_in_the_space_that_a_neck_gives(recenter: bool) -> None:
    """At vertices of any common length nothing but that length is pulled at; with a narrow space that is not so."""
    regularizer = CenterRegularizer(6, 8, **PAPER, recenter=recenter).double()
    ideal = (3 * regularizer.frame.vectors).requires_grad_()
    (gradient,) = torch.autograd.grad(regularizer(ideal, torch.arange(6)), ideal)
    sideways = gradient - (gradient * regularizer.frame.vectors).sum(1, keepdim=True) * regularizer.frame.vectors
    assert sideways.abs().max() < 1e-6 * gradient.abs().max()


def test_a_prior_pushes_centers_away_from_frequent_classes_beyond_the_ideal_arrangement() -> None:
    """At the simplex the gradient of a center is the mean of the vertices by probability, less its own vertex."""
    regularizer = CenterRegularizer(6, 8, **PAPER, log_prior="points").double()
    counts = torch.tensor([1e6, 1e5, 1e4, 1e3, 100.0, 10.0])
    regularizer.set_prior(counts)
    frame = regularizer.frame.vectors
    ideal = (3 * frame).requires_grad_()
    (gradient,) = torch.autograd.grad(regularizer(ideal, torch.arange(6)), ideal)
    likely = (3 * frame @ frame.T + (counts.double() / counts.sum()).log()).softmax(dim=1)
    torch.testing.assert_close(gradient, likely @ frame - frame, rtol=1e-6, atol=1e-9)
    away = -(gradient @ frame.T)  # what a step against it adds along each vertex
    assert (away[2:, 0] < away[2:, 1]).all() and (away[2:, 0] < 0).all()


@pytest.mark.parametrize("classes", [1, 2])
def test_a_first_batch_of_few_classes_has_no_endless_gradient(classes: int) -> None:
    regularizer = CenterRegularizer(6, 8, centers="batch", recenter=True, normalize=True, repulsion=1.0)
    features = torch.randn(20, 8, requires_grad=True)
    regularizer(features, torch.arange(20) % classes).backward()
    assert features.grad is not None and features.grad.norm() < 1e4


def test_classes_of_few_points_pull_less() -> None:
    features = torch.randn(11, 8)
    labels = torch.tensor([0] * 10 + [1])
    values = {n: CenterRegularizer(6, 8, **PAPER, trusted_points=n)(features, labels).item() for n in (0.0, 5.0)}
    each = [CenterRegularizer(6, 8, **PAPER)(features[labels == k], labels[labels == k]).item() for k in (0, 1)]
    assert values[0.0] == pytest.approx(sum(each), rel=1e-5)
    assert values[5.0] == pytest.approx(each[0] * 10 / 15 + each[1] * 1 / 6, rel=1e-5)


def test_a_mean_is_over_the_classes_of_the_batch() -> None:
    whole, mean = (CenterRegularizer(6, 8, centers="ema", reduction=r) for r in ("sum", "mean"))
    for regularizer in (whole, mean):
        torch.manual_seed(0)
        regularizer(*batch())
    features = torch.randn(10, 8).requires_grad_()
    labels = torch.tensor([0] * 5 + [3] * 5)
    gradients = [torch.autograd.grad(r(features, labels), features)[0] for r in (whole, mean)]
    torch.testing.assert_close(gradients[1], gradients[0] / 2)


def test_repulsion_by_hand() -> None:
    centers = torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, 0.0]], requires_grad=True)
    bank = torch.tensor([[9.0, 9.0], [9.0, 9.0], [5.0, 0.0]])
    present, absent = torch.tensor([True, True, False]), torch.tensor([False, False, True])
    value = repulsion(centers, present, bank, absent)
    # Class 0 points as the absent class does, class 1 at a right angle to it; the simplex of three has cosine -1/2.
    assert value.item() == pytest.approx(1.5**2 + 0.5**2)
    value.backward()
    assert centers.grad is not None and not centers.grad[2].any()
    assert centers.grad[1, 0] > 0  # a step against it turns class 1 away
    assert centers.grad[1, 1] == 0  # and does not change its length


def test_repulsion_is_nothing_at_the_simplex_and_without_absent_classes() -> None:
    vectors = SimplexETF(5, 4).vectors
    present = torch.tensor([True, True, True, False, False])
    assert repulsion(vectors, present, vectors, ~present) < 1e-10
    assert repulsion(torch.randn(5, 4), present, vectors, torch.zeros(5, dtype=torch.bool)) == 0


def test_the_regularizer_adds_the_repulsion_from_the_bank() -> None:
    plain, pushing = (CenterRegularizer(6, 8, **PAPER, repulsion=r) for r in (0.0, 2.0))
    features, labels = batch(points=200)
    for regularizer in (plain, pushing):
        regularizer(features, labels)
    some = labels < 3
    values = [regularizer(features[some], labels[some]) for regularizer in (plain, pushing)]
    bank = plain.bank.centers - plain.bank.centers.mean(dim=0)
    centers = torch.stack([features[labels == k].mean(dim=0) if k < 3 else torch.zeros(8) for k in range(6)])
    present = torch.arange(6) < 3
    expected = repulsion(centers - plain.bank.centers.mean(dim=0), present, bank, ~present)
    assert expected > 0
    assert (values[1] - values[0]).item() == pytest.approx(2 * expected.item(), rel=1e-4)


def test_a_rotation_finds_the_frame_again_and_keeps_its_angles() -> None:
    vectors = SimplexETF(6, 9).vectors.double()
    turn = torch.linalg.qr(torch.randn(9, 9, dtype=torch.float64)).Q
    seen = torch.ones(6, dtype=torch.bool)
    torch.testing.assert_close(rotate(3 * vectors @ turn, vectors, seen), vectors @ turn)
    centers = torch.randn(6, 9, dtype=torch.float64)
    placed = rotate(centers, vectors, seen)
    torch.testing.assert_close(placed @ placed.T, vectors @ vectors.T)
    unit = torch.nn.functional.normalize(centers, dim=1)
    best = (placed * unit).sum()
    for _ in range(200):  # no small turn from there is better
        skew = 0.1 * torch.randn(9, 9, dtype=torch.float64)
        assert (placed @ torch.linalg.matrix_exp(skew - skew.T) * unit).sum() <= best + 1e-9
    # A class without a center says nothing.
    some = torch.tensor([True, True, False, True, True, True])
    moved = centers.clone()
    moved[2] = 7.0
    torch.testing.assert_close(rotate(moved, vectors, some), rotate(centers, vectors, some))


def test_the_frame_is_rotated_once_at_the_end_of_the_start() -> None:
    regularizer = CenterRegularizer(6, 8, **PAPER, assignment="rotated", start_step=2, momentum=0.0)
    drawn = regularizer.frame.vectors.clone()
    wanted = drawn @ torch.linalg.qr(torch.randn(8, 8)).Q
    for _ in range(2):
        regularizer(5 * wanted, torch.arange(6))
    assert torch.equal(regularizer.frame.vectors, drawn)
    for _ in range(2):
        regularizer(5 * wanted, torch.arange(6))
        torch.testing.assert_close(regularizer.frame.vectors, wanted, atol=1e-5, rtol=0)


def test_the_assignment_is_the_best_of_all() -> None:
    vectors = SimplexETF(5, 4).vectors
    centers, seen = torch.randn(5, 4), torch.tensor([True, True, False, True, True])
    unit = F.normalize(centers, dim=1) * seen[:, None]
    reached = (assign(centers, vectors, seen) * unit).sum().item()
    best = max((vectors[list(order)] * unit).sum().item() for order in itertools.permutations(range(5)))
    assert reached == pytest.approx(best, rel=1e-5)


def test_vertices_are_dealt_out_once_at_the_end_of_the_start_and_kept_by_a_checkpoint() -> None:
    regularizer = CenterRegularizer(6, 8, **PAPER, assignment="warm_up", start_step=2, momentum=0.0)
    drawn = regularizer.frame.vectors.clone()
    wanted = drawn[torch.tensor([3, 5, 0, 1, 4, 2])]
    labels = torch.arange(6)
    for _ in range(2):
        regularizer(5 * wanted, labels)
        assert torch.equal(regularizer.frame.vectors, drawn)
    regularizer(5 * wanted, labels)
    assert torch.equal(regularizer.frame.vectors, wanted)
    regularizer(-wanted, labels)
    assert torch.equal(regularizer.frame.vectors, wanted)
    resumed = CenterRegularizer(6, 8, **PAPER, assignment="warm_up", start_step=2)
    resumed.load_state_dict(regularizer.state_dict())
    resumed(drawn, labels)
    assert torch.equal(resumed.frame.vectors, wanted)


def test_a_step_number_alone_is_a_state_of_earlier_versions() -> None:
    regularizer = CenterRegularizer(6, 8, start_step=3)
    regularizer.set_extra_state(torch.tensor(2))
    assert regularizer._step == 2


def test_the_loss_falls_after_the_end_step() -> None:
    falling, plain = CenterRegularizer(6, 8, ramp_steps=1, end_step=4), CenterRegularizer(6, 8)
    factors = []
    for _ in range(8):
        features, labels = batch()
        factors.append((falling(features, labels) / plain(features, labels)).item())
    assert factors == pytest.approx([1 / 2, 1, 1, 1, 1 / 2, 0, 0, 0])
    assert falling.eval().warm_up_factor() == 1


def test_steps_may_be_shares_of_the_training() -> None:
    shares, steps = (
        CenterRegularizer(6, 8, start_step=0.25, ramp_steps=0.1, end_step=0.8),
        CenterRegularizer(6, 8, start_step=5, ramp_steps=2, end_step=16),
    )
    with pytest.raises(RuntimeError, match="set_length"):
        shares(*batch())
    shares = CenterRegularizer(6, 8, start_step=0.25, ramp_steps=0.1, end_step=0.8)
    shares.set_length(20)
    for _ in range(20):
        features, labels = batch()
        assert torch.equal(shares(features, labels), steps(features, labels))


def test_forces_are_the_gradients_by_the_centers_times_nothing() -> None:
    features, labels = batch()
    regularizer = CenterRegularizer(6, 8, **PAPER)
    (gradient,) = torch.autograd.grad(regularizer(features.requires_grad_(), labels), features)
    centers = torch.stack([features[labels == k].mean(dim=0) for k in range(6)]).detach().requires_grad_()
    logits = centers @ regularizer.frame.vectors.T
    (by_center,) = torch.autograd.grad(F.cross_entropy(logits, torch.arange(6), reduction="sum"), centers)
    torch.testing.assert_close(class_forces(gradient, labels, 6), by_center, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"reduction": "mean"}, {"scale": 7.0}, {"normalize": True, "scale": 10.0}])
def test_a_share_means_the_same_for_every_preset(options: dict[str, Any]) -> None:
    features, labels = batch(points=300)
    features.requires_grad_()
    weight = torch.randn(6, 8)
    regularizer = CenterRegularizer(6, 8, **{**PAPER, **options}, weight=0.3, strength="share")
    loss = F.cross_entropy(features @ weight.T, labels, ignore_index=-1)
    penalty = regularizer(features, labels)
    factor = regularizer.strength(loss, penalty, features, labels)
    forces = [
        class_forces(torch.autograd.grad(value, features, retain_graph=True)[0], labels, 6).norm(dim=1).sum()
        for value in (loss, factor * penalty)
    ]
    assert (forces[1] / forces[0]).item() == pytest.approx(0.3, rel=1e-4)


def test_a_share_is_smoothed_kept_and_does_not_push_on_what_is_done() -> None:
    share = ShareOfLoss(0.5)
    features = torch.ones(4, 2, requires_grad=True)
    labels = torch.tensor([0, 0, 1, -1])
    assert share.weight() == 0
    for size in (1.0, 3.0):
        share.measure(size * features.sum(), 2 * size * features.sum(), features, labels, 2)
    # Forces sqrt(2)·2 and sqrt(2)·1 a unit; ignored points have no part.
    unit = 3 * math.sqrt(2)
    expected = unit * (1 * 0.09 + 3 * 0.1) / 0.19
    assert share.loss.item() == pytest.approx(expected, rel=1e-5)
    assert share.weight().item() == pytest.approx(0.25, rel=1e-5)
    for _ in range(200):
        share.measure(features.sum(), 1e-9 * features.sum(), features, labels, 2)
    assert share.weight().item() == pytest.approx(0.5 * unit / (0.1 * 6 * unit), rel=1e-3)
    again = ShareOfLoss(0.5)
    again.load_state_dict(share.state_dict())
    assert again.weight() == share.weight()


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_batch_that_overflows_has_no_part_in_the_share(broken: float) -> None:
    features, labels = torch.ones(4, 2, requires_grad=True), torch.tensor([0, 0, 1, -1])
    share, whole = ShareOfLoss(0.5), ShareOfLoss(0.5)
    share.measure(features.sum(), broken * features.sum(), features, labels, 2)
    assert share.weight() == 0 and share.count == 0
    for each in (share, whole):
        each.measure(features.sum(), 2 * features.sum(), features, labels, 2)
    share.measure(broken * features.sum(), 2 * features.sum(), features, labels, 2)
    assert share.weight() == whole.weight() == 0.25 and share.count == 1


def test_a_share_is_measured_now_and_then_from_the_first_warm_batch_on() -> None:
    regularizer = CenterRegularizer(6, 8, **PAPER, weight=1.0, strength="share", start_step=3)
    assert regularizer.share is not None
    for step in range(1, 4 + 2 * EVERY):
        features, labels = batch()
        features.requires_grad_()
        penalty = regularizer(features, labels)
        regularizer.strength(features.square().sum(), penalty, features, labels)
        expected = 0 if step <= 3 else 1 + (step - 4) // EVERY
        assert int(regularizer.share.count) == expected


@pytest.mark.parametrize("options", [{"projector": "mlp", "project": "always", "projector_channels": 12},
                                     {"recenter": True, "normalize": True, "scale": 5.0, "trusted_points": 2.0},
                                     {"repulsion": 0.7, "recenter": True, "centers": "ema", "reduction": "mean"}])  # fmt: skip
def test_gradients_of_combined_forms_against_finite_differences(options: dict[str, Any]) -> None:
    regularizer = CenterRegularizer(5, 4, **{**PAPER, **options}).double()
    regularizer(torch.randn(10, 4, dtype=torch.float64), torch.arange(10) % 5)
    features, labels = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 3, -1, 1, 0])
    regularizer.bank.momentum = 1 - 1e-12  # the middle hardly moves with the batch, as its gradient has it
    regularizer.bank.updates += 1_000_000

    def loss(x: Tensor) -> Tensor:
        return copy.deepcopy(regularizer)(x, labels)

    if options.get("centers") == "ema":  # the bank has the value, the batch the gradient: nothing to difference
        assert torch.autograd.grad(loss(features.requires_grad_()), features)[0].any()
        return
    assert torch.autograd.gradcheck(loss, features.requires_grad_(), atol=1e-6)


def test_a_reduction_sees_centers_and_features_from_the_same_place() -> None:
    """Its normalization takes off the mean of the features anyway: recentering in front of it changes nothing."""
    options = {**PAPER, "project": "always", "reduce_channels": 5, "scale": 5.0}
    plain, recentered = (CenterRegularizer(6, 8, **options, recenter=recenter) for recenter in (False, True))
    for _ in range(4):
        features = torch.randn(60, 8) + 3
        values = [each(features, torch.arange(60) % 6) for each in (plain, recentered)]
        torch.testing.assert_close(*values, rtol=1e-4, atol=1e-5)


def test_a_hidden_layer_learns_and_has_no_linear_targets() -> None:
    regularizer = CenterRegularizer(6, 4, centers="batch", projector="mlp")
    regularizer(*batch(dim=4)).backward()
    assert regularizer.projector is not None and regularizer.targets() is None
    assert all(p.grad is not None and p.grad.any() for p in regularizer.projector.parameters())


@pytest.mark.parametrize("options", [{}, {"reduce_channels": 5}])
def test_targets_are_what_a_logit_multiplies_a_center_by(options: dict[str, Any]) -> None:
    regularizer = CenterRegularizer(9, 4, centers="batch", **options).eval()
    targets = regularizer.targets()
    assert targets is not None and regularizer.projector is not None
    centers = torch.randn(9, 4)
    start = regularizer.projector.by_averages(torch.zeros(1, 4))
    logits = (regularizer.projector.by_averages(centers) - start) @ regularizer.frame.vectors.T
    torch.testing.assert_close(logits, centers @ targets.T, rtol=1e-4, atol=1e-5)


def test_a_frozen_projector_of_a_narrow_space_is_not_silent() -> None:
    (line,) = CenterRegularizer(200, 48, **PAPER).remarks()
    assert "200 targets in 48 channels" in line and "model.neck=256" in line
    targets = CenterRegularizer(200, 48, **PAPER).targets()
    assert targets is not None and f"{largest_cosine(targets):.2f}" in line and largest_cosine(targets) > 0.4
    for quiet in ({"weight": 0.0}, {"projector": "none"}, {"projector": "trainable"}):
        assert not CenterRegularizer(200, 48, **{**PAPER, **quiet}).remarks()
    assert not CenterRegularizer(200, 256, **PAPER).remarks()


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ({"recenter": "yes"}, ("option", "recenter=yes")),
        ({"trusted_points": -1}, ("option", "trusted_points=-1")),
        ({"repulsion": -0.1}, ("option", "repulsion=-0.1")),
        ({"assignment": "best"}, ("option", "drawn, warm_up, rotated", "assignment=best")),
        ({"strength": "strong"}, ("option", "absolute, share", "strength=strong")),
        ({"end_step": 0}, ("option", "end_step=0")),
    ],
)
def test_settings_out_of_range_are_named(options: dict[str, Any], mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        CenterRegularizer(6, 8, **options)


def test_nothing_pulls_at_frozen_features() -> None:
    """A linear probe trains its classifier alone: the share of the loss's force on the features is that of none."""
    features, labels = torch.randn(30, 6), torch.arange(30) % 4
    classifier = torch.nn.Linear(6, 4)
    regularizer = CenterRegularizer(4, 6, strength="share", centers="batch")
    loss = torch.nn.functional.cross_entropy(classifier(features), labels)
    penalty = regularizer(features, labels)
    total = loss + regularizer.strength(loss, penalty, features, labels) * penalty
    total.backward()
    assert total.item() == loss.item() and classifier.weight.grad is not None
