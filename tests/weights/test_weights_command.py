"""``python -m pointnc.weights`` from end to end: a run is exported, listed, evaluated and trained on."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch

import pointnc.models
from data_prep.rooms.generate import generate
from data_prep.rooms.scanner import Scanner
from data_prep.scannet.preparation import prepare
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake
from tests.helpers.synthetic import write_raw_root
from tests.oracles import minkowski

TRAIN = (
    "dataset.prepare=null",
    "trainer.max_epochs=1",
    "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu",
    "workers=0",
    "batch_size=1",
    "dataset.voxel_size=0.1",
    "logger=none",
    "model.neck=null",
)
WEIGHTS = "pointnc.weights"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a run on it, and the run's bundle."""
    home = tmp_path_factory.mktemp("home")
    prepare(write_raw_root(home / "raw", train=2, val=1), home / "store", workers=1)
    plan = [
        "model.planes=[8,16,16,8]",
        "model.layers=[1,1,1,1]",
        "dataset.features=[normal,color_unit]",
        "model.neck=null",
    ]
    run("pointnc.train", *TRAIN, *plan, f"dataset.store={home / 'store'}", "run_dir=run", folder=home)
    run(WEIGHTS, "export=run", "out=weights/mine", "license=cc0-1.0", folder=home)
    return home


def evaluate(home: Path, checkpoint: str, out: Path) -> dict[str, object]:
    arguments = [f"checkpoint={checkpoint}", "data_root=store", f"out={out}", "accelerator=cpu"]
    run("pointnc.evaluate", *arguments, folder=home)
    return {key: value for key, value in json.loads(out.read_text()).items() if key != "seconds"}


def test_a_bundle_scores_what_its_checkpoint_scores(home: Path, tmp_path: Path) -> None:
    assert evaluate(home, "weights/mine", tmp_path / "a.json") == evaluate(home, "run", tmp_path / "b.json")


def test_exported_weights_are_those_of_the_best_checkpoint(home: Path) -> None:
    model = pointnc.weights.load(home / "weights" / "mine")
    state = read_checkpoint(home / "run" / "checkpoints" / "best.ckpt").model_state
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert model.card is not None and model.card.features == ("normal", "color_unit")
    assert model.card.voxel_size == 0.1 and model.card.taxonomy is not None
    assert model.card.taxonomy.name == "scannet200" and model.card.license == "cc0-1.0"


def test_list_and_show_say_what_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    listed = run(WEIGHTS, "list", folder=home).stdout
    for words in ("weights/mine", "normal, color_unit", "10 cm", "200 (scannet200)", "cc0-1.0", "MinkUNet of another"):
        assert words in listed, listed
    assert "no weights of pointnc here" in run(WEIGHTS, "list", "raw", folder=home).stdout
    shown = run(WEIGHTS, "show", "weights/mine", folder=home).stdout
    for words in ("planes 8-16-16-8", "classes:      200 (scannet200): wall", "cc0-1.0", "Trained on rooms"):
        assert words in shown, shown


def test_fine_tuning_keeps_the_head_of_the_same_classes_and_trains(home: Path, tmp_path: Path) -> None:
    store = f"dataset.store={home / 'store'}"
    done = run("pointnc.train", *TRAIN, store, "weights=weights/mine", f"run_dir={tmp_path / 'run'}", folder=home)
    assert "the head too, since the classes are the same" in done.stdout
    assert "normal, color_unit" in (tmp_path / "run" / "report.html").read_text()
    checkpoint = read_checkpoint(tmp_path / "run")
    assert checkpoint.config["model"]["planes"] == [8, 16, 16, 8] and checkpoint.config["choice"]["model"] == "mine"
    before = pointnc.weights.load(home / "weights" / "mine").state_dict()
    moved = [not torch.equal(value, checkpoint.model_state[name]) for name, value in before.items()]
    assert all(moved)
    # A run can start from a run as well.
    done = run("pointnc.train", *TRAIN, store, "weights=run", f"run_dir={tmp_path / 'other'}", folder=home)
    assert "best.ckpt: the head too" in done.stdout


