"""Confusion counts against the double loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.scoring import confusion
from pointnc.scoring.confusion import confusion_on_device
from pointnc.scoring.metric import ConfusionMatrix
from tests.oracles import confusion as oracle

K = 4
LABEL = st.integers(-3, K + 3) | st.sampled_from([-128, 127])
PAIRS = st.lists(st.tuples(LABEL, LABEL), max_size=60)


@settings(max_examples=80, deadline=None)
@given(pairs=PAIRS, dtype=st.sampled_from(["int8", "int16", "int32", "int64"]))
def test_equals_the_double_loop(pairs: list[tuple[int, int]], dtype: str) -> None:
    prediction = np.array([p for p, _ in pairs], dtype)
    truth = np.array([t for _, t in pairs], dtype)
    wanted = oracle.confusion(prediction.tolist(), truth.tolist(), K)
    counts = confusion(prediction, truth, K)
    assert counts.dtype == np.int64
    assert counts.tolist() == wanted
    on_device = confusion_on_device(torch.from_numpy(prediction), torch.from_numpy(truth), K)
    assert on_device.dtype == torch.int64
    assert on_device.tolist() == wanted


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint64"])
def test_unsigned_labels(dtype: str) -> None:
    counts = confusion(np.array([0, 200, 2], dtype), np.array([0, 1, 255], dtype), 3)
    assert counts.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_many_points_and_arrays_with_strides() -> None:
    generator = np.random.default_rng(0)
    count = 200_017
    both = generator.integers(-1, 200, (count, 2)).astype(np.int16)
    prediction, truth = both[:, 0], both[:, 1]
    wanted = np.zeros((200, 201), np.int64)
    kept = truth >= 0
    np.add.at(wanted, (truth[kept], np.where(prediction[kept] < 0, 200, prediction[kept])), 1)
    assert np.array_equal(confusion(prediction, truth, 200), wanted)


def test_the_metric_adds_batches_of_arrays_and_tensors_and_resets() -> None:
    generator = np.random.default_rng(1)
    metric = ConfusionMatrix(5)
    everything = np.zeros((5, 6), np.int64)
    for step in range(4):
        prediction, truth = generator.integers(-1, 6, (2, 100))
        everything += confusion(prediction, truth, 5)
        as_tensor = step % 2 == 0
        metric.update(*((torch.from_numpy(x) if as_tensor else x) for x in (prediction, truth)))
    assert metric.compute().dtype == torch.int64
    assert np.array_equal(metric.compute().numpy(), everything)
    metric.reset()
    assert not metric.counts.any()


def test_counts_beyond_what_float32_holds_stay_exact() -> None:
    metric = ConfusionMatrix(2)
    metric.counts[0, 0] = 2**24
    metric.update(torch.tensor([0]), torch.tensor([0]))
    assert metric.compute()[0, 0].item() == 2**24 + 1


@pytest.mark.parametrize("function", [confusion, "device"])
def test_malformed_input_is_refused(function: object) -> None:
    def call(prediction: np.ndarray, truth: np.ndarray) -> None:
        if function == "device":
            confusion_on_device(torch.from_numpy(prediction), torch.from_numpy(truth), 3)
        else:
            confusion(prediction, truth, 3)

    with pytest.raises(ValueError, match="3 predictions for 2 points"):
        call(np.zeros(3, np.int64), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="integer"):
        call(np.zeros(2, np.float32), np.zeros(2, np.int64))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_metric_on_cuda_equals_numpy() -> None:
    prediction, truth = np.random.default_rng(2).integers(-1, 21, (2, 5000))
    metric = ConfusionMatrix(20).cuda()
    metric.update(torch.from_numpy(prediction).cuda(), torch.from_numpy(truth).cuda())
    assert metric.compute().is_cuda
    assert np.array_equal(metric.compute().cpu().numpy(), confusion(prediction, truth, 20))
