"""Measures on exact frames and on cases computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pointnc.collapse import SimplexETF, center_distance, cosine_matrix, simplex_distance


def test_an_exact_frame_is_at_distance_zero_wherever_it_is() -> None:
    vectors = SimplexETF(12, 20).vectors * 3 + torch.randn(20)
    distance = center_distance(vectors, torch.ones(12, dtype=torch.bool))
    assert (distance.equinorm, distance.equiangularity, distance.max_angle) == pytest.approx((0, 0, 0), abs=1e-5)


def test_right_angles_by_hand() -> None:
    # Lengths 1 and 3: mean 2, deviation 1. One pair, cosine 0, the simplex of two asks for -1.
    distance = simplex_distance(torch.tensor([[1.0, 0.0], [0.0, 3.0]]))
    assert (distance.equinorm, distance.equiangularity, distance.max_angle) == pytest.approx((0.5, 0, 1))


def test_three_vectors_by_hand() -> None:
    # Cosines 0, -1, 0 over the three pairs; the simplex of three asks for -1/2.
    distance = simplex_distance(torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0]]))
    expected = (0, math.sqrt(2) / 3, 0.5)
    assert (distance.equinorm, distance.equiangularity, distance.max_angle) == pytest.approx(expected)


def test_never_seen_classes_are_left_out() -> None:
    torch.manual_seed(0)
    centers = torch.randn(6, 4)
    seen = torch.tensor([True, False, True, True, False, True])
    garbage = centers.clone()
    garbage[~seen] = float("nan")
    cosines = cosine_matrix(garbage, seen)
    assert cosines.shape == (4, 4)
    torch.testing.assert_close(cosines.diagonal(), torch.ones(4, dtype=torch.float64))
    kept = centers[seen].double()
    kept = kept - kept.mean(0)
    assert cosines[0, 3] == pytest.approx(float(kept[0] @ kept[3] / kept[0].norm() / kept[3].norm()))
    assert center_distance(garbage, seen) == center_distance(centers, seen)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_classes_have_no_distance(count: int) -> None:
    seen = torch.arange(3) < count
    assert cosine_matrix(torch.randn(3, 2), seen).shape == (count, count)
    assert math.isnan(center_distance(torch.randn(3, 2), seen).equiangularity)