def test_a_single_file_serves_as_well(home: Path, tmp_path: Path) -> None:
    run(WEIGHTS, "export=run/checkpoints/last.ckpt", f"out={tmp_path / 'a.safetensors'}", folder=home)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    assert "MinkUNet" in run(WEIGHTS, "show", str(tmp_path / "a.safetensors"), folder=home).stdout


def test_a_path_with_odd_characters_is_a_path(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "lr=0.1, it's {mine}.safetensors"
    run(WEIGHTS, "export=run", f"out={tmp_path / 'a.safetensors'}", folder=home)
    (tmp_path / "a.safetensors").rename(place)
    assert "MinkUNet" in run(WEIGHTS, "show", str(place), folder=home).stdout


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        ([], ("missing-setting", "import=FILE")),
        (["export=run", "import=run"], ("missing-setting", "import=FILE")),
        (["export=run"], ("missing-setting", "out=", "export=run")),
        (["export=run", "out=a.onnx"], ("unsupported", "ONNX", "MinkUNet")),
        (["export=run", "out=weights/mine"], ("exists", "overwrite=true")),
        (["export=store", "out=a"], ("missing-file", "last.ckpt")),
        (["show"], ("missing-setting", "show")),
        (["show", "nowhere"], ("missing-file", "nowhere")),
        (["show", "owner/name"], ("missing-file", "owner/name")),
        (["list", "nowhere"], ("missing-file", "nowhere")),
        (["push", "weights/mine"], ("missing-setting", "repo=OWNER/NAME")),
        (["action=dance"], ("unknown-name", "'dance'")),
        (["import=run/metrics.json", "out=a"], ("damaged-file", "metrics.json")),
        (["import=nowhere.pth", "out=a"], ("missing-file", "nowhere.pth")),
        (["import=run/checkpoints/best.ckpt", "out=a"], ("unsupported", "best.ckpt")),
    ],
)
def test_mistakes_get_one_line(home: Path, arguments: list[str], mistake: tuple[str, ...]) -> None:
    before = sorted(path.name for path in home.iterdir())
    assert_mistake(run(WEIGHTS, *arguments, folder=home, code=2), *mistake)
    assert sorted(path.name for path in home.iterdir()) == before


