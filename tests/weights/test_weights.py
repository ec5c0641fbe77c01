"""Weights with their card: round trips, damage, and files that are none."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

import pointnc.models
from pointnc.models.segmentor import Segmentor
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.architecture import Architecture
from pointnc.weights.bundle import save_bundle
from pointnc.weights.card import ModelCard, is_noncommercial
from pointnc.weights.listing import describe, weights_table
from pointnc.weights.published import KEY, read_card, read_sizes, read_weights, save_weights, tensors_sha256
from tests.helpers.mistakes import raises
from tests.helpers.voxels import random_voxels

PLAN: dict[str, Any] = {"in_channels": 3, "planes": [6, 8, 8, 6], "layers": [1, 1, 1, 1], "stem_kernel": 3}
TAXONOMY = Taxonomy.from_dict({"name": "four", "names": ["wall", "floor", "chair", 'lamp "tall" — 灯']})


def make(name: str = "MinkUNet", **plan: Any) -> tuple[Segmentor, ModelCard]:
    architecture = Architecture(name, {**PLAN, **plan})
    card = ModelCard(architecture, ("color",), 0.05, TAXONOMY, license="cc0-1.0", notes=("made by a test",))
    return Segmentor(architecture.build(), len(TAXONOMY)), card


class Batch:
    coord = random_voxels()
    features = torch.randn(len(coord), 3, generator=torch.Generator().manual_seed(1))
    batch_size = 2


def logits(model: Segmentor) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(Batch).logits


@pytest.mark.parametrize("as_bundle", [False, True])
@pytest.mark.parametrize(
    ("name", "plan"),
    [("MinkUNet", {}), ("MinkUNet", {"block": "bottleneck", "out_channels": 5}), ("SpUNet", {"stem_kernel": 5})],
)
def test_what_is_saved_gives_identical_logits(tmp_path: Path, name: str, plan: dict[str, Any], as_bundle: bool) -> None:
    model, card = make(name, **plan)
    path = tmp_path / ("bundle" if as_bundle else "model.safetensors")
    saved = (save_bundle if as_bundle else save_weights)(path, model.state_dict(), card)
    loaded = pointnc.weights.load(path)
    assert torch.equal(logits(loaded), logits(model))
    assert loaded.card == saved == replace(card, sha256=saved.sha256) and loaded.card.taxonomy == TAXONOMY
    assert not loaded.training and all(p.requires_grad and not p.is_meta for p in loaded.parameters())
    assert read_sizes(path) == {key: value.numel() for key, value in model.state_dict().items()}


def test_a_loaded_network_trains(tmp_path: Path) -> None:
    model, card = make()
    save_weights(tmp_path / "a.safetensors", model.state_dict(), card)
    loaded = pointnc.weights.load(tmp_path / "a.safetensors").train()
    before = loaded.backbone.stem.norm.running_mean.clone()
    loaded(Batch).logits.square().mean().backward()
    assert all(p.grad is not None for p in loaded.parameters())
    assert not torch.equal(loaded.backbone.stem.norm.running_mean, before)


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    model, card = make()
    save_weights(tmp_path / "a.safetensors", model.state_dict(), card)
    (tmp_path / "b").touch()
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_bundle_describes_itself_to_people(tmp_path: Path) -> None:
    import yaml

    model, card = make()
    save_bundle(tmp_path / "b", model.state_dict(), card)
    assert {file.name for file in (tmp_path / "b").iterdir()} == {
        "model.safetensors", "README.md", "taxonomy.yaml", "config.yaml",
    }  # fmt: skip
    assert Taxonomy.from_yaml(tmp_path / "b" / "taxonomy.yaml") == TAXONOMY
    config = yaml.safe_load((tmp_path / "b" / "config.yaml").read_text())
    assert Architecture.of(config["model"], in_channels=3) == card.architecture
    assert config["dataset"] == {"features": ["color"], "voxel_size": 0.05}


def test_a_bundle_is_replaced_only_on_request_and_never_by_half(tmp_path: Path) -> None:
    model, card = make()
    save_bundle(tmp_path / "b", model.state_dict(), card)
    before = (tmp_path / "b" / "model.safetensors").read_bytes()
    with raises("exists", tmp_path / "b", "overwrite=true"):
        save_bundle(tmp_path / "b", model.state_dict(), card)
    broken = replace(card, taxonomy="no taxonomy")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        save_bundle(tmp_path / "b", model.state_dict(), broken, overwrite=True)
    assert (tmp_path / "b" / "model.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    save_bundle(tmp_path / "b", model.state_dict(), replace(card, voxel_size=0.1), overwrite=True)
    assert read_card(tmp_path / "b").voxel_size == 0.1


def test_the_hash_knows_names_types_shapes_and_bytes_but_no_order() -> None:
    state = {"a": torch.arange(6.0), "b": torch.zeros(2, dtype=torch.int64), "c": torch.tensor(3), "d": torch.zeros(0)}
    assert tensors_sha256(state) == tensors_sha256(dict(reversed(state.items())))
    others = [
        {**state, "a": state["a"].reshape(2, 3)},
        {**state, "a": state["a"].double()},
        {**state, "a": state["a"] + 1e-6},
        {**{key: value for key, value in state.items() if key != "a"}, "A": state["a"]},
    ]
    assert len({tensors_sha256(other) for other in [state, *others]}) == 5


def forge(tmp_path: Path, **changes: Any) -> Path:
    """A file whose card says something else than it was saved with."""
    model, card = make()
    path = tmp_path / "forged.safetensors"
    card = save_weights(path, model.state_dict(), card)
    data = card.to_dict()
    data.update(changes)
    save_file(load_file(path), path, {KEY: json.dumps(data)})
    return path


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"sha256": "0" * 64}, ("damaged-file",)),
        ({"format": 99, "version": "9.9"}, ("other-version", "pointnc 9.9")),
        ({"voxel_size": -1}, ("malformed", "voxel size", -1)),
        ({"voxel_size": None}, ("malformed", "NoneType")),
        ({"features": None}, ("malformed", "NoneType")),
        ({"taxonomy": {"names": []}}, ("taxonomy", "no classes")),
        ({"architecture": {"name": "os.system"}}, ("unknown-name", "'os.system'")),
        ({"architecture": {"name": "MinkUNet", **PLAN, "depth": 3}}, ("unknown-name", "'depth'")),
        (
            {"architecture": {"name": "MinkUNet", "planes": [1, 1]}},
            ("malformed", "'in_channels'"),
        ),
        (
            {"architecture": {"name": "MinkUNet", **PLAN, "planes": {"_target_": "os.system"}}},
            ("option", "planes"),
        ),
        (
            {"architecture": {"name": "MinkUNet", **PLAN, "planes": [6, 8, 8, 10**12]}},
            ("option", "planes", 10**12),
        ),
        (
            {"architecture": {"name": "MinkUNet", **PLAN, "planes": [6, 8, 8, 65536]}},
            ("other-network", 65536),
        ),
        ({"architecture": {"name": "MinkUNet", **PLAN, "planes": "many"}}, ("option", "planes")),
        (
            {"architecture": {"name": "MinkUNet", **PLAN, "in_channels": "3"}},
            ("option", "in_channels=3"),
        ),
        ({"architecture": []}, ("malformed", "list")),
        ({"taxonomy": {"names": ["wall", "floor"]}}, ("other-network", "head.weight")),
        (
            {"architecture": {"name": "MinkUNet", **PLAN, "stem_kernel": "3\n\x1b[31m"}},
            ("option", r"stem_kernel=3\n\x1b[31m"),
        ),
        (
            {"architecture": {"name": "MinkUNet", **PLAN, "block": "a\nb"}},
            ("option", "block=a\\nb"),
        ),
        ({"taxonomy": {"name": "a\nb", "names": []}}, ("taxonomy", r"a\nb", "no classes")),
        ({"format": 99, "version": "9\n9"}, ("other-version", r"pointnc 9\n9")),
    ],
)
def test_a_forged_card_is_refused_in_one_line(
    tmp_path: Path, changes: dict[str, Any], mistake: tuple[str, ...]
) -> None:
    with raises(*mistake, "forged.safetensors") as caught:
        pointnc.weights.load(forge(tmp_path, **changes))
    assert str(caught.value).isprintable()


def test_an_untrusted_card_commands_nothing_of_a_terminal(tmp_path: Path) -> None:
    path = forge(tmp_path, license="[/b]\x1b[31mred", notes=["one\nsource: mine"])
    shown = describe(path)
    assert "\x1b" not in shown and r"[/b]\x1b[31mred" in shown and r"one\nsource: mine" in shown
    console = Console(width=300, file=io.StringIO(), force_terminal=True)
    console.print(weights_table([path]))
    listed = console.file.getvalue()  # type: ignore[attr-defined]
    assert r"[/b]\x1b[31mred" in listed and "\x1b[31m" not in listed


def test_no_license_is_an_unknown_one(tmp_path: Path) -> None:
    assert replace(make()[1], license=None).license == "unknown"  # type: ignore[arg-type]
    assert read_card(forge(tmp_path, license=None)).license == "unknown"


def test_weights_without_a_classifier_are_for_fine_tuning(tmp_path: Path) -> None:
    model, card = make()
    backbone = {name: value for name, value in model.state_dict().items() if not name.startswith("head.")}
    save_weights(tmp_path / "a.safetensors", backbone, replace(card, taxonomy=None))
    assert read_weights(tmp_path / "a.safetensors")[0].taxonomy is None
    with raises("no-classifier", "a.safetensors", "pointnc.train weights="):
        pointnc.weights.load(tmp_path / "a.safetensors")


@pytest.mark.parametrize("content", [b"", b"hello", b'\x08\x00\x00\x00\x00\x00\x00\x00{"a":1}x'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with raises("damaged-file", "x.safetensors"):
        pointnc.weights.load(path)


def test_safetensors_of_others_are_sent_to_the_import(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with raises("not-a-bundle", "x.safetensors", "pointnc.weights import="):
        pointnc.weights.load(tmp_path / "x.safetensors")


def test_flipped_bits_are_noticed(tmp_path: Path) -> None:
    model, card = make()
    path = tmp_path / "a.safetensors"
    save_weights(path, model.state_dict(), card)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with raises("damaged-file", "a.safetensors"):
        pointnc.weights.load(path)


@pytest.mark.parametrize("name", ["nowhere/at/all", "missing.safetensors", "../up"])
def test_a_place_where_nothing_is_gets_a_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with raises("missing-file", tmp_path / name):
        pointnc.weights.load(name)


def test_a_configuration_becomes_an_architecture_and_back() -> None:
    architecture = Architecture("MinkUNet", dict(PLAN))
    assert Architecture.of(architecture.node(), in_channels=3) == architecture
    assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture
    with raises("unsupported", "torch.nn.Linear"):
        Architecture.of({"_target_": "torch.nn.Linear"}, in_channels=3)


@pytest.mark.parametrize(
    ("license_of_weights", "commercial"),
    [
        ("CC-BY-NC-4.0", False),
        ("cc_by_nc_4.0", False),
        ("CC-BY-NC4.0", False),
        ("(CC BY-NC-SA)", False),
        ("CC-BY-NC, see hub", False),
        ("Creative Commons Attribution-NonCommercial 4.0", False),
        ("https://creativecommons.org/licenses/by-nc/4.0/", False),
        ("for non-commercial use", False),
        ("CC-BY-4.0", True),
        ("Apache-2.0", True),
        ("NCSA", True),
        ("unknown", True),
        ("license of the Princeton group", True),
    ],
)
def test_licenses_for_no_commercial_use_are_known_however_they_are_written(
    license_of_weights: str, commercial: bool
) -> None:
    assert is_noncommercial(license_of_weights) is not commercial
