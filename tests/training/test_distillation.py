"""Distillation: whose labels are learned, what is kept, what is exported, and teachers that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import pointnc.weights
from pointnc.data.batch import VoxelBatch
from pointnc.losses import CrossEntropy
from pointnc.models import MinkUNet, Segmentor
from pointnc.training.distillation import ChannelView, Distillation
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.exporting import export_run
from tests.helpers.mistakes import raises
from tests.helpers.voxels import random_voxels
from tests.training.test_resume import _no_report, assert_equal, configure, interrupted_and_resumed, store  # noqa: F401

VOLT = ("model=volt_tiny", "model.channels=64", "model.depth=1", "model.out_channels=8")


def teach(teacher: Path, *more: str) -> tuple[str, ...]:
    return (*VOLT, "distillation=teacher", f"distillation.checkpoint={teacher}", *more)


@pytest.fixture(scope="module")
def teacher(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A U-Net that was trained with a center regularizer, as weights; it sees colors in another range."""
    home = tmp_path_factory.mktemp("teacher")
    settings = ("regularizer=ceco", "dataset.features=[color_unit]", "trainer.max_epochs=1")
    train(configure(store, home / "run", *settings))
    export_run(home / "run", home / "w")
    return home / "w"


def batch(channels: int) -> VoxelBatch:
    coord = random_voxels()
    features = torch.randn(len(coord), channels, generator=torch.Generator().manual_seed(1))
    return VoxelBatch(coord, features, torch.zeros(len(coord)).long(), torch.tensor([0, len(coord)]), ["a", "b"])


def test_the_second_head_learns_the_classes_that_the_teacher_gives_most() -> None:
    model = Segmentor(MinkUNet(3, (8, 8), (1, 1), stem_kernel=3), 5)
    view = ChannelView(["normal", "color"], ["color_unit"])
    distillation = Distillation(model, view, channels=7, num_classes=5)
    voxels = batch(6)
    seen = VoxelBatch(voxels.coord, voxels.features[:, 3:] / 2 + 0.5, None, voxels.offsets, voxels.names)
    with torch.no_grad():
        expected = model.eval()(seen).logits.argmax(1)
    assert len(expected.unique()) > 1 and torch.equal(distillation.labels(voxels), expected)
    features = torch.randn(len(voxels), 7, requires_grad=True)
    loss = distillation(features, voxels, CrossEntropy())
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(distillation.head(features), expected))
    loss.backward()
    assert features.grad is not None and distillation.head.weight.grad is not None
    assert all(p.grad is None and not p.requires_grad for p in model.parameters())
    assert set(distillation.state_dict()) == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(["color"], ["color_half"]), (["color_unit", "normal"], ["normal", "color"]), (["coord", "color"], ["coord"])],
)
def test_channels_are_found_and_colors_moved(given: list[str], wanted: list[str]) -> None:
    levels = torch.linspace(0, 255, 6)[:, None].expand(-1, 3)
    ranges = {"color": levels / 127.5 - 1, "color_unit": levels / 255, "color_half": levels / 255 - 0.5}

    def table(names: list[str]) -> Tensor:
        rest = {"normal": torch.full((6, 3), 0.5), "coord": torch.full((6, 3), 2.0)}
        return torch.cat([{**ranges, **rest}[name] for name in names], dim=1)

    torch.testing.assert_close(ChannelView(given, wanted)(table(given)), table(wanted))


def test_a_run_learns_from_a_regularized_u_net_and_exports_itself_alone(
    store: Path,  # noqa: F811
    teacher: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(configure(store, tmp_path / "run", *teach(teacher)))
    assert " distilled " in capsys.readouterr().out
    checkpoint = read_checkpoint(tmp_path / "run")
    assert {"distillation.head.weight", "distillation.head.bias"} <= checkpoint.data["state_dict"].keys()
    assert not any("distillation" in name for name in checkpoint.model_state)
    export_run(tmp_path / "run", tmp_path / "w")
    state = pointnc.weights.load(tmp_path / "w").state_dict()
    assert sum(name.startswith("head.") for name in state) == 2
    train(configure(store, tmp_path / "alone", *VOLT))
    alone = read_checkpoint(tmp_path / "alone").model_state
    assert not torch.equal(
        alone["backbone.decoder.unembed.bias"], checkpoint.model_state["backbone.decoder.unembed.bias"]
    )


def test_an_interrupted_run_ends_as_the_whole_one(store: Path, teacher: Path, tmp_path: Path) -> None:  # noqa: F811
    train(configure(store, tmp_path / "whole", *teach(teacher)))
    interrupted_and_resumed(store, tmp_path / "run", 6, *teach(teacher))
    assert_equal(tmp_path / "run", tmp_path / "whole")


def test_teachers_that_do_not_fit_get_one_line(store: Path, teacher: Path, tmp_path: Path) -> None:  # noqa: F811
    nowhere = tmp_path / "nowhere.safetensors"
    mistakes = (
        (
            teach(teacher, "dataset.voxel_size=0.2"),
            ("other-settings", teacher, "15 cm", "20 cm", "dataset.voxel_size=0.15"),
        ),
        (teach(teacher, "dataset.features=[normal]"), ("channels", "color_unit", "dataset.features=[normal]")),
        (teach(nowhere), ("missing-file", nowhere)),
        ((*VOLT, "distillation=teacher"), ("missing-setting", "distillation.checkpoint=PATH")),
        (teach(teacher, "distillation.weight=1.5"), ("option", "distillation.weight=1.5")),
        (
            teach(teacher, "dataset.taxonomy.name=scannet20"),
            ("other-taxonomy", teacher, "200 classes", "20 (scannet20)"),
        ),
    )
    for settings, mistake in mistakes:
        with raises(*mistake):
            train(configure(store, tmp_path / "run", *settings))
