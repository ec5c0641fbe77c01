"""The simplex ETF: its defining properties, and that it leaves the global random state alone."""

from __future__ import annotations

import pytest
import torch

from pointnc.collapse import SimplexETF
from pointnc.collapse.simplex import random_orthonormal
from tests.helpers.mistakes import raises


@pytest.mark.parametrize(("num_classes", "dim"), [(2, 1), (2, 5), (3, 2), (20, 19), (20, 20), (60, 96), (200, 199)])
def test_unit_vectors_with_the_simplex_cosine(num_classes: int, dim: int) -> None:
    vectors = SimplexETF(num_classes, dim, seed=3).vectors
    assert vectors.shape == (num_classes, dim)
    assert vectors.dtype == torch.float32
    gram = vectors.double() @ vectors.double().T
    wanted = torch.full_like(gram, -1 / (num_classes - 1)).fill_diagonal_(1)
    torch.testing.assert_close(gram, wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(vectors.double().sum(0), torch.zeros(dim, dtype=torch.float64), atol=1e-5, rtol=0)


def test_seed_decides_the_rotation() -> None:
    first, again, other = (SimplexETF(10, 16, seed).vectors for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.1


def test_rotation_prefers_no_direction() -> None:
    # Without the sign correction the first entry of the first column would always have the same sign.
    first = [random_orthonormal(4, 2, seed)[0, 0].item() for seed in range(64)]
    assert 16 < sum(value > 0 for value in first) < 48


def test_global_random_state_is_untouched() -> None:
    before = torch.get_rng_state()
    SimplexETF(12, 16)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("num_classes", "dim"), [(200, 96), (3, 1), (1, 4)])
def test_too_few_dimensions_or_classes_are_refused(num_classes: int, dim: int) -> None:
    with raises("option", "frame", *(["projector", dim] if num_classes > 1 else ["2 classes", num_classes])):
        SimplexETF(num_classes, dim)
