"""Objects of rare classes in other scenes: where they come to stand, and that nothing else changes."""

import numpy as np
import pytest

from pointnc.data import SceneDataset, collate
from pointnc.data.device import DevicePipeline
from pointnc.data.insertion import InstanceInsertion, add, upright
from pointnc.data.instance_bank import InstanceBank, instances
from pointnc.data.placement import TOLERANCE, Supports, floor_height
from pointnc.data.transforms import CenterShift, Compose, RandomRotate
from pointnc.scenes import Scene, SceneStore, Taxonomy
from pointnc.scenes.writing import write_scene
from tests.helpers.mistakes import raises

GROUPED = {
    "name": "four",
    "names": ["table", "floor", "bin", "lamp"],
    "groups": ["head", "head", "tail", "tail"],
    "segment": "segment4",
}
TABLE, FLOOR, BIN, LAMP = range(4)


def box(corner, size, label, number, spacing=0.02):
    """Points of the top and of the four sides of a box; sides face outward."""
    size = np.array(size)
    steps = [np.arange(int(edge / spacing) + 1) * spacing for edge in size]
    parts = []
    x, y = (grid.ravel() for grid in np.meshgrid(steps[0], steps[1]))
    parts.append((np.stack([x, y, np.full(len(x), size[2])], 1), (0, 0, 1)))
    for axis in (0, 1):
        other = 1 - axis
        a, z = (grid.ravel() for grid in np.meshgrid(steps[other], steps[2]))
        for side in (0, 1):
            coord = np.empty((len(a), 3))
            coord[:, axis], coord[:, other], coord[:, 2] = side * size[axis], a, z
            normal = np.zeros(3)
            normal[axis] = 2 * side - 1
            parts.append((coord, normal))
    coord = np.concatenate([coord for coord, _ in parts]) + corner
    normal = np.concatenate([np.broadcast_to(normal, coord.shape) for coord, normal in parts])
    return coord, normal, np.full(len(coord), label), np.full(len(coord), number)


def sheet(size, spacing=0.02):
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(0, size[0], spacing), np.arange(0, size[1], spacing)))
    coord = np.stack([x, y, np.zeros(len(x))], 1)
    return coord, np.broadcast_to((0, 0, 1), coord.shape), np.full(len(coord), FLOOR), np.full(len(coord), 0)


def room(name="room", *boxes, size=(3, 2)):
    parts = [sheet(size), *(box(*arguments, number + 1) for number, arguments in enumerate(boxes))]
    coord, normal, semantic, instance = (np.concatenate(columns) for columns in zip(*parts))
    color = np.random.default_rng(0).integers(0, 255, coord.shape)
    return Scene(name, coord.astype(np.float32), color.astype(np.uint8), normal.astype(np.float32), semantic, instance)


TABLE_BOX = ((0.3, 0.3, 0), (0.9, 0.7, 0.7), TABLE)
BIN_BOX = ((2.2, 1.2, 0), (0.3, 0.2, 0.3), BIN)
LAMP_BOX = ((0.5, 0.5, 0.7), (0.16, 0.1, 0.3), LAMP)


@pytest.fixture
def store(tmp_path):
    scenes = [room("full", TABLE_BOX, BIN_BOX, LAMP_BOX), room("plain", TABLE_BOX), room("empty")]
    for scene in scenes:
        arrays = scene.arrays()
        arrays["segment4"] = arrays.pop("semantic")
        write_scene(tmp_path / "train" / scene.name, arrays)
    return SceneStore(tmp_path)


@pytest.fixture
def taxonomy():
    return Taxonomy.from_dict(GROUPED)


@pytest.fixture
def plain(store):
    scene = store.load("train", "plain", "segment4")
    return scene.replace(**{key: np.asarray(value) for key, value in scene.arrays().items()})


def pasted(before, after):
    """The inserted objects, one scene each."""
    numbers = np.unique(after.instance[len(before) :])
    assert not set(numbers) & set(before.instance)
    return [after.select(np.flatnonzero(after.instance == number)) for number in numbers]


