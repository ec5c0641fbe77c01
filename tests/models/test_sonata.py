"""The encoder of Sonata against a slow evaluation of its description, its invariants, and how it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import pointnc.weights
from pointnc.models import Sonata
from pointnc.models.serialization import ORDERS
from pointnc.training.parameter_groups import parameter_groups
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.exporting import export_run
from pointnc.weights.foreign import convert
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises
from tests.helpers.voxels import random_voxels
from tests.oracles.sonata import SlowSonata, random_state
from tests.training.test_resume import _no_report, assert_equal, configure, interrupted_and_resumed, store  # noqa: F401

PLAN: dict[str, Any] = {"channels": (16, 32, 48), "depths": (2, 1, 2), "patch": 8}
WEIGHTS = "pointnc.weights"


def case(samples: int = 3, extent: int = 7, share: float = 0.12) -> tuple[Tensor, Tensor]:
    """Voxels of scenes of which the second is empty and the third is smaller than a patch, and their features."""
    coord = random_voxels(samples, extent, share)
    last = coord[coord[:, 0] == 2][:5]
    coord = torch.cat([coord[coord[:, 0] == 0], last])
    return coord, torch.randn(len(coord), 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("decoder", [(), (16, 32)])
@pytest.mark.parametrize("layer_scale", [False, True])
def test_equals_the_slow_evaluation_of_the_description(decoder: tuple[int, ...], layer_scale: bool) -> None:
    coord, features = case()
    state = random_state(decoder=decoder, layer_scale=layer_scale, mask_token=False)
    network = Sonata(9, **PLAN, decoder_channels=decoder or None, layer_scale=layer_scale)
    network.load_state_dict(state)  # every name, and no other
    assert len({tuple(order) for order in network.orders}) > 1 and all(
        sorted(o) == [0, 1, 2, 3] for o in network.orders
    )
    orders = [[ORDERS[number] for number in stage] for stage in network.orders]
    expected = SlowSonata(state, orders, 8)(coord, features, 3)
    with torch.no_grad():
        exact = network.double().eval()(coord, features, 3)
        usual = network.float()(coord, features.float(), 3)
    assert exact.shape == (len(coord), decoder[0] if decoder else 96)
    torch.testing.assert_close(exact.double(), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(usual.double(), expected, rtol=1e-3, atol=1e-3)


def test_a_scene_does_not_depend_on_its_batch_nor_on_the_order_of_its_voxels() -> None:
    coord, features = case()
    network, features = Sonata(9, **PLAN).eval(), features.float()
    far = torch.tensor([[1, 90, 0, 3]], dtype=torch.int32)  # a sample that would need a deeper curve
    with torch.no_grad():
        alone = network(coord, features, 3)
        beside = network(torch.cat([coord, far]), torch.cat([features, features[:1]]), 3)[:-1]
        order = torch.randperm(len(coord))
        permuted = network(coord[order], features[order], 3)
    torch.testing.assert_close(beside, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(permuted, alone[order], rtol=1e-4, atol=1e-5)


def test_curves_are_drawn_by_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = Sonata(9, **PLAN).orders
    torch.manual_seed(2)
    assert Sonata(9, **PLAN).orders == first
    assert Sonata(9, **PLAN, order_seed=1).orders != first


def test_checkpointing_changes_nothing() -> None:
    results = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = Sonata(9, **PLAN, decoder_channels=(16, 32), checkpointing=checkpointing).train()
        coord, features = case()
        out = network(coord, features.float(), 3)
        out.square().mean().backward()
        results.append([out, *(p.grad for p in network.parameters())])
    for one, other in zip(*results):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_a_frozen_encoder_stays_as_it_is_and_leaves_out_nothing() -> None:
    coord, features = case()
    network = Sonata(9, **PLAN, decoder_channels=(16, 32), freeze="encoder", drop_path=0.9).train()
    frozen = [p for name, p in network.named_parameters() if name.startswith(("enc.", "embedding."))]
    assert frozen and not any(p.requires_grad for p in frozen)
    assert not network.enc.training and network.dec.training
    assert "the encoder is frozen" in network.remarks()[0]
    torch.manual_seed(0)
    first = network(coord, features.float(), 3)
    first.sum().backward()
    assert all(p.grad is not None for name, p in network.named_parameters() if name.startswith("dec."))
    probe = Sonata(9, **PLAN, freeze="encoder", drop_path=0.9).train()
    assert torch.equal(probe(coord, features.float(), 3), probe(coord, features.float(), 3))
    assert not probe(coord, features.float(), 3).requires_grad


def test_zeros_stand_for_what_is_absent_and_it_is_said() -> None:
    coord, features = case()
    features = features.float()
    whole, part = Sonata(9, **PLAN).eval(), Sonata(6, **PLAN, absent=["color"]).eval()
    part.load_state_dict(whole.state_dict())
    features[:, 3:6] = 0
    given = torch.cat([features[:, :3], features[:, 6:]], 1)
    with torch.no_grad():
        assert torch.equal(whole(coord, features, 3), part(coord, given, 3))
    assert part.remarks() == ["zeros stand for color, which the data lack (model.absent)"]


def test_a_scene_without_voxels_gives_none_and_every_weight_a_gradient() -> None:
    network = Sonata(9, **PLAN, decoder_channels=(16, 32)).train()
    out = network(torch.zeros(0, 4, dtype=torch.int32), torch.zeros(0, 9), 2)
    out.sum().backward()
    assert out.shape == (0, 16) and all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"in_channels": 6}, ("channels", "9 channels", 6, "model.absent")),
        ({"channels": (16, 20, 48)}, ("option", "channels=[16, 20, 48]", 16)),
        ({"depths": (2, 1)}, ("option", "depths=(2, 1)", 3)),
        ({"depths": (2, 0, 1)}, ("option", "depths=0")),
        ({"depths": (2, 2000, 1)}, ("option", "depths", 2003, 1000)),
        ({"decoder_channels": (16,)}, ("option", "decoder_channels=(16,)")),
        ({"patch": 1}, ("option", "patch=1")),
        ({"absent": ["smell"]}, ("option", "absent=smell")),
        ({"freeze": "head"}, ("option", "freeze=head")),
    ],
)
def test_a_plan_that_is_none_is_refused(changes: dict[str, Any], mistake: tuple[Any, ...]) -> None:
    with raises(*mistake):
        Sonata(**{"in_channels": 9, **PLAN, **changes})


def test_the_released_sizes_have_the_parameters_that_were_counted_of_them() -> None:
    """Counted in the authors' files, where a mask token of the first stage's width belongs to the encoder alone."""
    depths = (3, 3, 3, 12, 3)
    plans = {
        108_461_376 - 48: {"channels": (48, 96, 192, 384, 512)},
        124_792_848: {"channels": (48, 96, 192, 384, 512), "decoder_channels": (64, 96, 192, 384)},
        207_667_456 - 64: {"channels": (64, 128, 256, 512, 768)},
    }
    for expected, plan in plans.items():
        with torch.device("meta"):
            assert sum(p.numel() for p in Sonata(9, **plan, depths=depths).parameters()) == expected


def test_groups_of_parameters_have_rates_of_their_own() -> None:
    network = Sonata(9, **PLAN)
    groups = parameter_groups(list(network.named_parameters()), {"block": 0.1, "down": 0.5}, 0.006)
    assert [group["lr"] for group in groups] == [0.006, pytest.approx(0.0006), 0.003]
    members = [{id(p) for p in group["params"]} for group in groups]
    assert members[1] == {id(p) for name, p in network.named_parameters() if "block" in name}
    assert sum(map(len, members)) == len(list(network.parameters()))
    assert parameter_groups(network.named_parameters(), {}, 0.1) == list(network.parameters())
    with raises("unknown-name", "learning_rates.bloc_k"):
        parameter_groups(network.named_parameters(), {"bloc_k": 0.1}, 0.1)


KEYWORDS = {
    "in_channels": 9,
    "order": ["z", "z-trans", "hilbert", "hilbert-trans"],
    "enc_patch_size": [8, 8, 8],
    "enc_num_head": [1, 2, 3],
    "stride": [2, 2],
    "enable_flash": True,
    "drop_path": 0.3,
}


def write(path: Path, changes: dict[str, Any] | None = None, **plan: Any) -> None:
    torch.save({"config": {**KEYWORDS, **(changes or {})}, "state_dict": random_state(**plan)}, path)


def test_an_encoder_is_imported_with_what_its_file_says(tmp_path: Path) -> None:
    write(tmp_path / "sonata.pth")
    done = run(WEIGHTS, "import=sonata.pth", "out=w", "source=sonata", folder=tmp_path)
    for words in (
        "Sonata, channels 16-32-48, depths 2-1-2",
        "coord, color_unit, normal; voxels of 2 cm",
        "none: a feature network",
        "license:      CC-BY-NC-4.0",
        "for no commercial use",
        "serves pretraining alone",
    ):
        assert words in done.stdout, done.stdout
    source = pointnc.weights.source.open_source(tmp_path / "w")
    assert source.node["patch"] == 8 and source.card is not None
    own = source.state
    expected = {name: value for name, value in random_state().items() if name != "embedding.mask_token"}
    assert all(torch.equal(own[f"backbone.{name}"], value) for name, value in expected.items())
    assert len(own) == len(expected)
    pushed = run(WEIGHTS, "push", "w", "repo=me/mine", f"hub={tmp_path / 'hub'}", folder=tmp_path, code=2)
    assert_mistake(pushed, "license", "w", "CC-BY-NC-4.0", "noncommercial=true")
    assert not (tmp_path / "hub").exists()
    run(WEIGHTS, "push", "w", "repo=me/mine", f"hub={tmp_path / 'hub'}", "noncommercial=true", folder=tmp_path)
    done = run(WEIGHTS, "import=sonata.pth", "out=less", "features=[coord]", folder=tmp_path)
    assert "absent color-normal" in done.stdout and pointnc.weights.source.open_source(tmp_path / "less")


def test_a_fine_tuned_encoder_keeps_its_classifier() -> None:
    state = {f"module.backbone.{name}": value for name, value in random_state(decoder=(16, 32)).items()}
    state |= {"module.seg_head.weight": torch.randn(5, 16), "module.seg_head.bias": torch.randn(5)}
    converted = convert(state, head="classifier")
    assert converted.outputs == 5 and torch.equal(converted.state["head.weight"], state["module.seg_head.weight"])
    own = {f"model.backbone.{name}": value for name, value in random_state().items()}
    with raises("unsupported", "pointnc already"):
        convert({**own, "model.head.weight": torch.zeros(2, 96)})
    with raises("unsupported", "Utonia"):
        convert({**random_state(), "enc.enc0.block0.attn.rope.inv_freq": torch.zeros(3)})


@pytest.mark.parametrize(
    ("changes", "arguments", "mistake"),
    [
        ({"enc_patch_size": [8, 8, 4]}, [], ("unsupported", "a.pth", "[8, 8, 4]")),
        ({"enc_num_head": [2, 4, 6]}, [], ("unsupported", "enc_num_head=[2, 4, 6]", "a.pth")),
        ({"order": ["z"]}, [], ("unsupported", "order=['z']", "a.pth")),
        ({"stride": [2, 4]}, [], ("unsupported", "a.pth", "stride=[2, 4]")),
        ({}, ["features=[color_unit,coord]"], ("channels", "features=[color_unit,coord]")),
        ({}, ["features=[strength]"], ("channels", "coord, color, normal", "features=[strength]")),
        ({}, ["source=volt"], ("missing-tensor", "tokenizer.proj.weight", "a.pth")),
        ({}, ["head=classifier"], ("unsupported", "a.pth", "classifier")),
    ],
)
def test_what_does_not_fit_gets_one_line(
    changes: dict[str, Any], arguments: list[str], mistake: tuple[str, ...], tmp_path: Path
) -> None:
    write(tmp_path / "a.pth", changes)
    assert_mistake(run(WEIGHTS, "import=a.pth", "out=w", *arguments, folder=tmp_path, code=2), *mistake)
    assert not (tmp_path / "w").exists()


def test_other_versions_and_missing_keys_are_refused_by_name() -> None:
    state = random_state()
    with raises("missing-tensor", "enc.enc1.block0.cpe.2.bias"):
        convert({name: value for name, value in state.items() if name != "enc.enc1.block0.cpe.2.bias"})
    with raises("unsupported", "enc.enc0.block0.attn.rope.inv_freq"):
        convert({**state, "enc.enc0.block0.attn.rope.inv_freq": torch.ones(4)})
    with raises("unsupported", "Point Transformer V3"):
        convert({"backbone.embedding.stem.conv.weight": torch.ones(32, 5, 5, 5, 6)})


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("encoder")
    write(home / "a.pth")
    run(WEIGHTS, "import=a.pth", "out=w", "voxel_size=0.15", folder=home)
    return home / "w"


def test_a_probe_trains_the_head_alone_and_keeps_the_license(
    store: Path,  # noqa: F811
    encoder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pointnc.training.run import _start

    def settings(*more: str) -> Any:
        return ("model=sonata", f"weights={encoder}", "optimizer.lr=0.01", *more)

    train(configure(store, tmp_path / "probe", *settings("model.freeze=encoder", "model.neck=null")))
    assert "the encoder is frozen" in capsys.readouterr().out
    probe = read_checkpoint(tmp_path / "probe")
    before = _start(configure(store, tmp_path / "other", *settings())).state
    assert all(torch.equal(probe.model_state[name], value) for name, value in before.items())
    assert export_run(tmp_path / "probe", tmp_path / "out").license == "CC-BY-NC-4.0"
    more = settings("model.freeze=encoder", "model.neck=null", "model.decoder_channels=[16,16]")
    train(configure(store, tmp_path / "decoder", *more))
    decoder = read_checkpoint(tmp_path / "decoder").model_state
    assert all(torch.equal(decoder[name], value) for name, value in before.items())
    assert any(name.startswith("backbone.dec.") for name in decoder) and decoder["head.weight"].shape == (200, 16)


def test_full_fine_tuning_resumes_bit_for_bit(store: Path, encoder: Path, tmp_path: Path) -> None:  # noqa: F811
    settings = ("model=sonata", f"weights={encoder}", "+learning_rates.block=0.1", "optimizer.lr=0.01")
    train(configure(store, tmp_path / "whole", *settings))
    interrupted_and_resumed(store, tmp_path / "run", 6, *settings)
    assert_equal(tmp_path / "run", tmp_path / "whole")
