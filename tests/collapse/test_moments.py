"""Mean and covariance against PyTorch's own, in value, gradient and digits."""

from __future__ import annotations

import pytest
import torch

from pointnc.collapse.moments import ROWS, moments


@pytest.mark.parametrize("points", [1, 7, ROWS - 1, 2 * ROWS + 3])
def test_equal_to_torch(points: int) -> None:
    features = torch.randn(points, 4, dtype=torch.float64) * torch.tensor([1, 2, 3, 4]) + 5
    mean, covariance, number = moments(features)
    torch.testing.assert_close(mean, features.mean(0))
    torch.testing.assert_close(covariance, torch.cov(features.T, correction=0))
    assert number == points


def test_gradient_against_finite_differences() -> None:
    features = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: moments(x)[:2], features)


def test_a_large_mean_costs_no_digits() -> None:
    features = torch.randn(20000, 3) + 1000
    wanted = torch.cov(features.double().T, correction=0).float()
    torch.testing.assert_close(moments(features)[1], wanted, rtol=1e-3, atol=1e-3)


def test_no_points_give_finite_numbers() -> None:
    features = torch.empty(0, 3, requires_grad=True)
    mean, covariance, number = moments(features)
    (mean.sum() + covariance.sum()).backward()
    assert not mean.any() and not covariance.any() and number == 1
    assert features.grad is not None and features.grad.shape == (0, 3)
