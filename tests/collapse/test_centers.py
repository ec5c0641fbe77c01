"""Centers of a batch and their moving average against plain loops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.collapse import CenterBank, batch_centers
from tests.helpers.mistakes import raises
from tests.oracles.centers import class_centers, corrected_average


@settings(max_examples=40, deadline=None)
@given(
    labels=st.lists(st.integers(-1, 5), min_size=1, max_size=40),
    dim=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_batch_centers_equal_the_loop(labels: list[int], dim: int, seed: int) -> None:
    features = torch.randn(len(labels), dim, generator=torch.Generator().manual_seed(seed))
    centers, counts = batch_centers(features, torch.tensor(labels), 6)
    assert counts.dtype == torch.int64
    assert counts.tolist() == [labels.count(k) for k in range(6)]
    for center, wanted in zip(centers, class_centers(features.tolist(), labels, 6)):
        torch.testing.assert_close(center, torch.tensor(wanted or [0.0] * dim))


def test_gradient_is_spread_over_the_members() -> None:
    features = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 0, 2, -1, 2])
    torch.autograd.gradcheck(lambda x: batch_centers(x, labels, 4)[0], features)
    batch_centers(features, labels, 4)[0].sum().backward()
    wanted = torch.tensor([1 / 3, 1 / 3, 1 / 3, 1 / 2, 0, 1 / 2], dtype=torch.float64)
    torch.testing.assert_close(features.grad, wanted[:, None].expand(6, 3))


def test_ignored_points_do_not_leak_even_as_nan() -> None:
    features = torch.tensor([[1.0], [float("nan")], [3.0]], requires_grad=True)
    centers, _ = batch_centers(features, torch.tensor([0, -1, 0]), 2)
    assert centers.tolist() == [[2.0], [0.0]]
    centers.sum().backward()
    assert features.grad is not None
    assert features.grad.tolist() == [[0.5], [0.0], [0.5]]


@pytest.mark.parametrize("label", [4, 5, -2, -300])
def test_labels_outside_the_set_are_an_error(label: int) -> None:
    with raises("unknown-label", label, "4 classes"):
        batch_centers(torch.ones(2, 3), torch.tensor([0, label]), 4)


def test_float32_under_autocast() -> None:
    # A sum of 5000 equal values stalls at 256 times the value in bfloat16.
    features = torch.full((5000, 2), 1.5, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        centers, _ = batch_centers(features, torch.zeros(5000, dtype=torch.int64), 1)
    assert centers.dtype == torch.float32
    assert centers.tolist() == [[1.5, 1.5]]


@settings(max_examples=30, deadline=None)
@given(
    batches=st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=12), min_size=1, max_size=12),
    momentum=st.sampled_from([0.0, 0.5, 0.9, 0.999]),
)
def test_bank_equals_the_corrected_average_of_the_batches_with_the_class(
    batches: list[list[int]], momentum: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    bank = CenterBank(4, 2, momentum)
    history: list[list[list[float]]] = [[] for _ in range(4)]
    for labels in batches:
        features = torch.randn(len(labels), 2, generator=generator)
        bank.update(*batch_centers(features, torch.tensor(labels), 4))
        for k, center in enumerate(class_centers(features.tolist(), labels, 4)):
            if center is not None:
                history[k].append(center)
    flat = [label for labels in batches for label in labels]
    for k in range(4):
        assert bank.seen[k] == bool(history[k])
        assert bank.updates[k] == len(history[k])
        assert bank.points[k] == flat.count(k)
        wanted = [corrected_average(channel, momentum) for channel in zip(*history[k])] or [0.0, 0.0]
        torch.testing.assert_close(bank.centers[k], torch.tensor(wanted), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.9999])
def test_a_constant_center_is_kept_to_the_bit(momentum: float) -> None:
    bank = CenterBank(1, 3, momentum)
    constant = torch.tensor([[0.1, -7.3, 1e-4]])
    for _ in range(50):
        bank.update(constant, torch.tensor([2]))
        assert torch.equal(bank.centers, constant)


def test_evaluation_mode_leaves_the_bank_alone() -> None:
    bank = CenterBank(2, 2).eval()
    bank.update(torch.ones(2, 2), torch.tensor([1, 1]))
    assert not bank.seen.any()
    assert not bank.centers.any()


def test_overflow_is_passed_over() -> None:
    bank = CenterBank(2, 2, 0.5)
    bank.update(torch.ones(2, 2), torch.tensor([1, 1]))
    bank.update(torch.tensor([[float("inf"), 0.0], [3.0, 3.0]]), torch.tensor([4, 4]))
    assert bank.updates.tolist() == [1, 2]
    assert bank.points.tolist() == [1, 5]
    torch.testing.assert_close(bank.centers, torch.tensor([[1.0, 1.0], [7 / 3, 7 / 3]]))


def test_bank_survives_a_round_trip_through_its_state() -> None:
    bank = CenterBank(3, 2, 0.8)
    for step in range(4):
        bank.update(torch.randn(3, 2), torch.tensor([1, step % 2, 0]))
    copy = CenterBank(3, 2, 0.8)
    copy.load_state_dict(bank.state_dict())
    assert set(bank.state_dict()) == {"centers", "updates", "points"}
    later = torch.randn(3, 2)
    for each in (bank, copy):
        each.update(later, torch.tensor([2, 2, 2]))
    assert torch.equal(bank.centers, copy.centers)
    assert torch.equal(bank.updates, copy.updates)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, 1.5])
def test_momentum_out_of_range_names_its_key(momentum: float) -> None:
    with raises("option", "momentum"):
        CenterBank(2, 2, momentum)
