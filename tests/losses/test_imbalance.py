"""The answers to imbalance against their formulae, point by point, and what no loss may do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from pointnc.errors import UserError
from pointnc.losses import (
    CrossEntropy,
    DiceLoss,
    FocalLoss,
    LogitAdjustedCrossEntropy,
    LovaszSoftmax,
    SumOfLosses,
    WeightedCrossEntropy,
    losses_with_prior,
)
from tests.helpers.mistakes import assert_names, raises

COUNTS = torch.tensor([5000, 40, 0, 3, 700])
FOLDER = Path(__file__).parents[2] / "conf" / "loss"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def case(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(60, 5, generator=generator, dtype=torch.float64)
    return logits.to(dtype), torch.randint(-1, 4, (60,), generator=generator)


def points(logits: Tensor, labels: Tensor) -> list[tuple[list[float], int]]:
    """Probabilities and label of every labeled point."""
    return [(logits[i].softmax(0).tolist(), int(y)) for i, y in enumerate(labels) if y >= 0]


def made(name: str) -> nn.Module:
    loss: nn.Module = instantiate(OmegaConf.load(FOLDER / f"{name}.yaml"))
    for part in losses_with_prior(loss):
        part.set_prior(COUNTS)
    return loss


def check_value(loss: nn.Module, expected: Callable[[Tensor, Tensor], float]) -> None:
    logits, labels = case()
    assert loss(logits, labels).item() == pytest.approx(expected(logits, labels), rel=1e-6)


@pytest.mark.parametrize("scheme", ["inverse", "square_root", "effective_number"])
def test_weighted_cross_entropy(scheme: str) -> None:
    beta = 0.99
    formula = {
        "inverse": lambda n: 1 / n,
        "square_root": lambda n: n**-0.5,
        "effective_number": lambda n: (1 - beta) / (1 - beta**n),
    }[scheme]
    weight = [formula(n) if n else 0.0 for n in COUNTS.tolist()]

    def expected(logits: Tensor, labels: Tensor) -> float:
        all_points = points(logits, labels)
        total = sum(-weight[y] * math.log(p[y]) for p, y in all_points)
        return total / sum(weight[y] for _, y in all_points)

    loss = WeightedCrossEntropy(scheme, beta)  # type: ignore[arg-type]
    loss.set_prior(COUNTS)
    check_value(loss, expected)
    weights = loss.weights()
    assert weights[2] == 0 and weights[[0, 1, 3, 4]].mean().item() == pytest.approx(1)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_logit_adjustment(tau: float) -> None:
    shares = [max(n, 1) / 5744 for n in COUNTS.tolist()]

    def expected(logits: Tensor, labels: Tensor) -> float:
        total, count = 0.0, 0
        for row, y in zip(logits.tolist(), labels.tolist()):
            if y >= 0:
                odds = [math.exp(z) * share**tau for z, share in zip(row, shares)]
                total -= math.log(odds[y] / sum(odds))
                count += 1
        return total / count

    loss = LogitAdjustedCrossEntropy(tau)
    loss.set_prior(COUNTS)
    check_value(loss, expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal(gamma: float) -> None:
    def expected(logits: Tensor, labels: Tensor) -> float:
        terms = [-((1 - p[y]) ** gamma) * math.log(p[y]) for p, y in points(logits, labels)]
        return sum(terms) / len(terms)

    check_value(FocalLoss(gamma), expected)


def test_focal_has_a_gradient_where_a_point_is_certain() -> None:
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    FocalLoss(0.5)(logits, torch.tensor([0])).backward()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_lovasz_is_the_extension_of_the_jaccard_loss() -> None:
    """By the definition: the integral over a threshold of 1 − IoU with the points whose error exceeds it as errors."""

    def expected(logits: Tensor, labels: Tensor) -> float:
        all_points = points(logits, labels)
        losses = []
        for c in sorted({y for _, y in all_points}):
            errors = [abs((y == c) - p[c]) for p, y in all_points]
            truth = [y == c for _, y in all_points]
            total, levels = 0.0, [0.0, *sorted(set(errors))]
            for low, high in itertools.pairwise(levels):
                wrong = [error > low for error in errors]
                missed = sum(w and t for w, t in zip(wrong, truth))
                added = sum(w and not t for w, t in zip(wrong, truth))
                total += (high - low) * (1 - (sum(truth) - missed) / (sum(truth) + added))
            losses.append(total)
        return sum(losses) / len(losses)

    check_value(LovaszSoftmax(), expected)


def test_the_gradient_of_lovasz_is_that_of_its_value() -> None:
    logits, labels = case()
    assert torch.autograd.gradcheck(lambda x: LovaszSoftmax()(x, labels[:12]), logits[:12].requires_grad_())


def test_lovasz_at_a_hard_prediction_is_one_minus_iou() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    predicted = torch.tensor([0, 0, 1, 1, 1, 0])
    logits = 1000 * nn.functional.one_hot(predicted, 3).double()
    assert LovaszSoftmax()(logits, labels).item() == pytest.approx(1 - (2 / 4 + 2 / 3 + 0) / 3)


def test_dice() -> None:
    def expected(logits: Tensor, labels: Tensor) -> float:
        all_points = points(logits, labels)
        losses = []
        for c in sorted({y for _, y in all_points}):
            overlap = sum(p[c] for p, y in all_points if y == c)
            size = sum(p[c] for p, _ in all_points) + sum(y == c for _, y in all_points)
            losses.append(1 - (2 * overlap + 0.7) / (size + 0.7))
        return sum(losses) / len(losses)

    check_value(DiceLoss(0.7), expected)


def test_sums_are_weighted() -> None:
    logits, labels = case()
    parts = {"focal": FocalLoss(1.0), "dice": DiceLoss(), "lovasz": None}
    total = SumOfLosses(parts, {"dice": 0.3})(logits, labels)
    assert total == pytest.approx(FocalLoss(1.0)(logits, labels) + 0.3 * DiceLoss()(logits, labels))


@pytest.mark.parametrize("name", NAMES)
class TestEveryConfig:
    def test_gradients_are_right(self, name: str) -> None:
        logits, labels = case()
        loss = made(name)
        logits.requires_grad_()
        loss(logits, labels).backward()
        assert logits.grad is not None
        direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        with torch.no_grad():
            ahead, behind = (loss(logits + step * direction, labels) for step in (1e-6, -1e-6))
        assert ((ahead - behind) / 2e-6).item() == pytest.approx((logits.grad * direction).sum().item(), rel=1e-4)
        assert not logits.grad[labels < 0].any()

    def test_no_labeled_point_gives_zero_with_a_graph(self, name: str) -> None:
        for count in (0, 6):
            logits = torch.randn(count, 5, requires_grad=True)
            value = made(name)(logits, torch.full((count,), -1))
            value.backward()
            assert value.item() == 0
            assert logits.grad is None or not logits.grad.any()

    def test_a_class_that_training_lacks_gives_no_infinity(self, name: str) -> None:
        logits = torch.zeros(4, 5, requires_grad=True)
        value = made(name)(logits, torch.tensor([2, 2, 0, -1]))
        value.backward()
        assert value.isfinite() and logits.grad is not None and logits.grad.isfinite().all()

    def test_halves_are_computed_in_float32(self, name: str) -> None:
        logits, labels = case(torch.float32)
        with torch.autocast("cpu", torch.bfloat16):
            value = made(name)(logits.bfloat16(), labels)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(made(name)(logits.bfloat16().float(), labels).item(), rel=1e-6)

    def test_better_logits_cost_less(self, name: str) -> None:
        logits, labels = case()
        better = logits.clone()
        better[labels >= 0, labels[labels >= 0]] += 3
        assert made(name)(better, labels) < made(name)(logits, labels)


@pytest.mark.parametrize("unset", [LogitAdjustedCrossEntropy(), WeightedCrossEntropy()])
def test_without_counts_there_is_no_loss(unset: nn.Module) -> None:
    with pytest.raises(RuntimeError, match="set_prior"):
        unset(*case())


def test_the_counts_travel_with_the_state() -> None:
    loss = SumOfLosses({"adjusted": made("logit_adjustment"), "dice": DiceLoss()})
    fresh = SumOfLosses({"adjusted": LogitAdjustedCrossEntropy(0.5), "dice": DiceLoss()})
    fresh.load_state_dict(loss.state_dict())
    assert torch.equal(fresh(*case()), loss(*case()))


@pytest.mark.parametrize("counts", [[0, 0, 0], [1, -1, 2]])
def test_impossible_counts_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="class counts"):
        LogitAdjustedCrossEntropy().set_prior(torch.tensor(counts))


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: FocalLoss(-1), "gamma"),
        (lambda: LogitAdjustedCrossEntropy(-0.1), "tau"),
        (lambda: WeightedCrossEntropy("cube"), "scheme"),  # type: ignore[arg-type]
        (lambda: WeightedCrossEntropy(beta=1.0), "beta"),
        (lambda: DiceLoss(0), "smoothing"),
        (lambda: FocalLoss(math.inf), "gamma"),
        (lambda: FocalLoss("two"), "gamma"),  # type: ignore[arg-type]
        (lambda: LogitAdjustedCrossEntropy(math.inf), "tau"),
        (lambda: LogitAdjustedCrossEntropy("abc"), "tau"),  # type: ignore[arg-type]
        (lambda: LogitAdjustedCrossEntropy(label_smoothing=3), "label_smoothing"),
        (lambda: LogitAdjustedCrossEntropy(unit="foo"), "unit"),  # type: ignore[arg-type]
        (lambda: WeightedCrossEntropy(label_smoothing=3), "label_smoothing"),
        (lambda: WeightedCrossEntropy(unit="foo"), "unit"),  # type: ignore[arg-type]
        (lambda: DiceLoss(math.inf), "smoothing"),
        (lambda: CrossEntropy([1, -1, 1]), "class_weights[1]"),
        (lambda: CrossEntropy([1, math.nan, 1]), "class_weights[1]"),
        (lambda: CrossEntropy([0, 0]), "class_weights"),
        (lambda: CrossEntropy(3), "class_weights"),  # type: ignore[arg-type]
        (lambda: SumOfLosses({"a": DiceLoss()}, {"a": math.inf}), "weights.a"),
        (lambda: SumOfLosses({"a": None}), "losses"),
        (lambda: SumOfLosses({"a": DiceLoss()}, {"b": 1}), "weights.b"),
        (lambda: SumOfLosses({"a": DiceLoss()}, {"a": -1}), "weights.a"),
        (lambda: instantiate({"_target_": "pointnc.losses.CrossEntropy", "label_smoothing": 1}), "label_smoothing"),
    ],
)
def test_settings_out_of_range_are_named(make: Callable[[], nn.Module], key: str) -> None:
    with pytest.raises(Exception) as caught:
        make()
    cause = caught.value if isinstance(caught.value, UserError) else caught.value.__cause__
    assert isinstance(cause, UserError)
    assert_names(cause, "option", key)


def test_weights_of_other_classes_are_refused() -> None:
    with raises("option", "class_weights", "2 numbers", "3 classes"):
        CrossEntropy([1, 1])(torch.zeros(4, 3), torch.zeros(4))