def test_objects_stand_free_on_a_surface_and_keep_their_shape(store, taxonomy, plain):
    insertion = InstanceInsertion.of_groups(store, "train", taxonomy, count=3, tries=64)
    originals = {
        one.label: insertion.bank.read(one)[0] for members in insertion.bank.by_label.values() for one in members
    }
    assert set(originals) == {BIN, LAMP}
    places = {BIN: [], LAMP: []}
    for seed in range(12):
        result = insertion(plain, np.random.default_rng(seed))
        for key, value in plain.arrays().items():
            np.testing.assert_array_equal(result.arrays()[key][: len(plain)], value)
        for one in pasted(plain, result):
            original = originals[label := int(one.semantic[0])]
            assert (one.semantic == label).all()
            np.testing.assert_array_equal(one.color, original.color)
            np.testing.assert_allclose(
                one.coord[:, 2] - one.coord[:, 2].min(), original.coord[:, 2] - original.coord[:, 2].min(), atol=1e-5
            )
            for row in (0, len(one) // 2):  # a rigid motion: distances and angles to normals stay
                assert_same_distances(one.coord, original.coord, row)
                ours = (one.normal * (one.coord - one.coord[row])).sum(1)
                theirs = (original.normal * (original.coord - original.coord[row])).sum(1)
                np.testing.assert_allclose(ours, theirs, atol=1e-4)
            base = one.coord[:, 2].min()
            assert min(abs(base), abs(base - 0.7)) < 1e-3
            low, high = one.coord.min(0), one.coord.max(0)
            others = np.delete(result.coord, np.flatnonzero(result.instance == one.instance[0]), axis=0)
            inside = ((others[:, :2] >= low[:2]) & (others[:, :2] <= high[:2])).all(1)
            inside &= (others[:, 2] > base + TOLERANCE + 1e-4) & (others[:, 2] < high[2])
            assert not inside.any()
            places[label].append(base > 0.5)
    assert np.mean(places[BIN]) < 0.3 and np.mean(places[LAMP]) > 0.5, "bins stand on the floor, lamps on tables"


def assert_same_distances(one, other, row):
    np.testing.assert_allclose(
        np.linalg.norm(one - one[row], axis=1), np.linalg.norm(other - other[row], axis=1), atol=1e-4
    )


def test_free_places_are_those_of_a_slow_search():
    scene = room("room", TABLE_BOX, size=(2, 1.5))
    thing = room("x", ((0, 0, 0), (0.2, 0.15, 0.25), LAMP))
    thing = upright(thing.select(np.flatnonzero(thing.semantic == LAMP)), 0.4)
    supports = Supports(scene)
    rng = np.random.default_rng(0)
    answers = set()
    for point in rng.integers(len(scene), size=60):
        place = scene.coord[point]
        answers.add(supports.is_free(thing.coord, place))
        assert supports.is_free(thing.coord, place) == slow_is_free(scene.coord, thing.coord, place)
    assert answers == {False, True}


def slow_is_free(scene, coord, place, cell=0.05):
    half = np.abs(coord[:, :2]).max(0)
    counts = [max(1, int(np.ceil(2 * h / cell))) for h in half.tolist()]
    covered = set()
    for x, y, z in scene.tolist():
        dx, dy, dz = x - float(place[0]), y - float(place[1]), z - float(place[2])
        if abs(dx) > half[0] or abs(dy) > half[1]:
            continue
        if TOLERANCE < dz < coord[:, 2].max() + TOLERANCE:
            return False
        if abs(dz) <= TOLERANCE:
            covered.add(
                tuple(min(int((d + h) / (2 * h) * n), n - 1) for d, h, n in zip((dx, dy), half.tolist(), counts))
            )
    return len(covered) >= 0.6 * counts[0] * counts[1]


def test_crowded_scene_stays_as_it_is(store, taxonomy):
    insertion = InstanceInsertion.of_groups(store, "train", taxonomy, count=4)
    crowded = room("tiny", size=(0.06, 0.06))
    assert insertion(crowded, np.random.default_rng(0)) is crowded


def test_scene_without_normals_is_served_too(store, taxonomy, plain):
    insertion = InstanceInsertion.of_groups(store, "train", taxonomy, count=4, tries=64)
    result = insertion(plain.replace(normal=None), np.random.default_rng(3))
    assert len(result) > len(plain) and result.normal is None


def test_every_class_is_as_likely_however_many_instances(store, taxonomy):
    bank = InstanceBank(store, "train", taxonomy, [TABLE, LAMP])
    assert len(bank) == 3 and len(bank.by_label[TABLE]) == 2
    rng = np.random.default_rng(0)
    share = np.mean([bank.draw(rng).label == LAMP for _ in range(2000)])
    assert abs(share - 0.5) < 0.05


def test_instances_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    scene = Scene("s", rng.random((500, 3)), semantic=rng.integers(-1, 4, 500), instance=rng.integers(-1, 30, 500))
    scene = scene.replace(semantic=np.where(scene.instance >= 0, scene.instance % 4, -1))
    wanted = np.array([True, False, True, False, False])
    found = {(one.label, tuple(one.points)) for one in instances(scene, wanted, 12)}
    expected = set()
    for number in range(30):
        rows = tuple(np.flatnonzero(scene.instance == number))
        if number % 4 in (0, 2) and len(rows) >= 12:
            expected.add((number % 4, rows))
    assert found == expected and expected


def test_samples_are_repeatable_and_equal_on_the_device(store, taxonomy):
    insertion = InstanceInsertion.of_groups(store, "train", taxonomy, count=3)
    dataset = SceneDataset(
        store, "train", taxonomy, ("color", "normal"), 0.05, Compose([CenterShift(), RandomRotate()]),
        mix_probability=0.5, insertion=insertion,
    )  # fmt: skip
    pipeline = DevicePipeline(dataset)
    for epoch in range(2):
        keys = [(epoch, index) for index in range(3)]
        expected = collate([dataset[key] for key in keys])
        batch = pipeline.prepare(pipeline.collate([pipeline[key] for key in keys]))
        assert (batch.coord == expected.coord).all() and (batch.segment == expected.segment).all()
        assert set(expected.segment.unique().tolist()) >= {BIN, LAMP}


def test_mistakes_are_named(store, taxonomy, tmp_path):
    for options, mistake in (
        ({"groups": ["rare"]}, ("option", "insertion.groups=['rare']")),
        ({"groups": []}, ("option", "insertion.groups=[]")),
        ({"groups": ["common"]}, ("missing-array", "insertion", "train")),
        ({"count": 0}, ("option", "count=0")),
        ({"p": 1.5}, ("option", "p=1.5")),
    ):
        with raises(*mistake):
            InstanceInsertion.of_groups(store, "train", taxonomy, **options)
    (tmp_path / "train" / "full" / "instance.npy").unlink()
    with raises("missing-array", "full", "instance.npy"):
        InstanceInsertion.of_groups(store, "train", taxonomy)
    with raises("missing-array", "room", "normal", "thing"):
        add(room(), [room("thing").replace(normal=None)])
    with pytest.raises(ValueError, match="full-resolution"):
        SceneDataset(
            store, "train", taxonomy, ("color",), 0.05, insertion=lambda scene, rng: scene, full_resolution=True
        )


def test_floor_is_found_beneath_stray_points():
    coord = room("room", TABLE_BOX).coord
    assert abs(floor_height(np.concatenate([coord, [[0, 0, -3.0]]]))) < 0.01
