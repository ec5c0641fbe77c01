import numpy as np
import pytest

from pointnc.data.dataset import SceneDataset
from pointnc.data.transforms import CenterShift, Compose, RandomJitter, SphereCrop
from pointnc.scenes import SceneStore, Taxonomy
from pointnc.scenes.writing import write_manifest
from tests.helpers.mistakes import raises
from tests.oracles.voxels import voxel_lists

FEATURES = ("color", "normal")
AUGMENTATION = Compose([CenterShift(), SphereCrop(250), RandomJitter()])


@pytest.fixture
def make_dataset(make_store, taxonomy):
    def make(store=None, split="train", **options):
        store = store or make_store(split=split)
        return SceneDataset(store, split, taxonomy, FEATURES, 0.2, **options)

    return make


def equal(one, other):
    return all(np.array_equal(value, vars(other)[key]) for key, value in vars(one).items())


def test_sample_is_a_function_of_seed_epoch_and_index(make_dataset, make_store):
    store = make_store()
    options = {"transforms": AUGMENTATION, "mix_probability": 0.5, "representative": "random"}
    one, other = make_dataset(store, **options), make_dataset(store, **options)
    keys = [(epoch, index) for epoch in range(3) for index in range(len(one))]
    samples = {key: one[key] for key in keys}
    for key in reversed(keys):
        assert equal(samples[key], other[key])
    assert not equal(samples[0, 0], samples[1, 0])
    assert not equal(samples[0, 0], make_dataset(store, seed=1, **options)[0, 0])
    assert equal(one[2], one[0, 2])


def test_full_resolution_is_whole_and_the_same_in_every_epoch(make_dataset):
    dataset = make_dataset(full_resolution=True, representative="random")
    for index in range(len(dataset)):
        sample, scene = dataset[0, index], dataset.scene(index)
        assert equal(sample, dataset[7, index])
        assert len(sample.inverse) == len(sample.point_segment) == len(scene)
        np.testing.assert_array_equal(sample.point_segment, scene.semantic)
        centered = CenterShift()(scene, np.random.default_rng(0))
        assert sample.grid[sample.inverse].tolist() == [
            list(cell)
            for cell in np.floor(centered.coord / np.float32(0.2)).astype(int)
            - np.floor(centered.coord.min(axis=0) / np.float32(0.2)).astype(int)
        ]


def test_without_transforms_features_are_centered(make_store, taxonomy):
    dataset = SceneDataset(make_store(), "train", taxonomy, ("coord",), 0.001)
    coord = dataset[0].features
    assert abs(coord[:, 0].min() + coord[:, 0].max()) < 1e-5 and coord[:, 2].min() == 0


def test_mixing_unites_with_another_scene(make_dataset):
    dataset = make_dataset(mix_probability=1.0)
    partners = set()
    for epoch in range(30):
        first, second = dataset[epoch, 2].name.split("+")
        assert first == "scene2" and second != "scene2"
        partners.add(second)
    assert partners == {"scene0", "scene1", "scene3", "scene4"}
    mixed = [("+" in make_dataset(dataset.store, mix_probability=0.3)[epoch, 0].name) for epoch in range(200)]
    assert 35 < sum(mixed) < 90
    points = [make_dataset(dataset.store, full_resolution=True)[i] for i in range(2)]
    assert len(dataset[0, 0].grid) <= sum(len(sample.grid) for sample in points) * 2


def test_a_single_scene_is_mixed_with_itself(make_dataset, make_store):
    assert make_dataset(make_store(1), mix_probability=1.0)[0, 0].name == "scene0+scene0"


