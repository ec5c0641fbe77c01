"""Fine-tuning: whose head is kept, what the weights bring with them, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from pointnc.models.segmentor import Segmentor
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.fine_tuning import load_into
from pointnc.training.run import _start
from pointnc.weights.architecture import Architecture
from pointnc.weights.card import ModelCard
from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.network import build_model
from pointnc.weights.published import save_weights
from tests.helpers.mistakes import raises

ARCHITECTURE = Architecture("SpUNet", {"in_channels": 6, "planes": [6, 8, 8, 6], "layers": [1, 1, 1, 1]})
TAXONOMY = Taxonomy.from_dict({"name": "three", "names": ["wall", "floor", "chair"]})
OTHER = Taxonomy.from_dict({"name": "others", "names": ["wall", "floor", "sofa"]})


def config(weights: Path) -> Any:
    return OmegaConf.create(
        {
            "weights": str(weights),
            "model": {"_target_": "pointnc.models.minkunet.MinkUNet", "planes": [1, 1], "layers": [1, 1]},
            "dataset": {"features": ["color"], "voxel_size": 0.02},
            "choice": {"model": "minkunet_tiny"},
        }
    )


def weights(folder: Path, with_head: bool = True) -> tuple[Path, Segmentor]:
    model = Segmentor(ARCHITECTURE.build(), len(TAXONOMY))
    state = {name: value for name, value in model.state_dict().items() if with_head or not name.startswith("head.")}
    card = ModelCard(ARCHITECTURE, ("normal", "color_half"), 0.05, TAXONOMY if with_head else None)
    save_weights(folder / "mine.safetensors", state, card)
    return folder / "mine.safetensors", model


def test_weights_bring_their_network_and_its_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, _ = weights(tmp_path)
    run = config(path)
    _start(run)
    assert run.model._target_ == "pointnc.models.spunet.SpUNet" and list(run.model.planes) == [6, 8, 8, 6]
    assert list(run.dataset.features) == ["normal", "color_half"]
    assert run.choice.model == "mine" and run.dataset.voxel_size == 0.02
    assert "voxels of 5 cm, the run uses 2 cm; dataset.voxel_size=0.05" in capsys.readouterr().out


def test_zeros_stand_for_what_the_data_of_an_encoder_lack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    architecture = Architecture("Sonata", {"in_channels": 9, "channels": [16, 32], "depths": [1, 1]})
    state = {f"backbone.{name}": value for name, value in architecture.build().state_dict().items()}
    card = ModelCard(architecture, ("coord", "color_unit", "normal"), 0.02, None)
    save_weights(tmp_path / "encoder.safetensors", state, card)
    run = config(tmp_path / "encoder.safetensors")
    run.model.absent = ["normal", "color"]
    start = _start(run)
    assert list(run.dataset.features) == ["coord"] and list(run.model.absent) == ["color", "normal"]
    assert "model.absent=[NAMES]" in capsys.readouterr().out
    model = build_model(run.model, None, run.dataset.features, len(TAXONOMY))
    load_into(model, start, TAXONOMY)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in state.items())
    run.model.absent = ["colour"]
    with raises("option", "model.absent=colour", "color"):
        _start(run)


@pytest.mark.parametrize(
    ("features", "absent"), [(["coord", "normal"], ["normal"]), (["normal", "coord"], ["color"]), (["coord"], [])]
)
def test_an_encoder_is_fed_what_it_knows(features: list[str], absent: list[str]) -> None:
    node = {"_target_": "pointnc.models.sonata.Sonata", "channels": [16, 32], "depths": [1, 1], "absent": absent}
    with raises("channels", "model.absent"):
        try:
            build_model(node, None, features, 3)
        except Exception as error:
            raise error.__cause__ or error from None


@pytest.mark.parametrize(
    ("taxonomy", "with_head", "kept", "said"),
    [
        (TAXONOMY, True, True, "the head too"),
        (OTHER, True, False, "the head is new (class 2 is 'chair' (id 2) against 'sofa' (id 2))"),
        (TAXONOMY, False, False, "the head is new (it had none)"),
    ],
)
def test_the_head_alone_is_drawn_again_for_other_classes(
    taxonomy: Taxonomy, with_head: bool, kept: bool, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, original = weights(tmp_path, with_head)
    run = config(path)
    start = _start(run)
    model = build_model(run.model, None, run.dataset.features, len(taxonomy))
    drawn = model.head.weight.clone()
    load_into(model, start, taxonomy)
    for name, value in original.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[name], value), name
    assert torch.equal(model.head.weight, original.head.weight if kept else drawn)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("classes", [TAXONOMY, OTHER])
def test_a_recipe_with_a_neck_puts_one_behind_a_network_without(
    classes: Taxonomy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the center regularizer would meet the narrow features that the neck is there to widen."""
    path, original = weights(tmp_path)
    run = config(path)
    run.model.neck = 16
    start = _start(run)
    assert run.model.neck == 16
    model = build_model(run.model, None, run.dataset.features, len(classes))
    load_into(model, start, classes)
    assert model.backbone.out_channels == 16
    for name, value in original.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[name], value), name
    assert "the head is new (behind a neck" in capsys.readouterr().out


def test_features_that_are_as_wide_need_no_neck(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, original = weights(tmp_path)
    run = config(path)
    run.model.neck = original.backbone.out_channels
    start = _start(run)
    model = build_model(run.model, None, run.dataset.features, len(TAXONOMY))
    load_into(model, start, TAXONOMY)
    assert torch.equal(model.head.weight, original.head.weight) and "the head too" in capsys.readouterr().out


@pytest.mark.parametrize("neck", ["wide", 0, 1.5])
def test_a_neck_that_is_none_gets_a_line(neck: Any, tmp_path: Path) -> None:
    run = config(weights(tmp_path)[0])
    run.model.neck = neck
    with raises("option", "model.neck"):
        _start(run)


def test_a_neck_of_the_weights_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    architecture = Architecture("SpUNet", {**ARCHITECTURE.arguments, "neck": 8})
    original = Segmentor(architecture.build(), len(TAXONOMY))
    save_weights(
        tmp_path / "necked.safetensors",
        original.state_dict(),
        ModelCard(architecture, ("color", "normal"), 0.02, TAXONOMY),
    )
    run = config(tmp_path / "necked.safetensors")
    run.model.neck = 16
    start = _start(run)
    model = build_model(run.model, None, run.dataset.features, len(TAXONOMY))
    load_into(model, start, TAXONOMY)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in original.state_dict().items())
    assert "the head too" in capsys.readouterr().out


def test_missing_weights_get_a_line(tmp_path: Path) -> None:
    with raises("missing-file", "x.ckpt"):
        _start(config(tmp_path / "x.ckpt"))
    with raises("missing-file", "x.safetensors"):
        _start(config(tmp_path / "x.safetensors"))


@pytest.mark.parametrize("kind", ["text", "pickle", "other"])
def test_a_file_that_is_no_checkpoint_is_not_advised_to_be_run(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.ckpt"
    if kind == "text":
        path.write_text("once upon a time")
    elif kind == "pickle":
        torch.save({"path": path}, path)  # an object, which only running the file's wishes would make
    else:
        torch.save({"state_dict": {}}, path)
    with raises("damaged-file", "best.ckpt", "last.ckpt", "a.ckpt") as caught:
        read_checkpoint(path)
    assert "weights_only" not in str(caught.value) and "\n" not in str(caught.value)
