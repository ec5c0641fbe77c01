"""``python -m pointnc.visualize`` on stores, clouds, label files and a checkpoint; and its answers to mistakes."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from data_prep.scannet.preparation import prepare
from pointnc.benchmarks.predictions import write_labels
from pointnc.benchmarks.scannet import taxonomy
from pointnc.environment.window_trial import display_lack
from pointnc.reporting.colors import WRONG
from pointnc.scenes.ply import write_ply
from pointnc.scenes.store import SceneStore
from pointnc.viewer.payload import Payload, unpack
from tests.helpers.commands import Done, run
from tests.helpers.mistakes import assert_mistake, raises
from tests.helpers.synthetic import write_raw_root

CLASSES = taxonomy("scannet200")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SceneStore:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=1, val=3), root / "store", workers=1)
    return SceneStore(root / "store")


@pytest.fixture(scope="module")
def checkpoint(store: SceneStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was never trained."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from pointnc.commands.entry import config_folder
    from pointnc.weights.checkpoint import contract
    from pointnc.weights.network import build_model

    choices = ["dataset.prepare=null", f"dataset.store={store.root}", "dataset.voxel_size=0.1"]
    small = ["model.planes=[8,8]", "model.layers=[1,1]"]
    names = ["choice.dataset=rooms", "choice.model=minkunet_tiny", "choice.regularizer=none"]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", [*choices, *small, *names])
    torch.manual_seed(0)
    state = {
        f"model.{key}": value
        for key, value in build_model(config.model, config.head, config.dataset.features, len(CLASSES))
        .state_dict()
        .items()
    }
    path = tmp_path_factory.mktemp("run") / "best.ckpt"
    own = contract(OmegaConf.to_container(config, resolve=True), CLASSES)
    torch.save({"state_dict": state, "pointnc": own}, path)
    return path


def visualize(folder: Path, *arguments: str, code: int = 0) -> Done:
    return run("pointnc.visualize", *arguments, folder=folder, code=code)


def read_page(path: Path) -> tuple[dict, list[dict[str, np.ndarray]]]:
    """The description and the columns of the scenes of a page."""
    text = path.read_text(encoding="utf-8")
    description = json.loads(re.search(r'id="description">(.*?)</script>', text, re.S)[1])
    blocks = re.findall(r'<script type="text/plain" id="scene-\d+">(.*?)</script>', text, re.S)
    pairs = zip(description["scenes"], blocks, strict=True)
    return description, [dict(unpack(Payload(header, base64.b64decode(block)))) for header, block in pairs]


def labels(store: SceneStore, scene: str, seed: int = 0) -> np.ndarray:
    """A prediction in train indices: the truth, a tenth of it replaced by "door"."""
    said = np.array(store.load("val", scene, "segment200").semantic)
    said[(np.random.default_rng(seed).random(len(said)) < 0.1) | (said < 0)] = CLASSES.names.index("door")
    return said


def test_store_becomes_a_page_without_network(store: SceneStore, tmp_path: Path) -> None:
    done = visualize(tmp_path, f"store={store.root}", "limit=2", "html=out/a.html")
    assert "written: out/a.html (2 scenes" in done.stdout
    description, scenes = read_page(tmp_path / "out" / "a.html")
    assert [scene["name"] for scene in description["scenes"]] == store.scenes("val")[:2]
    for name, columns in zip(store.scenes("val"), scenes):
        truth = np.asarray(store.load("val", name, "segment200").semantic)
        np.testing.assert_array_equal(columns["truth"], np.where(truth < 0, 200, truth))
    text = re.sub(r"data:,|http-equiv|https?://www.w3.org/\S*", "", (tmp_path / "out" / "a.html").read_text())
    assert not re.search(r"https?://|src=|@import|url\(", text)
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    done = visualize(tmp_path, f"store={store.root}", "html=out/a.html", code=2)
    assert_mistake(done, "exists", "out/a.html", "overwrite=true")


def test_predictions_of_files_beside_the_store(store: SceneStore, tmp_path: Path) -> None:
    names = store.scenes("val")
    for name in names[:2]:
        write_labels(tmp_path / "said" / f"{name}.txt", CLASSES.decode(labels(store, name)))
    cloud = store.load("val", names[2])
    vertex = {axis: cloud.coord[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    confidence = np.linspace(0, 1, len(cloud)).astype(np.float32)
    write_ply(tmp_path / "said" / f"{names[2]}.ply",
              {**vertex, "label": CLASSES.decode(labels(store, names[2])), "confidence": confidence})  # fmt: skip
    visualize(tmp_path, f"store={store.root}", "prediction=said", "limit=9", "html=a.html")
    description, scenes = read_page(tmp_path / "a.html")
    for name, columns in zip(names, scenes, strict=True):
        np.testing.assert_array_equal(columns["prediction"], labels(store, name))
    assert [("confidence" in columns) for columns in scenes] == [False, False, True]
    np.testing.assert_allclose(scenes[2]["confidence"] / 255, confidence, atol=0.01)
    assert 80 < description["scenes"][0]["figures"]["accuracy"] < 95


def test_clouds_and_label_files(store: SceneStore, tmp_path: Path) -> None:
    """Truth and prediction in every combination of files give the same page."""
    name = store.scenes("val")[0]
    scene = store.load("val", name, "segment200")
    truth, said = np.asarray(scene.semantic), labels(store, name)
    write_labels(tmp_path / "truth.txt", CLASSES.decode(truth))
    write_labels(tmp_path / "said.txt", CLASSES.decode(said))
    vertex = {axis: scene.coord[:, i].astype(np.float64) + 5e5 for i, axis in enumerate("xyz")}
    vertex |= {key: np.asarray(scene.color)[:, i] for i, key in enumerate(("red", "green", "blue"))}
    write_ply(tmp_path / "bare.ply", vertex)
    write_ply(tmp_path / "true.ply", {**vertex, "label": CLASSES.decode(truth)})
    write_ply(tmp_path / "said.ply", {**vertex, "label": CLASSES.decode(said)})
    pages = []
    for number, arguments in enumerate([
        ("scene=bare.ply", "truth=truth.txt", "prediction=said.txt"),
        ("scene=true.ply", "prediction=said.txt"),
        ("scene=said.ply", "truth=truth.txt"),
        ("prediction=said.ply", "truth=truth.txt"),
        ("prediction=said.ply", "truth=true.ply"),
        (f"scene={store.root / 'val' / name}", "prediction=said.ply"),
    ]):  # fmt: skip
        visualize(tmp_path, *arguments, f"html={number}.html")
        pages.append(read_page(tmp_path / f"{number}.html"))
    for description, (columns,) in pages:
        np.testing.assert_array_equal(columns["truth"], np.where(truth < 0, 200, truth))
        np.testing.assert_array_equal(columns["prediction"], said)
        assert description["scenes"][0]["figures"] == pages[0][0]["scenes"][0]["figures"]
    header, columns = pages[0][0]["scenes"][0], pages[0][1][0]
    world = columns["position"] * header["step"] + np.add(header["low"], header["origin"])
    np.testing.assert_allclose(world, np.column_stack([vertex[axis] for axis in "xyz"]), atol=1e-3)
    visualize(tmp_path, "prediction=said.ply", "html=alone.html")
    description, (columns,) = read_page(tmp_path / "alone.html")
    assert description["scenes"][0]["layers"] == ["color", "prediction"]
    np.testing.assert_array_equal(columns["prediction"], said)


def test_checkpoint_predicts(store: SceneStore, checkpoint: Path, tmp_path: Path) -> None:
    from pointnc.inference.predictor import Predictor
    from pointnc.weights.trained import load_trained

    name = store.scenes("val")[1]
    visualize(tmp_path, f"checkpoint={checkpoint}", f"scenes={name}", "html=a.html", "accelerator=cpu")
    _, (columns,) = read_page(tmp_path / "a.html")
    trained = load_trained(checkpoint, "cpu")
    said = Predictor(trained.model, trained.features, trained.voxel_size).predict(store.load("val", name))
    np.testing.assert_array_equal(columns["prediction"], said.labels)
    np.testing.assert_allclose(columns["confidence"] / 255, said.confidence, atol=0.003)


def test_checkpoint_predicts_a_cloud_that_lacks_normals(store: SceneStore, checkpoint: Path, tmp_path: Path) -> None:
    """The network wants color and normals; the labels are those of pointnc.predict."""
    from pointnc.clouds import open_cloud, read_cloud
    from pointnc.inference.predictor import Predictor
    from pointnc.prediction import label_file
    from pointnc.prediction.targets import Targets
    from pointnc.weights.trained import load_trained

    coord = store.load("val", store.scenes("val")[0]).coord[::3]
    write_ply(tmp_path / "a.ply", {axis: coord[:, i].astype(np.float64) for i, axis in enumerate("xyz")})
    done = visualize(tmp_path, f"checkpoint={checkpoint}", "scene=a.ply", "html=a.html", "accelerator=cpu")
    assert "no colors" in done.stdout and "no normals" in done.stdout
    _, (columns,) = read_page(tmp_path / "a.html")
    trained = load_trained(checkpoint, "cpu")
    predictor = Predictor(trained.model, trained.features, trained.voxel_size)
    label_file(open_cloud(tmp_path / "a.ply"), Targets(tmp_path / "b.ply"), predictor, CLASSES)
    np.testing.assert_array_equal(
        CLASSES.decode(columns["prediction"]), read_cloud(tmp_path / "b.ply").attributes["label"]
    )


def test_picture_without_display(store: SceneStore, tmp_path: Path) -> None:
    from PIL import Image

    name = store.scenes("val")[0]
    write_labels(tmp_path / f"{name}.txt", CLASSES.decode(labels(store, name)))
    visualize(
        tmp_path, f"store={store.root}", f"scenes=[{name}]", "prediction=.", "png=a.png", "width=200", "height=150"
    )
    picture = np.array(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    assert picture.shape[1] == 16 + 4 * 216  # color, truth, prediction, error
    panels = [picture[64:214, 16 + 216 * i : 216 + 216 * i] for i in range(4)]
    red = [(np.abs(panel - WRONG).sum(-1) < 60).sum() for panel in panels]
    assert red[3] > 100
    assert all((panel.std(axis=(0, 1)) > 10).all() for panel in panels)
    visualize(
        tmp_path, f"store={store.root}", "limit=2", "png=b.png", "layers=[truth]", "view=top", "width=200", "height=150"
    )
    picture = np.array(Image.open(tmp_path / "b.png"))
    assert picture.shape[1] == 16 + 216
    assert picture.shape[0] > 2 * 150


def spoil_label(path: Path, ids: np.ndarray) -> None:
    ids[4] = 4711
    write_labels(path, ids)


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        ([], ("missing-setting", "scene=", "checkpoint=")),
        (["store=STORE", "scenes=scene9999_00"], ("unknown-name", "scene9999_00", "it has 3")),
        (["store=STORE", "split=test"], ("nothing-there", "STORE/test")),
        (["store=STORE", "scene=a.ply"], ("conflicting-settings", "scene=", "store=")),
        (["store=nowhere"], ("not-a-store", "nowhere")),
        (["scene=nowhere"], ("missing-file", "nowhere")),
        (["scene=."], ("not-a-store", "coord.npy")),
        (["scene=cloud.obj"], ("wrong-format", "cloud.obj", ".obj", ".las")),
        (["scene=SCENE", "prediction=short.txt"], ("other-length", "SCENENAME", "prediction", "3 labels")),
        (["scene=SCENE", "prediction=strange.txt"], ("unknown-label", "strange.txt", "line 5", "4711", "scannet200")),
        (["scene=SCENE", "prediction=words.txt"], ("damaged-file", "words.txt", "line 2", "'chair'")),
        (["scene=SCENE", "prediction=labels.csv"], ("missing-column", "labels.csv", "1 columns", "x, y and z")),
        (["scene=SCENE", "prediction=cloud.obj"], ("wrong-format", "cloud.obj", "labels", ".txt", "not from .obj")),
        (["scene=SCENE", "prediction=gone.txt"], ("missing-file", "gone.txt")),
        (["scene=SCENE", "prediction=folder"], ("missing-scene", "folder", "SCENENAME.txt")),
        (["scene=SCENE", "prediction=bare.ply"], ("missing-column", "bare.ply", "'label'")),
        (["prediction=short.txt"], ("missing-setting", "short.txt", "scene=")),
        (["prediction=broken.ply"], ("damaged-file", "broken.ply", "header")),
        (["checkpoint=CHECKPOINT", "prediction=short.txt"], ("conflicting-settings", "checkpoint=", "prediction=")),
        (["checkpoint=CHECKPOINT", "taxonomy=scannet20"], ("other-taxonomy", "scannet200", "scannet20", "taxonomy=")),
        (["checkpoint=gone.ckpt"], ("missing-file", "gone.ckpt")),
        (["scene=SCENE", "taxonomy=scannet40"], ("unknown-name", "scannet40", "scannet200")),
        (["scene=SCENE", "html=a.htm"], ("bad-name", "html=a.htm", ".html")),
        (["scene=SCENE", "png=a.png", "view=sideways"], ("option", "view=sideways", "oblique")),
        (["scene=SCENE", "png=a.png", "layers=[depth]"], ("unknown-name", "'depth'", "truth")),
        (["scene=SCENE", "png=a.png", "width=0"], ("option", "width=0")),
        (["store=STORE", "limit=0"], ("option", "limit", "0")),
        (["scene=SCENE", "shown_points=0"], ("option", "shown_points=0")),
    ],
)
def test_mistakes(
    store: SceneStore, checkpoint: Path, tmp_path: Path, arguments: list[str], mistake: tuple[str, ...]
) -> None:
    name = store.scenes("val")[0]
    write_labels(tmp_path / "short.txt", np.array([1, 2, 3]))
    spoil_label(tmp_path / "strange.txt", CLASSES.decode(labels(store, name)))
    (tmp_path / "words.txt").write_text("1\nchair\n")
    (tmp_path / "labels.csv").write_text("1\n")
    (tmp_path / "cloud.obj").write_text("1 2 3\n")
    (tmp_path / "broken.ply").write_text("ply\nformat")
    (tmp_path / "folder").mkdir()
    write_ply(tmp_path / "bare.ply", {axis: np.zeros(3, np.float32) for axis in "xyz"})
    before = sorted(tmp_path.rglob("*"))
    places = {"STORE": str(store.root), "SCENENAME": name, "SCENE": str(store.root / "val" / name),
              "CHECKPOINT": str(checkpoint)}  # fmt: skip

    def filled(text: str) -> str:
        for word, place in places.items():
            text = re.sub(rf"\b{word}\b", place, text)
        return text

    given = [filled(argument) for argument in arguments]
    if not any(argument.startswith(("html=", "png=")) for argument in given):
        given.append("html=out.html")
    done = visualize(tmp_path, *given, code=2)
    assert_mistake(done, *(filled(word) for word in mistake))
    assert sorted(tmp_path.rglob("*")) == before


def test_window_without_display_says_what_else(
    store: SceneStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert_mistake(visualize(tmp_path, f"store={store.root}", code=2), "no-display", "html=FILE.html")


def test_a_display_that_nobody_answers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":9753")
    word = {"dead": "DISPLAY=:9753 does not answer", "libX11": "apt-get install libx11-6"}[display_lack()]
    assert_mistake(visualize(tmp_path, "store=nowhere", code=2), "no-display", word, "html=FILE.html")


def test_scenes_of_different_classes_do_not_share_a_page(store: SceneStore, tmp_path: Path) -> None:
    from pointnc.viewer.labeled_scene import LabeledScene
    from pointnc.viewer.page import write_page

    scene = store.load("val", store.scenes("val")[0])
    with raises("other-taxonomy", scene.name, "scannet200", "scannet20"):
        write_page(
            tmp_path / "a.html", [LabeledScene(scene, CLASSES), LabeledScene(scene, taxonomy("scannet20"))], 1000
        )
    assert not list(tmp_path.iterdir())
