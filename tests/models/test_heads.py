"""Heads: their formulae, what learns in them, and their way through cards, files and bundles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import yaml
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

import pointnc
from pointnc.collapse import largest_cosine
from pointnc.models import CosineHead, ETFHead, LinearHead, Segmentor
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.architecture import Architecture
from pointnc.weights.bundle import save_bundle
from pointnc.weights.card import ModelCard
from pointnc.weights.head_architecture import HEADS, HeadArchitecture
from pointnc.weights.published import count_parameters, save_weights
from tests.helpers.mistakes import raises
from tests.helpers.voxels import random_voxels

CONFIGS = Path(__file__).parents[2] / "conf" / "head"
TAXONOMY = Taxonomy.from_dict({"name": "twelve", "names": [f"class {k}" for k in range(12)]})
ARCHITECTURE = Architecture("MinkUNet", {"in_channels": 3, "planes": [6, 8, 8, 6], "layers": [1] * 4, "stem_kernel": 3})
CHOICES: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("LinearHead", {}),
    "etf": ("ETFHead", {}),
    "projected": ("ETFHead", {"projector": "trainable", "frame": "simplex", "seed": 3}),
    "fixed_scale": ("ETFHead", {"learn_scale": False, "scale": 4.0}),
    "cosine": ("CosineHead", {"scale": 9.0}),
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTNC_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)


def make(choice: str, channels: int = 6) -> Any:
    name, arguments = CHOICES[choice]
    return HeadArchitecture(name, dict(arguments)).build(channels, 12)


class Batch:
    coord = random_voxels()
    features = torch.randn(len(coord), 3, generator=torch.Generator().manual_seed(1))
    batch_size = 2


def logits(model: Segmentor) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(Batch).logits  # type: ignore[arg-type]


@pytest.mark.parametrize("choice", CHOICES)
def test_weight_and_bias_are_the_classifier(choice: str) -> None:
    head, features = make(choice), torch.randn(40, 6)
    assert head.weight.shape == (12, 6)
    linear = F.linear(features, head.weight, head.bias)
    if choice == "cosine":
        unit = F.normalize(features, dim=1) @ F.normalize(head.weight, dim=1).T
        torch.testing.assert_close(head(features), 9 * unit)
        torch.testing.assert_close(head(5 * features), head(features))
        assert head(torch.zeros(1, 6)).isfinite().all()
    else:
        torch.testing.assert_close(head(features), linear)


def test_the_etf_head_keeps_its_vectors_and_learns_the_rest() -> None:
    head = make("projected")
    assert head.vectors.shape == (12, 11)
    assert largest_cosine(head.vectors) == pytest.approx(-1 / 11, abs=1e-6)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(head(torch.randn(30, 6)), torch.arange(30) % 12).backward()
        optimizer.step()
    changed = {name for name, value in head.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"projector.weight", "log_scale"}


def test_narrow_features_get_a_spread_frame_and_wide_ones_the_simplex() -> None:
    assert largest_cosine(ETFHead(6, 12).weight) == pytest.approx(0, abs=1e-6)
    assert largest_cosine(ETFHead(11, 12).weight) == pytest.approx(-1 / 11, abs=1e-6)
    assert dict(make("fixed_scale").named_parameters()) == {}
    torch.testing.assert_close(make("fixed_scale").weight.norm(dim=1), torch.full((12,), 4.0))


def test_features_at_the_vectors_are_classified() -> None:
    head = ETFHead(6, 12)
    assert head(head.vectors).argmax(1).tolist() == list(range(12))


def test_building_a_fixed_head_draws_no_random_number() -> None:
    before = torch.get_rng_state()
    ETFHead(6, 12)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("name", "kind"), [("linear", LinearHead), ("etf", ETFHead), ("cosine", CosineHead)])
def test_configurations_build_their_head_with_its_defaults(name: str, kind: type[nn.Module]) -> None:
    node = OmegaConf.load(CONFIGS / f"{name}.yaml")
    assert isinstance(instantiate(node, in_channels=6, num_classes=12), kind)
    assert HeadArchitecture.of(node) == HeadArchitecture(kind.__name__)  # every option is in the file, as it is in code


@pytest.mark.parametrize("as_bundle", [False, True])
@pytest.mark.parametrize("choice", CHOICES)
def test_saved_heads_give_identical_logits(choice: str, as_bundle: bool, tmp_path: Path) -> None:
    head = HeadArchitecture(*CHOICES[choice])
    model = Segmentor(ARCHITECTURE.build(), 12, head.build(6, 12))
    nn.init.normal_(next(iter(model.head.parameters()), torch.empty(0)))
    card = ModelCard(ARCHITECTURE, ("color",), 0.05, TAXONOMY, head=head)
    path = tmp_path / ("bundle" if as_bundle else "model.safetensors")
    (save_bundle if as_bundle else save_weights)(path, model.state_dict(), card)
    loaded = pointnc.weights.load(path)
    assert torch.equal(logits(loaded), logits(model))
    assert loaded.card is not None and loaded.card.head == head
    assert type(loaded.head) is type(model.head)
    assert count_parameters(model.state_dict()) - (choice == "fixed_scale") == sum(
        p.numel() for p in loaded.parameters()
    )
    if as_bundle and choice != "linear":
        node = yaml.safe_load((path / "config.yaml").read_text())["head"]
        assert HeadArchitecture.of(node) == head
        assert head.name in (path / "README.md").read_text()


def test_cards_of_linear_heads_are_those_that_older_versions_read() -> None:
    data = ModelCard(ARCHITECTURE, ("color",), 0.05, TAXONOMY).to_dict()
    assert data["format"] == 1 and "head" not in data
    assert ModelCard.from_dict(data).head == HeadArchitecture("LinearHead")
    data = ModelCard(ARCHITECTURE, ("color",), 0.05, TAXONOMY, head=HeadArchitecture("CosineHead")).to_dict()
    assert data["format"] == 2
    assert ModelCard.from_dict(json.loads(json.dumps(data))).head.name == "CosineHead"


def test_tensors_of_another_head_are_refused(tmp_path: Path) -> None:
    model = Segmentor(ARCHITECTURE.build(), 12, make("etf"))
    save_weights(tmp_path / "a.safetensors", model.state_dict(), ModelCard(ARCHITECTURE, ("color",), 0.05, TAXONOMY))
    with raises("other-network", "head.weight", "a.safetensors"):
        pointnc.weights.load(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("head", "mistake"),
    [
        ({"name": "Conv3d"}, ("unknown-name", "'Conv3d'", "ETFHead")),
        ({"name": "ETFHead", "device": "cpu"}, ("unknown-name", "ETFHead", "'device'")),
        ({"name": "ETFHead", "projector_channels": 10**9}, ("option", "projector_channels=1000000000")),
        ({"name": "ETFHead", "frame": ["auto"]}, ("option", "frame=['auto']")),
        ("ETFHead", ("malformed", "'str'", "'get'")),
    ],
)
def test_the_head_of_an_untrusted_card_is_checked(head: Any, mistake: tuple[str, ...], tmp_path: Path) -> None:
    data = ModelCard(ARCHITECTURE, ("color",), 0.05, TAXONOMY).to_dict() | {"head": head, "format": 2}
    with raises(*mistake):
        ModelCard.from_dict(data)


def test_the_sizes_of_an_untrusted_card_cost_no_search() -> None:
    with torch.device("meta"):
        head = HeadArchitecture("ETFHead").build(3000, 60000)
    assert head.weight.is_meta and head.vectors.shape == (60000, 3000)


@pytest.mark.parametrize(
    ("kind", "arguments", "mistake"),
    [
        ("ETFHead", {"scale": 0}, ("option", "scale=0")),
        ("CosineHead", {"scale": float("nan")}, ("option", "scale=nan")),
        ("CosineHead", {"learn_scale": 3}, ("option", "learn_scale=3")),
        ("ETFHead", {"frame": "cross"}, ("option", "frame=cross", "auto, simplex, spread")),
        ("ETFHead", {"frame": "simplex"}, ("option", "frame=auto")),
        ("ETFHead", {"projector": "frozen"}, ("option", "projector=frozen")),
        ("ETFHead", {"projector_channels": 0}, ("option", "projector_channels=0")),
        ("ETFHead", {"seed": -1}, ("option", "seed=-1")),
    ],
)
def test_bad_options_name_their_key(kind: str, arguments: dict[str, Any], mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        HEADS[kind](6, 12, **arguments)
