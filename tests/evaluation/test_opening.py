"""Logits that are adjusted after the training: by how much, and a word where the training did so already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pointnc.evaluation.opening import adjust_logits
from pointnc.scenes.store import SceneStore
from pointnc.weights.trained import load_trained
from tests.helpers.changed_checkpoints import put, send

ADJUSTED = {"_target_": "pointnc.losses.LogitAdjustedCrossEntropy", "tau": 0.5}
SUM = {"_target_": "pointnc.losses.SumOfLosses", "losses": {"adjusted": ADJUSTED}}


def refitted(data: dict[str, Any]) -> None:
    """Say that a classifier was fitted again."""
    data["pointnc"]["before_refit"] = {"miou": 0.1}


@pytest.mark.parametrize(
    "change, said",
    [
        (put("loss", {"_target_": "pointnc.losses.CrossEntropy"}), ""),
        (put("loss", ADJUSTED), "was trained with logit adjustment: logit_adjustment=0.7 comes on top of that"),
        (put("loss", SUM), "was trained with logit adjustment: logit_adjustment=0.7 comes on top of that"),
        (refitted, "has a classifier that was fitted again (refit) for shares of its own: logit_adjustment=0.7"),
    ],
    ids=["cross-entropy", "adjusted", "a sum with adjusted", "refitted"],
)
def test_adjusting_twice_is_warned_of(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Any], None], said: str
) -> None:
    trained = load_trained(send(finished / "run", tmp_path, change), "cpu")
    store = SceneStore(finished / "store")
    before = trained.model.head.bias.detach().clone()  # type: ignore[union-attr]
    adjust_logits(trained, store, 0.7)
    counts = torch.tensor(store.histogram("train", trained.taxonomy).tolist(), dtype=torch.float64).clamp(min=1)
    shift = before - trained.model.head.bias.detach()  # type: ignore[union-attr]
    torch.testing.assert_close(shift, (0.7 * (counts / counts.sum()).log()).float(), atol=1e-5, rtol=0)
    err = capsys.readouterr().err
    assert said in err and err.count("WARNING") == bool(said)


def test_no_adjustment_changes_and_says_nothing(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = load_trained(send(finished / "run", tmp_path, put("loss", ADJUSTED)), "cpu")
    before = trained.model.head.bias.detach().clone()  # type: ignore[union-attr]
    adjust_logits(trained, SceneStore(finished / "store"), 0)
    assert torch.equal(before, trained.model.head.bias) and not capsys.readouterr().err  # type: ignore[union-attr]