def test_pushed_and_pulled_it_is_the_same(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTNC_CACHE", str(tmp_path / "cache"))
    hub = f"hub={tmp_path / 'hub'}"
    run(WEIGHTS, "push", "weights/mine", "repo=me/mine", hub, folder=home)
    run(WEIGHTS, "pull", "me/mine", hub, folder=home)
    pulled, own = pointnc.weights.load("me/mine"), pointnc.weights.load(home / "weights" / "mine")
    assert all(torch.equal(value, own.state_dict()[name]) for name, value in pulled.state_dict().items())
    assert evaluate(home, "me/mine", tmp_path / "a.json") == evaluate(home, "run", tmp_path / "b.json")


def write_foreign(path: Path, outputs: int = 200, **plan: object) -> None:
    torch.save({"state_dict": minkowski.random_state(outputs=outputs, **plan)}, path)  # type: ignore[arg-type]


def test_a_foreign_checkpoint_is_imported_evaluated_and_trained_on(home: Path, tmp_path: Path) -> None:
    write_foreign(tmp_path / "lground.pth")
    out = tmp_path / "imported"
    done = run(WEIGHTS, f"import={tmp_path / 'lground.pth'}", f"out={out}", "license=mit", folder=home)
    for words in ("minkowski, lground.pth", "color_half", "2 cm", "taken for color_half", "taken for the classes"):
        assert words in done.stdout, done.stdout
    card = pointnc.weights.load(out).card
    assert (
        card is not None and card.origin_sha256 == hashlib.sha256((tmp_path / "lground.pth").read_bytes()).hexdigest()
    )
    assert card.license == "mit" and card.source == "minkowski"
    assert evaluate(home, str(out), tmp_path / "scores.json")["convention"] == "official"
    place = [f"dataset.store={home / 'store'}", f"weights={out}", f"run_dir={tmp_path / 'run'}"]
    done = run("pointnc.train", *TRAIN, *place, folder=home)
    assert "the head too" in done.stdout and "voxels of 2 cm, the run uses 10 cm" in done.stdout
    assert read_checkpoint(tmp_path / "run").config["dataset"]["features"] == ["color_half"]


@pytest.mark.slow
def test_training_goes_on_from_imported_weights_on_generated_rooms(tmp_path: Path) -> None:
    scanner = Scanner(poses=8, width=64, height=48, voxel_size=0.1)
    generate(tmp_path / "raw", train=2, val=1, test=0, seed=3, workers=1, scanner=scanner)
    prepare(tmp_path / "raw", tmp_path / "store", workers=1)
    write_foreign(tmp_path / "a.pth", outputs=200)
    run(WEIGHTS, "import=a.pth", "out=w", "voxel_size=0.1", "kernel_order=cube", folder=tmp_path)
    model = pointnc.weights.load(tmp_path / "w")
    place = ["dataset.store=store", "weights=w", "run_dir=run", "trainer.max_epochs=4", "optimizer.lr=0.01"]
    done = run("pointnc.train", *TRAIN, *place, folder=tmp_path)
    losses = [float(loss) for loss in re.findall(r" segmentation (\S+)", done.stdout)]
    assert len(losses) == 4 and losses[-1] < losses[0]
    trained = read_checkpoint(tmp_path / "run").model_state
    assert trained.keys() == model.state_dict().keys()
    for name, value in model.named_parameters():
        assert trained[name].isfinite().all() and not torch.equal(trained[name], value), name


def test_other_classes_get_a_new_head_and_only_that(home: Path, tmp_path: Path) -> None:
    write_foreign(tmp_path / "a.pth", outputs=7)
    (tmp_path / "seven.yaml").write_text("names: [a, b, c, d, e, f, g]\n")
    arguments = [f"import={tmp_path / 'a.pth'}", f"out={tmp_path / 'w'}", f"taxonomy={tmp_path / 'seven.yaml'}"]
    run(WEIGHTS, *arguments, "features=[normal]", "voxel_size=0.1", folder=home)
    place = [f"dataset.store={home / 'store'}", f"weights={tmp_path / 'w'}", f"run_dir={tmp_path / 'run'}"]
    done = run("pointnc.train", *TRAIN, "optimizer.lr=1e-12", *place, folder=home)
    said = f"weights of {tmp_path / 'w' / 'model.safetensors'}: the head is new (7 classes (custom) against 200 (scannet200))"
    assert said in done.stdout.splitlines()
    assert "warning" not in done.stdout
    model = pointnc.weights.load(tmp_path / "w")
    trained, source = read_checkpoint(tmp_path / "run").model_state, dict(model.named_parameters())
    assert trained.keys() == model.state_dict().keys()
    for name, value in source.items():
        if name.startswith("head."):
            assert trained[name].shape[0] == 200, name
        else:
            torch.testing.assert_close(trained[name], value.data, rtol=0, atol=1e-6, msg=name)
    assert {name for name in source if name.startswith("head.")} == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("outputs", "arguments", "mistake"),
    [
        (13, [], ("missing-setting", "13 outputs", "taxonomy=FILE.yaml")),
        (13, ["taxonomy=scannet20"], ("other-length", "20 classes", "scannet20")),
        (200, ["features=[color,normal]"], ("channels", "6 channels", "3")),
        (200, ["features=[colour]"], ("unknown-name", "'colour'", "dataset.features")),
        (200, ["voxel_size=-1"], ("option", "voxel_size=-1.0")),
        (200, ["voxel_size=abc"], ("option", "voxel_size=abc")),
        (200, ["voxel_size=inf"], ("option", "voxel_size=inf")),
        (200, ["voxel_size=nan"], ("option", "voxel_size=nan")),
        (200, ["voxel_size=true"], ("option", "voxel_size=True")),
        (200, ["features=color"], ("option", "[color]", "dataset.features")),
        (200, ["features=[5]"], ("unknown-name", "5", "dataset.features")),
        (200, ["kernel_order=sphere"], ("option", "kernel_order=sphere", "auto, cube", "a.pth")),
        (200, ["taxonomy=[a]"], ("option", "taxonomy=['a']")),
        (200, ["taxonomy=store/train"], ("file-access", "store/train")),
        (200, ["taxonomy=run/checkpoints/best.ckpt"], ("damaged-file", "best.ckpt", "'utf-8'")),
        (200, ["head=tail"], ("option", "head=tail", "a.pth")),
        (200, ["source=pointcept"], ("missing-tensor", "conv_input.0.weight", "a.pth")),
        (200, ["source=other"], ("option", "source=other", "a.pth")),
        (200, ["taxonomy=nowhere.yaml"], ("missing-file", "nowhere.yaml")),
    ],
)
def test_an_import_that_does_not_fit_gets_one_line(
    outputs: int, arguments: list[str], mistake: tuple[str, ...], home: Path, tmp_path: Path
) -> None:
    write_foreign(tmp_path / "a.pth", outputs)
    place = [f"import={tmp_path / 'a.pth'}", f"out={tmp_path / 'w'}"]
    assert_mistake(run(WEIGHTS, *place, *arguments, folder=home, code=2), *mistake)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("out", [".", "..", "full"])
