"""No tensor of points x classes is ever made: every tensor of a forward and backward pass is looked at."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pointnc.collapse import CenterObserver, CenterRegularizer

POINTS, CLASSES, CHANNELS = 5003, 211, 12


class Sizes(TorchDispatchMode):
    """Notes the number of elements of every tensor that comes out of an operation."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0
        self.operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.largest = max(self.largest, leaf.untyped_storage().nbytes() // leaf.element_size())
        self.operations += 1
        return result


@pytest.mark.parametrize(
    "options",
    [
        {"centers": "ema"},
        {"centers": "batch", "projector": "none"},
        {"centers": "batch_synchronized", "projector": "trainable", "normalize": True},
        {"centers": "ema", "gradient": "update", "project": "always", "reduce_channels": 12, "dropout": 0.1},
        None,
    ],
)
def test_nothing_is_larger_than_the_features(options: dict[str, Any] | None, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("POINTNC_CACHE", str(tmp_path))
    observer = CenterObserver(CLASSES, CHANNELS) if options is None else CenterRegularizer(CLASSES, CHANNELS, **options)
    features = torch.randn(POINTS, CHANNELS, requires_grad=True)
    labels = torch.randint(-1, CLASSES, (POINTS,))
    with Sizes() as sizes:
        value = observer(features, labels)
        if options is not None:
            value.backward()
    assert sizes.operations > 5
    # The features themselves, or the frame; a one-hot matrix would be 17 times as large.
    assert POINTS <= sizes.largest <= max(POINTS * CHANNELS, CLASSES**2) < POINTS * CLASSES


def test_the_check_would_see_a_one_hot_matrix() -> None:
    with Sizes() as sizes:
        torch.nn.functional.one_hot(torch.zeros(POINTS, dtype=torch.int64), CLASSES)
    assert sizes.largest >= POINTS * CLASSES
