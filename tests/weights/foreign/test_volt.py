"""Imported Volts, and heads by name, against a slow evaluation of what the authors describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pointnc.weights
from pointnc.models.segmentor import Segmentor
from pointnc.weights.foreign import convert, recognize
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises
from tests.helpers.voxels import random_voxels
from tests.oracles import spunet
from tests.oracles.volt import SlowVolt, random_state

WEIGHTS = "pointnc.weights"


class Batch:
    """Voxels as a segmentor takes them."""

    coord = random_voxels(2, 13, 0.03)
    features = torch.randn(len(coord), 4, generator=torch.Generator().manual_seed(1))
    batch_size = 2


def with_heads(heads: dict[str, int], prefix: str = "module.", width: int = 6) -> dict[str, Tensor]:
    """A Volt in the authors' names with heads, and what a training leaves beside."""
    generator = torch.Generator().manual_seed(5)
    state = {f"{prefix}backbone.{name}": value for name, value in random_state(outputs=width).items()}
    for name, outputs in heads.items():
        state[f"{prefix}{name}.weight"] = torch.randn((outputs, width), generator=generator)
        state[f"{prefix}{name}.bias"] = torch.randn(outputs, generator=generator)
    return state


JOINT = {"seg_heads.ScanNet": 20, "seg_heads.ScanNet200": 200, "seg_heads.ScanNet++": 100, "distill_heads.ScanNet": 20}


