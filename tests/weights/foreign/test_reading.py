"""Foreign files: what is found in them, and that nothing in them is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pointnc.weights.foreign import read_state
from tests.helpers.mistakes import raises

STATE = {"a.weight": torch.ones(2), "a.bias": torch.zeros(3)}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3, "optimizer": {"state": {}}},
        {"model": {"state_dict": STATE}},
        {"state_dict": {**STATE, "steps": 7}},
    ],
)
def test_the_state_is_found_in_its_wrappings(content: dict[str, Any], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    state = read_state(tmp_path / "a.pth")
    assert state.keys() == STATE.keys() and all(torch.equal(state[name], value) for name, value in STATE.items())


@pytest.mark.parametrize("best", [np.float64(0.3), np.float32(0.3), np.int64(3), np.bool_(True), np.str_("epoch 3")])
@pytest.mark.parametrize("version", [1, 2])
def test_a_best_score_in_a_type_of_numpy_is_passed_over(best: Any, version: int, tmp_path: Path) -> None:
    """Pointcept's trainer writes one beside the state, under a name of numpy 1 or 2."""
    torch.save(
        {"state_dict": STATE, "best_metric_value": best}, tmp_path / "a.pth", _use_new_zipfile_serialization=False
    )
    content = (tmp_path / "a.pth").read_bytes()
    assert b"multiarray\nscalar" in content
    names = [b"numpy.core.multiarray", b"numpy._core.multiarray"]
    (tmp_path / "a.pth").write_bytes(content.replace(names[2 - version], names[version - 1]))
    assert read_state(tmp_path / "a.pth").keys() == STATE.keys()


def test_arrays_of_numpy_are_still_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "config": np.ones(3)}, tmp_path / "a.pth")
    with raises("unsafe-file", "a.pth", "asks for numpy"):
        read_state(tmp_path / "a.pth")


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    assert read_state(tmp_path / "a.safetensors").keys() == STATE.keys()


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> Any:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("refusal", [False, "no", "off", "false", 1, None])
def test_nothing_is_run_unless_it_is_asked_for(refusal: Any, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    torch.save({"state_dict": STATE, "config": Evil(victim)}, tmp_path / "a.pth")
    with raises("unsafe-file", "a.pth", "asks for", "allow_pickle=true"):
        read_state(tmp_path / "a.pth", allow_pickle=refusal)
    assert not victim.exists()
    assert read_state(tmp_path / "a.pth", allow_pickle=True).keys() == STATE.keys()
    assert victim.exists()


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps({"a": 1}), b"PK\x03\x04 cut"])
def test_files_that_are_no_checkpoints_get_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with raises("damaged-file", name):
        read_state(tmp_path / name)


def test_a_cut_checkpoint_gets_one_line(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.randn(1000)}}, tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes((tmp_path / "a.pth").read_bytes()[:-2000])
    with raises("damaged-file", "a.pth"):
        read_state(tmp_path / "a.pth")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], torch.ones(3)])
def test_files_without_named_tensors_get_one_line(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with raises("wrong-format", "a.pth"):
        read_state(tmp_path / "a.pth")


def test_a_state_that_holds_itself_is_none(tmp_path: Path) -> None:
    content: dict[str, Any] = {**STATE}
    content["state_dict"] = content
    torch.save(content, tmp_path / "a.pth")
    with raises("wrong-format", "a.pth"):
        read_state(tmp_path / "a.pth")


def test_missing_files_get_one_line(tmp_path: Path) -> None:
    with raises("missing-file", "a.pth"):
        read_state(tmp_path / "a.pth")
