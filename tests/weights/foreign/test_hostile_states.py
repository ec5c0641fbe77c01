"""Tensors of any shape and kind under the names of known networks: a network, or one line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pointnc.errors import UserError
from pointnc.weights.foreign import convert, recognize
from tests.helpers.mistakes import raises
from tests.oracles import minkowski, sonata, spunet, volt

STATES: dict[str, Callable[[], dict[str, Tensor]]] = {
    "minkowski": minkowski.random_state,
    "pointcept": spunet.random_state,
    "volt": lambda: {f"backbone.{name}": value for name, value in volt.random_state(outputs=6).items()},
    "sonata": lambda: sonata.random_state(decoder=(16, 32), layer_scale=True),
}
STRANGE = {
    "a single number": torch.tensor(1.0),
    "nothing": torch.zeros(0),
    "no rows": torch.zeros(0, 3),
    "whole numbers": torch.ones(3, 3, dtype=torch.int64),
    "five dimensions": torch.zeros(1, 1, 1, 1, 1),
    "sparse": torch.zeros(3, 3).to_sparse(),
    "without memory": torch.zeros(3, 3, device="meta"),
}


@pytest.mark.parametrize("source", STATES)
@pytest.mark.parametrize("strange", STRANGE)
def test_any_tensor_in_any_place_is_read_or_refused_by_a_line(source: str, strange: str) -> None:
    state = STATES[source]()
    assert recognize(state) == source
    tried = list(state)[:: 1 + len(state) // 40]  # enough names of each kind; all of them take a minute
    refused = 0
    for name in tried:
        try:
            convert({**state, name: STRANGE[strange]}, source)
        except UserError:
            refused += 1
    assert refused > len(tried) // 2


@pytest.mark.parametrize(
    "keywords",
    [{"dec_patch_size": 1024}, {"dec_patch_size": [[1]]}, {"enc_patch_size": {"a": 1}}, {"enc_patch_size": [None]},
     {"enc_patch_size": []}, {"stride": 2}, {"order": [["z"]]}, {"enc_num_head": "many"}],
)  # fmt: skip
def test_any_keyword_of_an_encoder_is_read_or_refused_by_a_line(keywords: dict[str, object]) -> None:
    state = STATES["sonata"]()
    with contextlib.suppress(UserError):
        assert convert(state, "sonata", keywords=keywords).architecture.arguments["patch"] == 1024
    with raises("unknown-name", "head=ScanNet200"):
        convert(state, "sonata", head="ScanNet200")