@pytest.mark.parametrize(
    ("heads", "choice", "taken"),
    [
        ({"seg_head": 7}, "auto", "seg_head"),
        ({"seg_head": 7, "distill_head": 7}, "classifier", "seg_head"),
        ({"seg_heads.ScanNet200": 200}, "auto", "seg_heads.ScanNet200"),
        (JOINT, "ScanNet200", "seg_heads.ScanNet200"),
        (JOINT, "ScanNet++", "seg_heads.ScanNet++"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_an_imported_volt_computes_what_it_did(heads: dict[str, int], choice: str, taken: str, prefix: str) -> None:
    state = with_heads(heads, prefix)
    assert recognize(state) == "volt"
    converted = convert(state, head=choice)
    model = Segmentor(converted.architecture.build(), converted.outputs or 1)
    model.load_state_dict(converted.state, strict=True)
    with torch.no_grad():
        logits = model.eval()(Batch).logits
    features = SlowVolt(random_state())(Batch.coord, Batch.features, 2)
    expected = features @ state[f"{prefix}{taken}.weight"].double().T + state[f"{prefix}{taken}.bias"].double()
    torch.testing.assert_close(logits.double(), expected, rtol=1e-4, atol=1e-3)
    assert converted.named_heads == ("seg_heads" in taken)


def test_a_backbone_alone_has_no_classifier() -> None:
    converted = convert(random_state())
    assert converted.outputs is None and not any(name.startswith("head.") for name in converted.state)


def test_features_of_a_volt_are_what_its_head_is_fed() -> None:
    converted = convert(with_heads({"seg_head": 7}), head="features")
    assert converted.outputs is None and not any(name.startswith("head.") for name in converted.state)
    assert converted.state.keys() == convert(random_state(outputs=6)).state.keys()
    assert any("last layer, of 7 outputs" in note for note in converted.notes)


def test_a_head_and_no_classes_contradict(tmp_path: Path) -> None:
    torch.save(with_heads(JOINT), tmp_path / "a.pth")
    done = run(WEIGHTS, "import=a.pth", "out=w", "head=ScanNet", "taxonomy=none", folder=tmp_path, code=2)
    assert_mistake(done, "conflicting-settings", "head=ScanNet", "taxonomy=none")
    assert not (tmp_path / "w").exists()


def test_a_teacher_has_heads_by_name_too() -> None:
    state = {f"backbone.{name}": value for name, value in spunet.random_state(outputs=None).items()}
    head = {"seg_heads.ScanNet200.weight": torch.randn(9, 4), "seg_heads.ScanNet200.bias": torch.randn(9)}
    other = {"seg_heads.ScanNet.weight": torch.randn(5, 4), "seg_heads.ScanNet.bias": torch.randn(5)}
    converted = convert(state | head | other, head="ScanNet200")
    assert torch.equal(converted.state["head.weight"], head["seg_heads.ScanNet200.weight"])
    assert converted.outputs == 9 and converted.named_heads
    assert any("2 tensors outside" in note for note in converted.notes)
    with raises("ambiguous", "ScanNet, ScanNet200", "head=NAME"):
        convert(state | head | other)


def changed(**changes: Any) -> dict[str, Tensor]:
    state = with_heads({"seg_head": 7}, "")
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    return state


REFUSED = {
    "a missing key": (
        changed(backbone__blocks__1__attn__q_norm__weight=None),
        ("missing-tensor", "backbone.blocks.1.attn.q_norm.weight"),
    ),
    "a missing end": (
        changed(backbone__decoder__unembed__bias=None),
        ("missing-tensor", "backbone.decoder.unembed.bias"),
    ),
    "no running mean": (
        changed(backbone__decoder__pre__0__running_mean=None),
        ("unsupported", "backbone.decoder.pre.0.running_mean"),
    ),
    "layer scale": (
        changed(backbone__blocks__0__ls1__gamma=torch.ones(128)),
        ("unsupported", "backbone.blocks.0.ls1.gamma"),
    ),
    "another shape": (
        changed(backbone__blocks__0__mlp__fc1__weight=torch.ones(256, 128)),
        ("unsupported", "backbone.blocks.0.mlp.fc1.weight", "(512, 128)"),
    ),
    "other heads of attention": (
        changed(backbone__blocks__0__attn__q_norm__weight=torch.ones(32)),
        ("unsupported", "backbone.blocks.0.attn.q_norm.weight", "(64,)"),
    ),
    "cells of 4^3": (
        changed(backbone__tokenizer__proj__weight=torch.ones(128, 64 * 3)),
        ("unsupported", "tokenizer.proj.weight", "5^3 voxels"),
    ),
    "a deep head": (
        changed(seg_head__norm__weight=torch.ones(3)),
        ("unsupported", "seg_head.norm.weight", "seg_head.*"),
    ),
    "our own": ({**with_heads({}, ""), "head.weight": torch.ones(2, 6)}, ("unsupported", "export=RUN")),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_such_volt_is_refused_by_name(kind: str) -> None:
    state, mistake = REFUSED[kind]
    with raises(*mistake):
        convert(state)


def write(path: Path, heads: dict[str, int], **more: Any) -> None:
    state = {f"module.{name}": value for name, value in random_state(inputs=6).items()}
    state = {name.replace("module.", "module.backbone."): value for name, value in state.items()}
    for name, outputs in heads.items():
        state[f"module.{name}.weight"], state[f"module.{name}.bias"] = torch.randn(outputs, 6), torch.randn(outputs)
    torch.save({"state_dict": state, "epoch": 800, "optimizer": {"state": {}}, **more}, path)


def test_a_file_is_imported_and_says_what_it_is(tmp_path: Path) -> None:
    write(tmp_path / "joint.pth", JOINT)
    done = run(WEIGHTS, "import=joint.pth", "out=w", "source=volt", "head=ScanNet200", folder=tmp_path)
    for words in (
        "Volt, channels 128, depth 2, out_channels 6",
        "color_unit, normal; voxels of 2 cm",
        "200 (scannet200)",
        "license:      unknown",
        "look where it comes from",
        "tensors outside the network were left out",
    ):
        assert words in done.stdout, done.stdout
    card = pointnc.weights.load(tmp_path / "w").card
    assert card is not None and card.source == "volt" and card.architecture.name == "Volt"


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        ([], ("ambiguous", "joint.pth", "ScanNet, ScanNet++, ScanNet200", "head=NAME")),
        (["head=S3DIS"], ("unknown-name", "joint.pth", "head=S3DIS", "ScanNet, ScanNet++, ScanNet200")),
        (["head=ScanNet200", "source=pointcept"], ("missing-tensor", "joint.pth", "conv_input.0.weight")),
        (["head=ScanNet++"], ("missing-setting", "100 outputs", "taxonomy=FILE.yaml")),
        (["head=ScanNet200", "features=[color]"], ("channels", "features=[color]", "3 channels", "6")),
        (["head=[1]"], ("option", "head=['1']")),
    ],
)
def test_an_import_that_does_not_fit_gets_one_line(
    arguments: list[str], mistake: tuple[str, ...], tmp_path: Path
) -> None:
    write(tmp_path / "joint.pth", JOINT)
    done = run(WEIGHTS, "import=joint.pth", "out=w", *arguments, folder=tmp_path, code=2)
    assert_mistake(done, *mistake)
    assert not (tmp_path / "w").exists()


def test_a_file_that_needs_more_than_tensors_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "scored.pth", {"seg_head": 200}, scores=np.ones(3))
    done = run(WEIGHTS, "import=scored.pth", "out=w", folder=tmp_path, code=2)
    assert_mistake(done, "unsafe-file", "scored.pth", "numpy", "allow_pickle=true")
    assert not (tmp_path / "w").exists()
