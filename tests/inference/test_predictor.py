"""Full-resolution prediction against validation, brute force and itself untiled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pointnc.data import SceneDataset, collate, make_sample
from pointnc.data.transforms import CenterShift
from pointnc.inference import predictor as predictor_module
from pointnc.inference.labeler import label_points
from pointnc.inference.predictor import Predictor
from pointnc.inference.views import View, make_views
from pointnc.models.segmentor import Segmentor
from pointnc.scenes import Scene, SceneStore, Taxonomy
from pointnc.scenes.writing import write_scene
from tests.helpers.mistakes import raises
from tests.helpers.scenes import (
    VOXEL,
    ColorBackbone,
    InvariantBackbone,
    NeighborhoodBackbone,
    lattice_scene,
    random_scene,
    segmentor,
    unet,
)
from tests.oracles.voxels import voxel_lists

FAST = make_views([0, 90, 180, 270])
FULL = make_views([0, 90, 180, 270], [False, True], [0.95, 1.05])


def pass_sizes(model: nn.Module) -> list[int]:
    """Return a list to which every later pass adds its number of voxels."""
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    return sizes


def test_the_plain_view_gives_validation_s_labels(tmp_path: Path) -> None:
    taxonomy = Taxonomy.from_dict({"name": "five", "names": list("abcde"), "segment": "segment5"})
    for number in range(2):
        arrays = random_scene(900, seed=number).arrays()
        write_scene(tmp_path / "val" / f"scene{number}", {**arrays, "segment5": np.zeros(900, np.int64)})
    dataset = SceneDataset(SceneStore(tmp_path), "val", taxonomy, ["color", "coord"], VOXEL, full_resolution=True)
    model = unet(in_channels=6).eval()
    predictor = Predictor(model, ["color", "coord"], VOXEL)
    for number in range(2):
        batch = collate([dataset[number]])
        with torch.inference_mode():
            logits = model(batch).logits
        prediction = predictor.predict(dataset.scene(number))
        assert prediction.labels.dtype == np.int64
        assert prediction.confidence.dtype == np.float32
        assert np.array_equal(prediction.labels, label_points(logits, batch)[0].numpy())
        assert np.array_equal(prediction.confidence, logits.softmax(1).amax(1)[batch.inverse].numpy())
        assert len(np.unique(prediction.labels)) > 1
        assert prediction.passes == 1


def test_what_is_blind_to_turns_and_mirrors_labels_all_views_alike() -> None:
    model, scene = segmentor(InvariantBackbone()), lattice_scene()
    plain = Predictor(model, ["coord", "normal"], VOXEL)
    expected, scores = plain.predict(scene).labels, plain.scores(scene)
    assert len(np.unique(expected)) > 2
    for view in (*FAST, *(View(angle, True) for angle in (0, 90, 180, 270)), View(37), View(-141.5, True)):
        seen = Predictor(model, ["coord", "normal"], VOXEL, [view]).scores(scene)
        np.testing.assert_allclose(seen, scores, atol=1e-5)
    everything = Predictor(model, ["coord", "normal"], VOXEL, FULL[:8])
    np.testing.assert_allclose(everything.scores(scene), scores, atol=1e-5)
    assert np.array_equal(everything.predict(scene).labels, expected)


def test_views_are_averaged_with_equal_weight() -> None:
    model, scene = unet(), random_scene(700)
    parts = [Predictor(model, ["color"], VOXEL, [view]).scores(scene) for view in FULL]
    assert np.abs(parts[0] - parts[1]).max() > 0.01
    together = Predictor(model, ["color"], VOXEL, FULL)
    np.testing.assert_allclose(together.scores(scene), np.mean(parts, axis=0), atol=1e-6)
    prediction = together.predict(scene)
    assert prediction.passes == len(FULL)
    np.testing.assert_allclose(prediction.confidence, np.mean(parts, axis=0).max(axis=1), atol=1e-6)
    sure = np.sort(np.mean(parts, axis=0), axis=1)
    clear = sure[:, -1] - sure[:, -2] > 1e-5
    assert np.array_equal(prediction.labels[clear], np.mean(parts, axis=0).argmax(axis=1)[clear])


def brute_force_fragments(model: Segmentor, scene: Scene, features: Sequence[str]) -> tuple[np.ndarray, int]:
    """Return the scores of each point from the pass that it stood in, one small scene a pass, and the passes."""
    scene = CenterShift()(scene, np.random.default_rng())
    members = list(voxel_lists(scene.coord, VOXEL).values())
    passes = max(len(points) for points in members)
    scores = np.full((len(scene), model.head.out_features), np.nan)
    for turn in range(passes):
        chosen = np.array([points[turn % len(points)] for points in members])
        sample = make_sample(scene.select(chosen), features, VOXEL)
        assert len(sample.grid) == len(members)
        with torch.inference_mode():
            probabilities = model(collate([sample])).logits.softmax(1).numpy()
        for points, point, row in zip(members, chosen, probabilities):
            if turn < len(points):
                assert np.isnan(scores[point]).all()
                scores[point] = row
    return scores, passes


def test_fragments_equal_brute_force() -> None:
    scene = random_scene(500, extent=(1.0, 0.8, 0.4))
    for model, features in ((unet(), ["color"]), (segmentor(ColorBackbone()), ["normal"])):
        expected, passes = brute_force_fragments(model.eval(), scene, features)
        assert passes > 3
        predictor = Predictor(model, features, VOXEL, interpolation="fragments")
        np.testing.assert_allclose(predictor.scores(scene), expected, atol=1e-5)
        prediction = predictor.predict(scene)
        assert prediction.passes == passes
        assert np.array_equal(prediction.labels, predictor.scores(scene).argmax(axis=1))


def test_fragments_give_every_point_its_own_features() -> None:
    model, scene = segmentor(ColorBackbone()), random_scene(800, extent=(1.0, 0.8, 0.4))
    # A network that sees a voxel's own features only: the vote is that of the point alone, in every view.
    with torch.inference_mode():
        own = model.head(torch.from_numpy(scene.color / np.float32(127.5) - 1)).argmax(1).numpy()
    fragments = Predictor(model, ["color"], VOXEL, FAST, interpolation="fragments")
    nearest = Predictor(model, ["color"], VOXEL, FAST)
    assert np.array_equal(fragments.predict(scene).labels, own)
    assert (nearest.predict(scene).labels != own).mean() > 0.2


@pytest.mark.parametrize("interpolation", ["nearest", "fragments"])
@pytest.mark.parametrize("view", [View(), View(45, scale=0.8), View(-20, flip=True, scale=1.05)])
def test_tiles_equal_the_whole_where_the_network_looks_no_farther_than_the_halo(interpolation: str, view: View) -> None:
    model, scene = segmentor(NeighborhoodBackbone()), random_scene(2400, extent=(4.0, 2.0, 0.15), seed=3)
    common = {"views": [view, View(90)], "interpolation": interpolation}
    whole = Predictor(model, ["color"], VOXEL, **common).scores(scene)
    sizes = pass_sizes(model)
    tiled = Predictor(model, ["color"], VOXEL, max_points=1100, halo=model.backbone.radius * VOXEL, **common)
    np.testing.assert_allclose(tiled.scores(scene), whole, atol=1e-5)
    assert len(sizes) >= 8
    assert max(sizes) <= 1100
    short = Predictor(model, ["color"], VOXEL, max_points=1100, halo=0, **common)
    assert np.abs(short.scores(scene) - whole).max() > 0.01


def test_tiles_of_a_unet_equal_the_whole() -> None:
    model, scene = unet(), random_scene(3000, extent=(11.0, 6.0, 0.2), seed=3)
    views = (View(), View(20, True, 1.05))
    whole = Predictor(model, ["color"], VOXEL, views).scores(scene)
    sizes = pass_sizes(model)
    tiled = Predictor(model, ["color"], VOXEL, views, max_points=1200, halo=8 * VOXEL)
    np.testing.assert_allclose(tiled.scores(scene), whole, atol=1e-5)
    assert len(sizes) >= 4 * len(views)
    bare = Predictor(model, ["color"], VOXEL, views, max_points=1200, halo=0).scores(scene)
    assert np.abs(bare - whole).max() > 0.01


def test_tiles_out_of_step_with_the_scene_would_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    model, scene = unet(), random_scene(3000, extent=(11.0, 6.0, 0.2), seed=3)
    whole = Predictor(model, ["color"], VOXEL).scores(scene)
    tiled = Predictor(model, ["color"], VOXEL, max_points=1200, halo=8 * VOXEL)
    np.testing.assert_allclose(tiled.scores(scene), whole, atol=1e-5)
    monkeypatch.setattr(predictor_module, "ALIGNMENT", 1)
    assert np.abs(tiled.scores(scene) - whole).max() > 0.01


@pytest.mark.parametrize("interpolation", ["nearest", "fragments"])
@pytest.mark.parametrize("max_points", [120, 300, 10_000])
def test_every_pass_is_bounded_and_everything_repeats(interpolation: str, max_points: int) -> None:
    model, scene = segmentor(ColorBackbone()), random_scene(1000)
    sizes = pass_sizes(model)
    predictor = Predictor(model, ["color"], VOXEL, FAST, interpolation=interpolation, max_points=max_points, halo=VOXEL)
    first = predictor.predict(scene)
    assert max(sizes) <= max_points
    assert len(sizes) == first.passes
    assert (first.passes > 4) == (max_points < 1000 or interpolation == "fragments")
    second = predictor.predict(scene)
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.confidence, second.confidence)


@pytest.mark.parametrize("interpolation", ["nearest", "fragments"])
def test_a_scene_of_one_point(interpolation: str) -> None:
    scene = random_scene(1)
    for max_points in (1, 10):
        predictor = Predictor(unet(), ["color"], VOXEL, FULL, interpolation=interpolation, max_points=max_points)
        prediction = predictor.predict(scene)
        assert prediction.labels.shape == prediction.confidence.shape == (1,)
        assert prediction.passes == len(FULL)
        np.testing.assert_allclose(predictor.scores(scene).sum(), 1, atol=1e-6)


def test_classes_that_nothing_belongs_to() -> None:
    model, scene = segmentor(ColorBackbone()), random_scene(300)
    with torch.no_grad():
        model.head.bias[[0, 3]] = -torch.inf
    prediction = Predictor(model, ["color"], VOXEL, FAST).predict(scene)
    assert not np.isin(prediction.labels, [0, 3]).any()
    assert np.isfinite(prediction.confidence).all()
    single = Predictor(segmentor(ColorBackbone(), 1), ["color"], VOXEL, FAST).predict(scene)
    assert (single.labels == 0).all()
    assert np.array_equal(single.confidence, np.ones(300, np.float32))


def test_maps_of_files_do(tmp_path: Path) -> None:
    scene = random_scene(500)
    for key, array in scene.arrays().items():
        np.save(tmp_path / f"{key}.npy", array)
    mapped = Scene("mapped", **{key: np.load(tmp_path / f"{key}.npy", mmap_mode="r") for key in scene.arrays()})
    predictor = Predictor(segmentor(ColorBackbone()), ["color"], VOXEL, FAST, max_points=300, halo=VOXEL)
    mine, theirs = predictor.predict(mapped), predictor.predict(scene)
    assert np.array_equal(mine.labels, theirs.labels)
    assert type(mine.labels) is np.ndarray


def test_the_model_is_left_as_it_was() -> None:
    model = unet().train()
    model.backbone.stem.eval()  # a part that somebody froze
    modes = [module.training for module in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    Predictor(model, ["color"], VOXEL).predict(random_scene())
    with raises("missing-array", "room", "color", "dataset.features=[coord]"):
        Predictor(model, ["color"], VOXEL).predict(random_scene().replace(color=None))
    with raises("too-dense", "max_points=50"):
        Predictor(model, ["color"], VOXEL, max_points=50).predict(random_scene())
    assert [module.training for module in model.modules()] == modes
    assert not torch.is_inference_mode_enabled()
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key
    batch = collate([make_sample(random_scene(), ["color"], VOXEL)])
    model(batch).logits.sum().backward()
    assert model.head.weight.grad is not None


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        ({"features": ["colour"]}, ("unknown-name", "dataset.features", "'colour'")),
        ({"views": ()}, ("option", "tta=none")),
        ({"interpolation": "cubic"}, ("option", "nearest, fragments", "'cubic'")),
        ({"max_points": 0}, ("option", "max_points", "0")),
        ({"halo": -1.0}, ("option", "halo", -1)),
        ({"half": True}, ("no-device", "half=false", "cpu")),
    ],
)
def test_mistakes_are_named(wrong: dict, mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        Predictor(**{"model": segmentor(ColorBackbone()), "features": ["color"], "voxel_size": VOXEL, **wrong})


def test_scenes_that_cannot_be_labeled_are_named() -> None:
    predictor = Predictor(segmentor(ColorBackbone()), ["color"], VOXEL)
    with raises("no-points", "room"):
        predictor.predict(random_scene().select(slice(0)))
    far = random_scene(2)
    far = far.replace(coord=np.array([[0, 0, 0], [9e7, 0, 0]], np.float32))
    with raises("too-far", "room"):
        predictor.predict(far)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_and_half_precision_agree_with_the_cpu() -> None:
    scene = random_scene(3000, extent=(11.0, 6.0, 0.2), seed=3)
    expected = Predictor(unet(), ["color"], VOXEL, FULL).scores(scene)
    for half, tolerance in ((False, 1e-3), (True, 3e-2)):
        for interpolation in ("nearest", "fragments"):
            predictor = Predictor(unet(), ["color"], VOXEL, FULL, interpolation=interpolation, device="cuda", half=half)
            if interpolation == "nearest":
                np.testing.assert_allclose(predictor.scores(scene), expected, atol=tolerance)
            tiled = Predictor(
                unet(),
                ["color"],
                VOXEL,
                FULL,
                interpolation=interpolation,
                max_points=1500,
                halo=8 * VOXEL,
                device="cuda",
                half=half,
            )
            np.testing.assert_allclose(tiled.scores(scene), predictor.scores(scene), atol=tolerance)
