"""Targets of a regularizer, and what of them features can reach: by hand, and against a search."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from pointnc.collapse import SimplexETF
from pointnc.collapse.lower_bounds import cosine_bound
from pointnc.collapse.regularizer import CenterRegularizer
from pointnc.collapse.targets import angles, column_space, reach_of_orthant, reach_of_span, reached


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_angles_by_hand() -> None:
    found = angles(torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))
    # Cosines 0, -1, 0; the simplex of three has -1/2.
    assert (found.largest, found.mean, found.off_simplex) == pytest.approx((0, -1 / 3, 0.5))
    simplex = angles(SimplexETF(7, 9).vectors)
    assert (simplex.largest, simplex.mean) == pytest.approx((-1 / 6, -1 / 6), abs=1e-6)
    assert simplex.off_simplex == pytest.approx(0, abs=1e-6)


def test_a_frozen_projector_makes_random_directions_of_a_simplex_and_a_neck_keeps_it() -> None:
    narrow, wide = (CenterRegularizer(200, dim, centers="batch").targets() for dim in (48, 256))
    assert narrow is not None and wide is not None
    assert angles(narrow).largest > 0.4 > 0.1 > cosine_bound(200, 48)
    assert angles(narrow).mean == pytest.approx(-1 / 199, abs=0.01)
    assert angles(wide).largest == pytest.approx(-1 / 199, abs=1e-5)


def test_the_orthant_by_hand_and_no_vector_of_it_is_nearer() -> None:
    targets = torch.tensor([[3.0, 4.0], [3.0, -4.0], [-1.0, -1.0]])
    assert reach_of_orthant(targets).tolist() == pytest.approx([1, 0.6, 0])
    many = torch.randn(20, 3)
    best = (F.normalize(torch.rand(50_000, 3), dim=1) @ F.normalize(many, dim=1).T).amax(dim=0)
    bound = reach_of_orthant(many).float()
    assert (best <= bound + 1e-6).all()
    somewhere = (many > 0).any(dim=1)
    torch.testing.assert_close(best[somewhere], bound[somewhere], atol=0.03, rtol=0)


def test_half_of_a_random_target_is_behind_a_relu() -> None:
    assert reach_of_orthant(torch.randn(200, 256)).mean().item() == pytest.approx(math.sqrt(0.5), abs=0.01)


def test_the_span_by_hand_and_by_least_squares() -> None:
    matrix = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    targets = torch.tensor([[1.0, 2.0, 0.0], [3.0, 0.0, 4.0], [0.0, 0.0, -2.0]])
    assert reach_of_span(targets, matrix).tolist() == pytest.approx([1, 0.6, 0], abs=1e-12)
    matrix, targets = torch.randn(9, 4), torch.randn(6, 9)
    fit = matrix @ torch.linalg.lstsq(matrix, targets.T).solution
    expected = F.cosine_similarity(fit.T, targets, dim=1)
    torch.testing.assert_close(reach_of_span(targets, matrix).float(), expected)


def test_the_rank_is_that_of_the_map() -> None:
    assert column_space(torch.randn(9, 4) @ torch.randn(4, 7)).shape == (9, 4)
    assert column_space(torch.randn(256, 256)).shape == (256, 256)
    assert column_space(torch.zeros(3, 2)).shape == (3, 0)
    assert reach_of_span(torch.ones(2, 3), torch.zeros(3, 2)).tolist() == [0, 0]


def test_what_is_reached_is_said_of_classes_with_a_center() -> None:
    centers, targets = torch.tensor([[2.0, 0.0], [9.0, 9.0], [0.0, -1.0]]), torch.eye(3)[:, :2] + 0.0
    targets[2] = torch.tensor([1.0, 1.0])
    found = reached(centers, targets, torch.tensor([True, False, True]))
    assert found[0] == pytest.approx(1) and found[1].isnan() and found[2] == pytest.approx(-math.sqrt(0.5))
