"""``overwrite=no`` is no yes, in any command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake
from tests.weights.foreign.test_reading import Evil


@pytest.mark.parametrize(
    ("module", "setting"),
    [
        ("pointnc.weights", "overwrite=nein"),
        ("pointnc.weights", "allow_pickle=sure"),
        ("pointnc.weights", "allow_pickle=2"),
        ("pointnc.predict", "overwrite=null"),
        ("pointnc.predict", "colors=[]"),
        ("pointnc.study", "collect_only=never"),
        ("pointnc.train", "profile=no"),
        ("pointnc.train", "model.checkpointing=no"),
        ("pointnc.train", "measure_collapse=off"),
        ("pointnc.train", "optimizer.nesterov=yes"),
        ("pointnc.train", "augmentation.transforms.steps.recenter.z=no"),
        ("data_prep.scannet", "strict=nein"),
        ("data_prep.check", "classes=none"),
    ],
)
def test_a_switch_is_true_or_false(module: str, setting: str, tmp_path: Path) -> None:
    name, value = setting.split("=")
    choices = {"pointnc.study": ["experiment=rooms"], "optimizer.nesterov": ["optimizer=sgd"]}
    done = run(module, *choices.get(module, []), *choices.get(name, []), setting, folder=tmp_path, code=2)
    assert_mistake(done, "option", f"{name}={value}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", ["no", "off", "nein"])
def test_no_word_lets_a_file_run_its_code(word: str, tmp_path: Path) -> None:
    content: dict[str, Any] = {"state_dict": {"a": torch.ones(1)}, "config": Evil(tmp_path / "victim")}
    torch.save(content, tmp_path / "a.pth")
    run("pointnc.weights", "import=a.pth", "out=w", f"allow_pickle={word}", folder=tmp_path, code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]
