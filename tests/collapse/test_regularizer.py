"""The center regularizer: formulae by hand, gradients by finite differences, absent classes, modes."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pointnc.collapse import CenterRegularizer, SpreadFrame
from tests.helpers.mistakes import raises
from tests.oracles.centers import center_loss, class_centers, corrected_average

PLAIN = {"centers": "batch", "normalize": False, "scale": 1.0, "reduction": "sum"}
"""The formula of the paper."""


def _batch(num_points: int = 60, num_classes: int = 6, dim: int = 8) -> tuple[Tensor, Tensor]:
    return torch.randn(num_points, dim), torch.randint(-1, num_classes, (num_points,))


def test_by_hand_at_the_vertices() -> None:
    # Centers at r times their vertex: own logit r, the two others -r/2.
    regularizer = CenterRegularizer(3, 2, **PLAIN)
    features = 2 * regularizer.frame.vectors
    each = math.log(1 + 2 * math.exp(-3))
    assert regularizer(features, torch.arange(3)).item() == pytest.approx(3 * each, rel=1e-5)
    assert regularizer(features, torch.tensor([0, -1, 2])).item() == pytest.approx(2 * each, rel=1e-5)
    mean = CenterRegularizer(3, 2, **{**PLAIN, "reduction": "mean"})
    assert mean(features, torch.tensor([0, -1, 2])).item() == pytest.approx(each, rel=1e-5)


def test_by_hand_normalized_scaled_and_with_prior() -> None:
    # Normalized and scaled by 4 the length 7 does not matter: own logit 4, the other (of K = 2) -4.
    regularizer = CenterRegularizer(
        2, 1, centers="batch", normalize=True, scale=4.0, reduction="sum", log_prior="scenes"
    )
    regularizer.set_prior(torch.tensor([3, 1]))
    features = 7 * regularizer.frame.vectors
    wanted = -math.log(3 * math.exp(4) / (3 * math.exp(4) + math.exp(-4)))
    wanted += -math.log(math.exp(4) / (math.exp(4) + 3 * math.exp(-4)))
    assert regularizer(features, torch.arange(2)).item() == pytest.approx(wanted, rel=1e-4)
    override = regularizer(features, torch.arange(2), prior=torch.tensor([0.5, 0.5])).item()
    assert override == pytest.approx(2 * math.log(1 + math.exp(-8)), rel=1e-2)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("log_prior", ["off", "points"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_equals_the_loop(normalize: bool, log_prior: str, reduction: str) -> None:
    features, labels = _batch(30)
    labels[labels == 2] = -1
    prior = [0.4, 0.3, 0.1, 0.1, 0.1, 0.0]
    regularizer = CenterRegularizer(
        6, 8, centers="batch", normalize=normalize, scale=3.0, log_prior=log_prior, reduction=reduction
    )
    regularizer.set_prior(torch.tensor(prior) * 500)
    wanted = center_loss(
        class_centers(features.tolist(), labels.tolist(), 6),
        regularizer.frame.vectors.tolist(),
        normalize=normalize,
        scale=3.0,
        prior=None if log_prior == "off" else prior,
        reduction=reduction,
    )
    assert regularizer(features, labels).item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.0, 10.0])
def test_the_ideal_frame_is_a_minimum_at_given_lengths(scale: float) -> None:
    regularizer = CenterRegularizer(7, 9, **{**PLAIN, "scale": scale}).double()
    labels = torch.arange(7)
    lengths = torch.rand(7, 1, dtype=torch.float64) * 3 + 0.1
    ideal = regularizer.frame.vectors * lengths
    least = regularizer(ideal, labels).item()
    for step in (1e-3, 1e-2, 0.1, 1.0, 10.0):
        for _ in range(20):
            moved = ideal + step * torch.randn_like(ideal)
            moved = moved / moved.norm(dim=1, keepdim=True) * lengths
            assert regularizer(moved, labels).item() >= least - 1e-9
    x = ideal.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(regularizer(x, labels), x)
    # Nothing pulls a center off its vertex: what is left of the gradient lengthens it.
    along = (gradient * regularizer.frame.vectors).sum(1, keepdim=True)
    assert (along < 0).all()
    torch.testing.assert_close(gradient, along * regularizer.frame.vectors, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "options",
    [
        PLAIN,
        {"centers": "batch", "normalize": True, "scale": 5.0, "log_prior": "points"},
        {"centers": "batch", "projector": "trainable", "project": "always", "projector_channels": 12},
        {"centers": "batch", "normalize": True, "project": "always", "projector_relu": True, "reduce_channels": 7},
        {"centers": "ema", "gradient": "update", "momentum": 0.7},
        {"centers": "ema", "gradient": "straight_through", "momentum": 0.0},
    ],
)
def test_gradient_against_finite_differences(options: dict[str, Any]) -> None:
    regularizer = CenterRegularizer(5, 4, **options).double()
    regularizer.set_prior(torch.arange(1, 6))
    features, labels = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 3, -1, 1, 0])
    if options["centers"] == "ema":
        regularizer(torch.randn(6, 4, dtype=torch.float64), torch.arange(6) % 5)

    def loss(x: Tensor) -> Tensor:
        return copy.deepcopy(regularizer)(x, labels)  # every evaluation starts from the same bank

    assert torch.autograd.gradcheck(loss, features.requires_grad_(), atol=1e-7)


def test_straight_through_has_the_banks_value_and_the_batch_centers_gradient() -> None:
    regularizer = CenterRegularizer(6, 8, momentum=0.6, normalize=True, scale=4.0)
    history: list[list[list[float] | None]] = []
    for _ in range(3):
        features, labels = _batch(25)
        labels[labels == 5] = 4
        features.requires_grad_()
        history.append(class_centers(features.tolist(), labels.tolist(), 6))
        value = regularizer(features, labels)
    bank: list[list[float] | None] = []
    for k in range(6):
        seen = [centers[k] for centers in history if centers[k] is not None]
        bank.append([corrected_average(channel, 0.6) for channel in zip(*seen)] if seen else None)
    assert bank[5] is None
    wanted = center_loss(bank, regularizer.frame.vectors.tolist(), True, 4.0, reduction="mean")
    assert value.item() == pytest.approx(wanted, rel=1e-4)

    (gradient,) = torch.autograd.grad(value, features)
    centers = regularizer.centers()[0].requires_grad_()
    logits = 4.0 * torch.nn.functional.normalize(centers, dim=1) @ regularizer.frame.vectors.T
    loss = torch.nn.functional.cross_entropy(logits[:5], torch.arange(5))
    (at_centers,) = torch.autograd.grad(loss, centers)
    members = labels.clamp_min(0)
    share = (labels >= 0) / torch.bincount(members[labels >= 0], minlength=6)[members]
    torch.testing.assert_close(gradient, at_centers[members] * share[:, None], rtol=1e-4, atol=1e-7)


def test_update_gradient_is_the_straight_through_one_times_the_rate() -> None:
    gradients = []
    for mode in ("straight_through", "update"):
        torch.manual_seed(1)
        regularizer = CenterRegularizer(6, 8, gradient=mode, momentum=0.6)
        for _ in range(3):
            features, _ = _batch(24)
            features.requires_grad_()
            value = regularizer(features, torch.arange(24) % 6)
        gradients.append(torch.autograd.grad(value, features)[0])
    rate = 0.4 / (1 - 0.6**3)
    torch.testing.assert_close(gradients[1], rate * gradients[0])


def test_absent_classes_contribute_nothing_in_batch_mode() -> None:
    regularizer = CenterRegularizer(6, 8, **PLAIN)
    features, labels = _batch()
    regularizer(features, labels)
    few = labels.clone()
    few[few >= 2] = -1
    first = regularizer(features, few)
    again = CenterRegularizer(6, 8, **PLAIN)(features, few)
    assert torch.equal(first, again)  # whatever the bank remembers
    wanted = center_loss(class_centers(features.tolist(), few.tolist(), 6), regularizer.frame.vectors.tolist())
    assert first.item() == pytest.approx(wanted, rel=1e-5)


def test_absent_classes_contribute_their_bank_center_and_no_gradient() -> None:
    regularizer = CenterRegularizer(4, 3, normalize=True, scale=10.0, reduction="sum")
    regularizer(torch.randn(3, 3), torch.tensor([0, 1, 2]))
    before, _ = regularizer.centers()
    features = torch.randn(2, 3, requires_grad=True)
    value = regularizer(features, torch.tensor([0, -1]))
    after, seen = regularizer.centers()
    assert seen.tolist() == [True, True, True, False]
    assert torch.equal(after[1:], before[1:])
    vertices = regularizer.frame.vectors.tolist()
    wanted = center_loss([*after[:3].tolist(), None], vertices, normalize=True, scale=10.0)
    assert value.item() == pytest.approx(wanted, rel=1e-4)
    (gradient,) = torch.autograd.grad(value, features)
    assert gradient[0].abs().sum() > 0
    assert not gradient[1].any()


@pytest.mark.parametrize("mode", ["batch", "batch_synchronized", "ema"])
def test_a_batch_without_labels_gives_zero_with_a_graph(mode: str) -> None:
    regularizer = CenterRegularizer(6, 8, centers=mode, projector="trainable", project="always")
    features = torch.randn(5, 8, requires_grad=True)
    value = regularizer(features, torch.full((5,), -1))
    value.backward()
    assert value.item() == 0
    assert features.grad is not None
    assert not features.grad.any()
    assert not regularizer.centers()[1].any()


@pytest.mark.parametrize("mode", ["batch", "batch_synchronized", "ema"])
def test_every_mode_keeps_the_bank_in_backbone_space(mode: str) -> None:
    regularizer = CenterRegularizer(20, 8, centers=mode, momentum=0.0, projector_relu=True)
    assert regularizer.projector is not None
    features, labels = _batch(50, 20)
    regularizer(features, labels)
    centers, seen = regularizer.centers()
    for k, wanted in enumerate(class_centers(features.tolist(), labels.tolist(), 20)):
        assert seen[k] == (wanted is not None)
        if wanted is not None:
            torch.testing.assert_close(centers[k], torch.tensor(wanted))


def test_evaluation_mode_changes_no_state() -> None:
    regularizer = CenterRegularizer(6, 8, reduce_channels=5, project="always", dropout=0.5)
    regularizer(*_batch())
    state = {key: value.clone() for key, value in regularizer.state_dict().items()}
    regularizer.eval()
    features, labels = _batch()
    assert torch.equal(regularizer(features, labels), regularizer(features, labels))
    assert all(torch.equal(value, state[key]) for key, value in regularizer.state_dict().items())


def test_dropout_thins_and_rescales_in_training_only() -> None:
    features, labels = _batch(200, 40, 64)
    dropped = CenterRegularizer(40, 64, **PLAIN, dropout=0.5)
    plain = CenterRegularizer(40, 64, **PLAIN)
    assert dropped(features, labels) != plain(features, labels)
    ones = dropped._drop(torch.ones(100, 100))
    assert set(ones.unique().tolist()) == {0.0, 2.0}
    assert ones.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(dropped.eval()(features, labels), plain.eval()(features, labels))


def test_float32_under_autocast() -> None:
    features, labels = _batch(40, 30)
    halves = features.bfloat16()
    plain = CenterRegularizer(30, 8, reduce_channels=8, project="always")
    cast = CenterRegularizer(30, 8, reduce_channels=8, project="always")
    with torch.autocast("cpu", torch.bfloat16):
        value = cast(halves.requires_grad_(), labels)
    assert value.dtype == torch.float32
    assert cast.centers()[0].dtype == torch.float32
    assert torch.equal(value, plain(halves.float(), labels))
    value.backward()


def test_resuming_from_the_state_goes_on_to_the_bit() -> None:
    options = {"dropout": 0.3, "projector": "trainable", "project": "always", "reduce_channels": 5}
    whole = CenterRegularizer(6, 8, **options, log_prior="points")
    whole.set_prior(torch.arange(6))
    for _ in range(3):
        whole(*_batch())
    resumed = CenterRegularizer(6, 8, **options, log_prior="points", seed=7)  # all that matters is in the state
    resumed.load_state_dict(whole.state_dict())
    resumed.options = whole.options
    resumed.set_prior(torch.arange(6))
    for _ in range(2):
        features, labels = _batch()
        assert torch.equal(whole(features, labels), resumed(features, labels))


def test_nothing_waits_for_a_gradient_where_the_weight_is_zero() -> None:
    for weight, learns in ((0.0, False), (0.1, True)):
        regularizer = CenterRegularizer(6, 8, projector="trainable", project="always", weight=weight)
        assert all(p.requires_grad == learns for p in regularizer.parameters())


def test_a_missing_prior_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="set_prior"):
        CenterRegularizer(6, 8, log_prior="scenes")(*_batch())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("centers", "average"),
        ("gradient", "none"),
        ("projector", "yes"),
        ("project", "never"),
        ("log_prior", "classes"),
        ("reduction", "max"),
        ("scale", 0.0),
        ("dropout", 1.0),
        ("weight", -0.1),
        ("momentum", 1.0),
        ("momentum", "high"),
        ("frame", "cross"),
        ("scale", float("nan")),
        ("weight", float("inf")),
        ("weight", "heavy"),
        ("normalize", 2),
        ("projector_relu", "yes"),
        ("projector_channels", 0),
        ("reduce_channels", 1.5),
        ("start_step", -1),
        ("ramp_steps", 1.5),
        ("min_updates", 0),
        ("seed", -1),
    ],
)
def test_bad_options_name_their_key(key: str, value: Any) -> None:
    with raises("option", f"{key}={value}"):
        CenterRegularizer(6, 8, **{key: value})


def test_a_simplex_in_too_narrow_features_is_refused() -> None:
    with raises("option", "frame=auto", "200 classes", "199 dimensions", 96):
        CenterRegularizer(200, 96, projector="none", frame="simplex")
    with raises("option", "frame", "projector_channels=199", 100):
        CenterRegularizer(200, 96, projector_channels=100, frame="simplex")
    assert CenterRegularizer(97, 96, projector="frozen").projector is None


@pytest.mark.parametrize("frame", ["auto", "spread"])
def test_narrow_features_go_without_projector_on_a_spread_frame(frame: str) -> None:
    projector = "none" if frame == "auto" else "frozen"  # "spread" needs none, so "where_needed" makes none
    # With a larger scale the loss at the vertices is below what float32 resolves of such logits.
    regularizer = CenterRegularizer(8, 4, centers="batch", frame=frame, projector=projector, normalize=True, scale=4.0)
    assert isinstance(regularizer.frame, SpreadFrame)
    assert regularizer.projector is None
    assert regularizer.frame.vectors.shape == (8, 4)
    at_vertices = regularizer(regularizer.frame.vectors, torch.arange(8))
    vertices = regularizer.frame.vectors.tolist()
    assert at_vertices.item() == pytest.approx(center_loss(vertices, vertices, True, 4.0, reduction="mean"), rel=1e-4)
    assert at_vertices < regularizer(torch.randn(8, 4), torch.arange(8))


@pytest.mark.parametrize(
    ("num_classes", "channels", "mistake"),
    [(0, 8, ("option", "classes=0")), (1, 8, ("option", "2 classes")), (6, 0, ("option", "channels=0"))],
)
def test_bad_sizes_get_a_line(num_classes: int, channels: int, mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        CenterRegularizer(num_classes, channels)
