"""Runs with each head: from the command line to the score, to a bundle and on to fine-tuning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import pointnc
from data_prep.scannet.preparation import prepare
from pointnc.models.heads import CosineHead, ETFHead
from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.exporting import export_run
from pointnc.weights.trained import load_trained
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_line, raises
from tests.helpers.synthetic import write_raw_root

TRAIN = (
    "dataset.prepare=null",
    "trainer.max_epochs=1",
    "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu",
    "workers=0",
    "batch_size=1",
    "dataset.voxel_size=0.1",
    "model.planes=[8,16,16,8]",
    "model.layers=[1,1,1,1]",
    "model.neck=null",
    "logger=none",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store and a run of the ETF head, without projectors: 200 classes on 8 channels."""
    home = tmp_path_factory.mktemp("home")
    prepare(write_raw_root(home / "raw", train=2, val=1), home / "store", workers=1)
    options = ["head=etf", "regularizer=ceco_ema", "regularizer.projector=none", "regularizer.ramp_steps=2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POINTNC_CACHE", str(home / "cache"))
        run("pointnc.train", *TRAIN, *options, f"dataset.store={home / 'store'}", "run_dir=run", folder=home)
    return home


def test_a_run_with_a_fixed_head_scores_and_learns_its_scale(home: Path) -> None:
    assert json.loads((home / "run" / "metrics.json").read_text())["miou"] >= 0
    (kept,) = (home / "cache" / "frames").iterdir()  # head and regularizer ask for the same frame
    assert kept.name.startswith("spread-200x8-")
    state = read_checkpoint(home / "run").data["state_dict"]
    assert torch.equal(state["model.head.vectors"], state["regularizer.frame.vectors"])
    assert state["model.head.log_scale"] != 0
    assert not any(name.startswith("regularizer.projector") for name in state)
    assert isinstance(load_trained(home / "run", "cpu").model.head, ETFHead)


@pytest.mark.parametrize("out", ["bundle", "model.safetensors"])
def test_an_exported_fixed_head_is_loaded(home: Path, tmp_path: Path, out: str) -> None:
    card = export_run(home / "run", tmp_path / out)
    assert card.head.name == "ETFHead"
    model = pointnc.weights.load(tmp_path / out)
    state = read_checkpoint(home / "run" / "checkpoints" / "best.ckpt").model_state
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_fine_tuning_with_another_kind_of_head_draws_it_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTNC_CACHE", str(home / "cache"))
    place = [f"dataset.store={home / 'store'}", "weights=run"]
    done = run("pointnc.train", *TRAIN, *place, "head=cosine", f"run_dir={tmp_path / 'a'}", folder=home)
    assert "the head is new (another kind of head)" in done.stdout
    assert isinstance(load_trained(tmp_path / "a", "cpu").model.head, CosineHead)
    done = run("pointnc.train", *TRAIN, *place, "head=etf", f"run_dir={tmp_path / 'b'}", folder=home)
    assert "the head too" in done.stdout


def test_a_head_that_is_none_of_pointncs_cannot_be_exported(home: Path, tmp_path: Path) -> None:
    path = home / "run" / "checkpoints" / "last.ckpt"
    data = torch.load(path, weights_only=True)
    data["pointnc"]["config"]["head"] = {"_target_": "torch.nn.Linear"}
    torch.save(data, tmp_path / "foreign.ckpt")
    with raises("unsupported", "torch.nn.Linear", "LinearHead"):
        export_run(tmp_path / "foreign.ckpt", tmp_path / "out")
    data["pointnc"]["config"]["head"] = {"_target_": "os.system", "command": "true"}
    torch.save(data, tmp_path / "forged.ckpt")
    with raises("unsafe-file", "head", "'os.system'", "forged.ckpt"):
        load_trained(tmp_path / "forged.ckpt", "cpu")


def test_a_slip_in_the_command_line_gets_one_line(home: Path) -> None:
    store = f"dataset.store={home / 'store'}"
    done = run("pointnc.train", *TRAIN, store, "head=etf", "head.scale=-1", "run_dir=x", folder=home, code=2)
    assert_line(done.stderr.strip().splitlines()[-1], "head.scale=-1", "above 0")