def test_nothing_but_a_bundle_is_replaced(out: str, tmp_path: Path) -> None:
    (tmp_path / "here" / "full").mkdir(parents=True)
    (tmp_path / "here" / "full" / "thesis.tex").touch()
    write_foreign(tmp_path / "a.pth")
    before = sorted(tmp_path.rglob("*"))
    arguments = [f"import={tmp_path / 'a.pth'}", f"out={out}", "overwrite=true"]
    assert_mistake(run(WEIGHTS, *arguments, folder=tmp_path / "here", code=2), "not-ours", out, "model.safetensors")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_license_that_is_none_is_unknown(tmp_path: Path) -> None:
    write_foreign(tmp_path / "a.pth")
    done = run(WEIGHTS, "import=a.pth", "out=w", "license=null", "kernel_order=cube", folder=tmp_path)
    assert "license:      unknown" in done.stdout and "kernel_order" not in done.stdout


def test_the_kernel_order_reaches_the_weights(tmp_path: Path) -> None:
    write_foreign(tmp_path / "a.pth", pointwise_dimensions=3)
    assert_mistake(
        run(WEIGHTS, "import=a.pth", "out=w", folder=tmp_path, code=2), "ambiguous", "a.pth", "kernel_order=hybrid"
    )
    state = {}
    for order in ("cube", "hybrid"):
        run(WEIGHTS, "import=a.pth", f"out={order}", f"kernel_order={order}", folder=tmp_path)
        state[order] = pointnc.weights.load(tmp_path / order).state_dict()[
            "backbone.encoder.0.blocks.0.path.0.convolution.weight"
        ]
    assert torch.equal(state["cube"].flatten(1, 3)[:, 0], state["hybrid"].flatten(1, 3)[:, 13])


def test_a_network_of_unknown_input_asks_for_it(home: Path, tmp_path: Path) -> None:
    write_foreign(tmp_path / "a.pth", inputs=9)
    place = [f"import={tmp_path / 'a.pth'}", f"out={tmp_path / 'w.safetensors'}"]
    assert_mistake(
        run(WEIGHTS, *place, folder=home, code=2), "missing-setting", "9 input channels", "features=[color,normal]"
    )
    run(WEIGHTS, *place, "features=[color,normal,coord]", folder=home)
    card = pointnc.weights.load(tmp_path / "w.safetensors").card
    assert card is not None and card.features == ("color", "normal", "coord")


def test_a_feature_network_is_for_fine_tuning_only(home: Path, tmp_path: Path) -> None:
    write_foreign(tmp_path / "clip.pth", outputs=512)
    out = tmp_path / "w"
    done = run(WEIGHTS, f"import={tmp_path / 'clip.pth'}", f"out={out}", "taxonomy=none", folder=home)
    assert "none: a feature network" in done.stdout
    evaluated = run("pointnc.evaluate", f"checkpoint={out}", "data_root=store", "accelerator=cpu", folder=home, code=2)
    assert_mistake(evaluated, "no-classifier", "model.safetensors", "pointnc.train weights=")
    place = [f"dataset.store={home / 'store'}", f"weights={out}", f"run_dir={tmp_path / 'run'}"]
    assert "the head is new (it had none)" in run("pointnc.train", *TRAIN, *place, folder=home).stdout
    assert read_checkpoint(tmp_path / "run").model_state["head.weight"].shape == (200, 512)
