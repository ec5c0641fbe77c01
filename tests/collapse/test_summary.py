"""The measures against the definitions written out, and against closed forms on an exact frame."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pointnc.collapse import ClassScatter, NearestCenter, SimplexETF, collapse_measures
from pointnc.collapse.measures import self_duality, variability
from pointnc.collapse.summary import ALL, MEASURES
from tests.oracles.collapse import slow_measures

GROUPS = {"head": 0, "common": 1, "tail": 2}


def gather(
    features: Tensor, labels: Tensor, prediction: Tensor, centers: Tensor, known: Tensor, buckets: Tensor, parts: int
) -> tuple[ClassScatter, NearestCenter]:
    """In as many parts as asked for, merged at the end."""
    scatters, nears = [], []
    for x, y, p in zip(features.chunk(parts), labels.chunk(parts), prediction.chunk(parts)):
        scatters.append(ClassScatter(len(buckets), features.shape[1], buckets))
        scatters[-1].update(x, y)
        nears.append(NearestCenter(centers, known))
        nears[-1].update(x, p, y)
    for scatter, near in zip(scatters[1:], nears[1:]):
        scatters[0].merge(scatter)
        nears[0].merge(near)
    return scatters[0], nears[0]


def test_the_nearest_center_is_that_of_float32_under_autocast() -> None:
    generator = torch.Generator().manual_seed(0)
    centers, features = torch.randn(50, 16, generator=generator), torch.randn(2000, 16, generator=generator)
    near = NearestCenter(100 * centers, torch.ones(50, dtype=torch.bool))  # half a square above what float16 holds
    with torch.autocast("cpu", dtype=torch.float16):
        half = near.nearest(100 * features)
    assert torch.equal(half, torch.cdist(features.double(), centers.double()).argmin(dim=1))


@pytest.mark.parametrize("K, D", [(6, 9), (12, 4)])  # more and fewer dimensions than a frame of K needs
@pytest.mark.parametrize("parts", [1, 5])
def test_definitions(K: int, D: int, parts: int) -> None:
    generator = torch.Generator().manual_seed(K)
    buckets = torch.arange(K) * 3 // K
    truth = torch.randn(K, D, generator=generator) * 2
    labels = torch.randint(-1, K - 1, (400,), generator=generator)  # the last class has no point
    features = truth[labels.clamp_min(0)] + torch.randn(400, D, generator=generator)
    classifier = truth + 0.3 * torch.randn(K, D, generator=generator)
    prediction = (features @ classifier.T).argmax(1)
    known = torch.arange(K) != 2  # and one has points but no center in the bank
    scatter, near = gather(features, labels, prediction, truth, known, buckets, parts)
    found = collapse_measures(scatter, classifier, near, GROUPS)
    assert list(found) == [ALL, *GROUPS]
    centers = truth.clone()
    centers[~known] = float("nan")
    for name, values in found.items():
        members = None if name == ALL else [k for k in range(K) if buckets[k] == GROUPS[name]]
        arrays = (t.double().numpy() for t in (features, labels, classifier, prediction, centers))
        wanted = slow_measures(*arrays, members)
        if members == [4, 5]:  # one class with points makes no pair
            assert "nc1" in values and "center_max_angle" not in values
        assert set(values) == set(wanted)
        for key, value in wanted.items():
            assert values[key] == pytest.approx(value, rel=1e-5), (name, key)
    assert set(found[ALL]) == set(MEASURES)


@pytest.mark.parametrize("K, D, spread", [(10, 16, 0.0), (10, 16, 0.5), (5, 4, 0.4)])
def test_exact_frame(K: int, D: int, spread: float) -> None:
    """Points at c_k plus and minus ``spread`` along every axis: Sigma_W = spread^2 / D I, eigenvalues 1/(K-1) of Sigma_B."""
    vertices = SimplexETF(K, D, seed=3).vectors.double()
    axes = spread * torch.cat([torch.eye(D), -torch.eye(D)]).double()
    features = (vertices[:, None] + 7 + axes).reshape(-1, D)
    labels = torch.arange(K).repeat_interleave(2 * D)
    scatter, near = gather(
        features, labels, labels, vertices + 7, torch.ones(K, dtype=torch.bool), torch.zeros(K).long(), 3
    )
    found = collapse_measures(scatter, 3 * vertices, near)[ALL]
    # trace(Sigma_W Sigma_B+) / K = (K-1) * spread^2 / D * (K-1) / K
    assert found.pop("nc1") == pytest.approx((K - 1) ** 2 / K * spread**2 / D, rel=1e-6, abs=1e-12)
    assert found.pop("nc4") == 0
    assert len(found) == 7
    for name, value in found.items():
        assert value == pytest.approx(0, abs=1e-6), name


def test_self_duality_runs_from_0_to_4() -> None:
    vectors = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert self_duality(vectors, 5 * vectors) == pytest.approx(0, abs=1e-12)
    assert self_duality(vectors, -vectors) == pytest.approx(4)
    assert math.isnan(self_duality(vectors, 0 * vectors))


def test_variability_does_not_depend_on_the_basis() -> None:
    generator = torch.Generator().manual_seed(1)
    centers = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    centers -= centers.mean(0)
    root = torch.randn(8, 8, generator=generator, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64))[0]
    value = variability(root @ root.T, centers)
    assert value > 0
    assert variability(turn @ root @ root.T @ turn.T, centers @ turn.T) == pytest.approx(value)
    assert variability(9 * root @ root.T, 3 * centers) == pytest.approx(value)


def test_what_is_not_defined_is_left_out() -> None:
    nothing = collapse_measures(ClassScatter(4, 3), torch.randn(4, 3))
    assert nothing == {ALL: {}}
    one = ClassScatter(4, 3)
    one.update(torch.randn(5, 3), torch.full((5,), 2))
    assert collapse_measures(one, torch.randn(4, 3))[ALL] == {}
    same = ClassScatter(4, 3)
    same.update(torch.ones(8, 3), torch.arange(8) % 4)  # all centers coincide
    values = collapse_measures(same, torch.randn(4, 3))[ALL]
    assert "nc1" not in values and "nc3" not in values and "classifier_max_angle" in values


def test_nearest_center_far_from_the_origin() -> None:
    # In float32 squares of 4096 hide a distance of 0.1.
    centers = torch.tensor([[4096.0, 4096.0], [4096.1, 4096.0], [0.0, 0.0]])
    near = NearestCenter(centers, torch.tensor([True, True, False]))
    near.update(
        torch.tensor([[4096.01, 4096.0], [4096.09, 4096.0], [0.0, 0.0]]),
        torch.tensor([0, 0, 2]), torch.tensor([1, 1, -1]), torch.tensor([3, 5, 9]),
    )  # fmt: skip
    assert near.points.tolist() == [0, 8, 0]
    assert near.share() == 5 / 8
    with pytest.raises(ValueError, match="no class"):
        NearestCenter(centers, torch.zeros(3, dtype=torch.bool))
