"""Forces of loss and regularizer side by side, against a slow loop over points, classes and groups."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pointnc.collapse.conflict import ForceTally
from pointnc.collapse.forces import forces_of
from pointnc.collapse.regularizer import CenterRegularizer

GROUPS = torch.tensor([[1.0, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]])


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def batches(count: int) -> list[tuple[Tensor, Tensor]]:
    """Forces (6, 4) of a loss and a regularizer on batches in which class 5 never is, and class k only sometimes."""
    found = []
    regularizer, weight = CenterRegularizer(6, 4, centers="batch", weight=0.3), torch.randn(6, 4)
    for _ in range(count):
        features, labels = torch.randn(30, 4).requires_grad_(), torch.randint(-1, 5, (30,))
        labels[labels == int(torch.randint(5, ()))] = 0
        loss = F.cross_entropy(features @ weight.T, labels, ignore_index=-1)
        penalty = 0.3 * regularizer(features, labels)
        found.append((forces_of(loss, features, labels, 6), forces_of(penalty, features, labels, 6)))
    return found


def test_forces_leave_the_graph_and_sum_over_the_points_of_a_class() -> None:
    features, labels = torch.randn(7, 2).requires_grad_(), torch.tensor([0, 2, 2, -1, 0, 2, 0])
    value = features.pow(3).sum()
    found = forces_of(value, features, labels, 4)
    gradient = 3 * features.detach().square()
    expected = [[sum(gradient[i, d] for i in range(7) if labels[i] == k) for d in range(2)] for k in range(4)]
    torch.testing.assert_close(found, torch.tensor(expected))
    value.backward()
    torch.testing.assert_close(features.grad, gradient)


@pytest.mark.parametrize("points", [300, 1_000_000])
def test_forces_are_those_of_float32_under_autocast(points: int) -> None:
    """A mean over as many points has gradients that float16 does not hold, and backward passes follow autocast."""
    weight = torch.nn.Parameter(torch.randn(6, 4))
    features, labels = torch.randn(300, 4).requires_grad_(), torch.randint(-1, 6, (300,))

    def found() -> Tensor:
        with torch.autocast("cpu", enabled=False):
            loss = F.cross_entropy(features @ weight.T, labels, ignore_index=-1) * 300 / points
        return forces_of(loss, features, labels, 6)

    with torch.autocast("cpu", dtype=torch.float16):
        half = found()
    assert torch.equal(half, found())


def test_two_forces_by_hand() -> None:
    loss = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0], [1e-18, 0.0]])
    pull = torch.tensor([[0.0, 10.0], [-2.0, 0.0], [1.0, 0.0], [1e-18, 0.0]])
    tally = ForceTally.of(loss, pull)
    assert tally.ratio()[:2].tolist() == pytest.approx([2, 2]) and tally.ratio()[2].isnan()
    assert tally.mean_cosine()[:2].tolist() == pytest.approx([0.8, -1]) and tally.mean_cosine()[2].isnan()
    assert tally.mean_cosine()[3] == pytest.approx(1)
    found = tally.by_group(torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]))
    assert found["ratio"][0] == pytest.approx(12 / 6) and found["ratio"][1].isnan()
    assert found["cosine"][0] == pytest.approx(-0.1) and found["cosine"][1].isnan()
    assert found["conflict"][0] == pytest.approx(0.5)
    assert found["loss_share"].tolist() == pytest.approx([1, 0])
    assert found["regularizer_share"].tolist() == pytest.approx([12 / 13, 1 / 13])


def test_equal_to_the_loop_over_batches_classes_and_groups() -> None:
    forces = batches(5)
    tallies = [ForceTally.of(*pair) for pair in forces]
    tally = sum(tallies[1:], tallies[0])
    sizes: list[list[float]] = [[0.0] * 6, [0.0] * 6]
    cosines: list[list[float]] = [[] for _ in range(6)]
    for pair in forces:
        for k in range(6):
            vectors = [force[k].tolist() for force in pair]
            lengths = [math.sqrt(sum(x * x for x in vector)) for vector in vectors]
            for kind in (0, 1):
                sizes[kind][k] += lengths[kind]
            if all(lengths):
                cosines[k].append(sum(a * b for a, b in zip(*vectors)) / (lengths[0] * lengths[1]))
    mean = [sum(values) / len(values) if values else math.nan for values in cosines]
    ratio = [p / q if q else math.nan for p, q in zip(sizes[1], sizes[0])]
    assert tally.ratio().tolist() == pytest.approx(ratio, nan_ok=True, rel=1e-4)
    assert tally.mean_cosine().tolist() == pytest.approx(mean, nan_ok=True, rel=1e-4)
    found = tally.by_group(GROUPS)
    for number, row in enumerate(GROUPS.bool().tolist()):
        members = [k for k in range(6) if row[k] and cosines[k]]
        if not members:
            assert found["ratio"][number].isnan() and found["cosine"][number].isnan()
            continue
        total = [sum(sizes[kind][k] for k in members) for kind in (0, 1)]
        assert found["ratio"][number].item() == pytest.approx(total[1] / total[0], rel=1e-4)
        assert found["cosine"][number].item() == pytest.approx(sum(mean[k] for k in members) / len(members), rel=1e-4)
        against = sum(mean[k] < 0 for k in members) / len(members)
        assert found["conflict"][number].item() == pytest.approx(against)
        assert found["loss_share"][number].item() == pytest.approx(total[0] / sum(sizes[0]), rel=1e-4)


def test_the_weight_scales_the_force_and_leaves_its_angle() -> None:
    ((loss, pull),) = batches(1)
    once, twice = ForceTally.of(loss, pull), ForceTally.of(loss, 2 * pull)
    torch.testing.assert_close(twice.ratio(), 2 * once.ratio(), equal_nan=True)
    torch.testing.assert_close(twice.mean_cosine(), once.mean_cosine(), equal_nan=True)
