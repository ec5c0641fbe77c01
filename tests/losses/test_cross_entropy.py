"""Cross-entropy against the formula, and where PyTorch's own gives NaN."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from omegaconf import OmegaConf

from pointnc.losses import CrossEntropy
from tests.losses.test_imbalance import FOLDER
from tests.oracles.centers import cross_entropy

WEIGHTS = [0.5, 2.0, 1.0, 4.0]


def _case() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(20, 4, generator=generator), torch.randint(-1, 4, (20,), generator=generator)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_equals_the_formula(weights: list[float] | None, smoothing: float) -> None:
    logits, labels = _case()
    assert (labels == -1).any()
    total = share = 0.0
    for row, label in zip(logits.tolist(), labels.tolist()):
        if label < 0:
            continue
        for k in range(4):
            target = smoothing / 4 + (1 - smoothing) * (k == label)
            total += target * (weights[k] if weights else 1) * cross_entropy(row, k)
        share += weights[label] if weights else 1
    value = CrossEntropy(weights, smoothing)(logits, labels)
    assert value.item() == pytest.approx(total / share, rel=1e-5)


def test_uniform_logits_give_the_logarithm_of_the_classes() -> None:
    assert CrossEntropy()(torch.zeros(7, 5), torch.arange(7) % 5).item() == pytest.approx(math.log(5))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_without_labels_zero_with_a_graph(weights: list[float] | None) -> None:
    logits = torch.randn(6, 4, requires_grad=True)
    labels = torch.full((6,), -1)
    assert F.cross_entropy(logits, labels, ignore_index=-1).isnan()
    value = CrossEntropy(weights)(logits, labels)
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_points_that_all_weigh_nothing_give_zero(smoothing: float) -> None:
    logits = torch.randn(6, 2, requires_grad=True)
    value = CrossEntropy([0, 1], smoothing)(logits, torch.tensor([0, 0, -1, 0, 0, 0]))
    value.backward()
    assert value.item() == 0 and logits.grad is not None and not logits.grad.any()


def test_ignored_points_get_no_gradient() -> None:
    logits, labels = _case()
    logits.requires_grad_()
    CrossEntropy(label_smoothing=0.1)(logits, labels).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad.abs().sum(1) > 0, labels >= 0)


def test_gradient_against_finite_differences() -> None:
    logits, labels = _case()
    criterion = CrossEntropy(WEIGHTS, 0.1).double()
    assert torch.autograd.gradcheck(lambda x: criterion(x, labels[:6]), logits[:6].double().requires_grad_())


def test_float32_under_autocast() -> None:
    logits, labels = _case()
    with torch.autocast("cpu", torch.bfloat16):
        value = CrossEntropy()(logits.bfloat16(), labels.int())
    assert value.dtype == torch.float32
    assert torch.equal(value, CrossEntropy()(logits.bfloat16().float(), labels))


def test_a_label_outside_the_set_is_an_error() -> None:
    with pytest.raises((IndexError, RuntimeError)):
        CrossEntropy()(torch.zeros(2, 3), torch.tensor([0, 3]))


def test_the_shipped_config_is_plain_cross_entropy() -> None:
    criterion = instantiate(OmegaConf.load(FOLDER / "cross_entropy.yaml"))
    logits, labels = _case()
    torch.testing.assert_close(criterion(logits, labels), F.cross_entropy(logits, labels, ignore_index=-1))