@pytest.mark.parametrize("dtype", [np.int16, np.int64])
@pytest.mark.parametrize("stem", ["segment4", "segment"])
@pytest.mark.parametrize("column", [False, True])
def test_labels_as_pointcept_writes_them(dtype, stem, column, make_dataset, make_store, tmp_path):
    store = make_store(2)
    assert store.manifest is None
    labels = np.random.default_rng(0).integers(-1, 4, 300).astype(dtype)
    folder = tmp_path / "train" / "scene0"
    (folder / "segment4.npy").unlink()
    np.save(folder / f"{stem}.npy", labels[:, None] if column else labels)
    sample = make_dataset(store, full_resolution=True)[0]
    np.testing.assert_array_equal(sample.point_segment, labels)
    assert sample.segment.dtype == np.int64


def test_world_coordinates_in_double_keep_their_digits(make_dataset, make_store, tmp_path):
    store = make_store(2)
    path = tmp_path / "train" / "scene0" / "coord.npy"
    near = np.load(path)
    far = np.add(near, (4e5, 5e6, 300), dtype=np.float64)
    np.save(path, far)
    dataset = make_dataset(store)
    scene = dataset.scene(0)
    assert scene.coord.dtype == np.float32
    np.testing.assert_allclose(scene.coord, near - near.min(axis=0), atol=1e-6)
    np.testing.assert_allclose(scene.coord + scene.origin, far, atol=1e-6)
    assert len(voxel_lists(scene.coord, 0.2)) > 200


def test_arrays_are_views_of_the_files(make_dataset):
    scene = make_dataset().scene(0)
    for value in scene.arrays().values():
        assert type(value) is np.ndarray and not value.flags.writeable and not value.flags.owndata


@pytest.mark.parametrize(
    ("arrays", "mistake"),
    [
        ({"coord": np.full((300, 3), np.nan)}, ("not-finite", "scene0", "coord", "NaN", "300 of 300")),
        ({key: np.zeros((0, 3)) for key in ("coord", "color", "normal")}, ("no-points", "scene0")),
        ({"segment4": np.full(300, 4)}, ("unknown-label", "label 4", "4 classes", "scene0")),
        ({"segment4": np.full(300, -7)}, ("unknown-label", "label -7", "scene0", "segment4.npy")),
        ({"segment4": None}, ("no-labels", "scene0", "segment4.npy")),
        ({"segment4": np.zeros(299)}, ("other-length", "299 rows", "semantic", "scene0")),
        ({"normal": None}, ("missing-array", "scene0", "normal", "dataset.features=[color]")),
        ({"color": None, "normal": None}, ("missing-array", "dataset.features=[coord]")),
    ],
)
def test_damaged_scenes_are_named(arrays, mistake, make_dataset, make_store):
    with raises(*mistake):
        make_dataset(make_store(2, **arrays))[0]


def test_truncated_file_is_named(make_dataset, make_store, tmp_path):
    dataset = make_dataset(make_store(2))
    path = tmp_path / "train" / "scene1" / "coord.npy"
    path.write_bytes(path.read_bytes()[:200])
    with raises("damaged-file", "scene1", "coord.npy"):
        dataset[1]


def test_full_resolution_needs_no_labels(make_dataset, make_store):
    sample = make_dataset(make_store(2, segment4=None), full_resolution=True)[0]
    assert sample.segment is None and sample.point_segment is None and len(sample.inverse) == 300


def test_mistakes_of_the_configuration(make_dataset, make_store, taxonomy, tmp_path):
    store = make_store(2)
    with raises("nothing-there", tmp_path / "val"):
        SceneDataset(store, "val", taxonomy, FEATURES, 0.2)
    with raises("unknown-name", "'rgb'", "dataset.features"):
        SceneDataset(store, "train", taxonomy, ["rgb"], 0.2)
    with pytest.raises(ValueError, match="neither augmented nor mixed"):
        make_dataset(store, full_resolution=True, transforms=AUGMENTATION)
    other = Taxonomy.from_dict({"name": "other", "names": ["a", "b", "c", "d"], "segment": "segment4"})
    write_manifest(tmp_path, [other], "test")
    with raises("other-taxonomy", "segment4", "class 0", "'a'"):
        make_dataset(SceneStore(tmp_path))
