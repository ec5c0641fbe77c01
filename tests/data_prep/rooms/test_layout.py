"""Furnished rooms: everything stands, rests or hangs where such things do, and nothing runs into anything.

The oracle for collisions is the winding number of a point about a closed mesh (van Oosterom and Strackee, 1983),
which knows nothing of the boxes by which the layout keeps objects apart.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from data_prep.rooms.footprints import boxes_at, overlap, part_bounds
from data_prep.rooms.frequency import PLANS
from data_prep.rooms.layout import make_room
from data_prep.rooms.recipes import RECIPES
from data_prep.rooms.room import KINDS, PlacedObject, Room
from data_prep.rooms.shapes import Mesh, box, join
from pointnc.benchmarks.scannet import taxonomy
from tests.helpers.mistakes import raises

SHELL = 6
FREE_SEEDS = 24
SAME_KIND = 4


@pytest.fixture(scope="module")
def rooms() -> list[Room]:
    made = [make_room(f"scene{seed}", np.random.default_rng(seed)) for seed in range(FREE_SEEDS)]
    for kind in KINDS:
        made += [make_room(kind, np.random.default_rng(100 + seed), kind) for seed in range(SAME_KIND)]
    return made


def furniture(room: Room) -> list[tuple[int, PlacedObject]]:
    return list(enumerate(room.objects))[SHELL:]


def winding(points: NDArray[np.float64], mesh: Mesh) -> NDArray[np.float64]:
    """(P,) 1 for points inside a closed mesh, 0 outside."""
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces][None] - points[:, None, None], 2, 0)
    la, lb, lc = (np.linalg.norm(corner, axis=-1) for corner in (a, b, c))
    solid = np.einsum("pfi,pfi->pf", a, np.cross(b, c))
    rest = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return np.arctan2(solid, rest).sum(axis=1) / (2 * np.pi)


def surface_points(mesh: Mesh) -> NDArray[np.float64]:
    """(P, 3) vertices and 400 points drawn evenly from the surface."""
    rng = np.random.default_rng(0)
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    face = rng.choice(len(area), 400, p=area / area.sum())
    u, v = np.sort(rng.random((2, 400)), axis=0)[..., None]
    return np.concatenate([mesh.vertices, u * a[face] + (v - u) * b[face] + (1 - v) * c[face]])


def share_inside(one: PlacedObject, other: PlacedObject) -> float:
    """Share of an object's surface that lies inside another."""
    low, high = other.mesh.bounds
    points = surface_points(one.mesh)
    count = len(points)
    points = points[((points > low) & (points < high)).all(axis=1)]
    if len(points) == 0:
        return 0.0
    chunks = np.array_split(points, len(points) // 100 + 1)
    return float(sum((winding(chunk, other.mesh) > 0.5).sum() for chunk in chunks) / count)


def test_the_shell_comes_first_and_looks_into_the_room(rooms: list[Room]) -> None:
    for room in rooms[:12]:
        assert [item.label for item in room.objects[:SHELL]] == ["floor", "ceiling"] + ["wall"] * 4
        middle = np.array(room.size) / 2
        area = 0.0
        for item in room.objects[:SHELL]:
            assert (item.support, item.contact) == (None, "structure")
            a, b, c = np.moveaxis(item.mesh.vertices[item.mesh.faces], 1, 0)
            normal = np.cross(b - a, c - a)
            assert (np.einsum("ij,ij->i", normal, middle - a) > 0).all()
            area += np.linalg.norm(normal, axis=1).sum() / 2
        x, y, z = room.size
        assert area == pytest.approx(2 * (x * y + x * z + y * z))


def test_everything_is_inside_the_room(rooms: list[Room]) -> None:
    for room in rooms:
        for _, item in furniture(room):
            low, high = item.mesh.bounds
            assert (low > -0.0011).all(), (room.name, item.label)
            assert (high < np.array(room.size) + 0.0011).all(), (room.name, item.label)


def test_everything_touches_what_carries_it(rooms: list[Room]) -> None:
    for room in rooms:
        for index, item in furniture(room):
            assert item.support is not None
            assert item.support < index
            carrier = room.objects[item.support]
            low, high = item.mesh.bounds
            recipe = RECIPES[item.label]
            if item.contact == "floor":
                assert carrier.label == "floor"
                assert abs(low[2]) < 0.001, item.label
            elif item.contact == "ceiling":
                assert carrier.label == "ceiling"
                assert abs(high[2] - room.size[2]) < 0.001
            elif item.contact == "wall":
                assert carrier.label == "wall"
                wall = carrier.mesh.bounds
                axis = int((wall[1] - wall[0]).argmin())
                gap = np.abs(item.mesh.bounds[:, axis] - wall[0, axis]).min()
                # A curtain hangs on a rod before its window, off the wall.
                assert gap < (0.15 if recipe.fits else 0.001), (item.label, gap)
            else:
                assert item.contact == "top"
                if recipe.fits:
                    continue
                assert carrier.label in recipe.on
                # The carrier has an upward face at that height: within its extent, not in the air beside it.
                a, b, c = np.moveaxis(carrier.mesh.vertices[carrier.mesh.faces], 1, 0)
                up = np.cross(b - a, c - a)[:, 2] > 1e-9
                height = np.stack([a, b, c])[:, up, 2]
                assert np.abs(height - low[2]).min() < 0.02, (item.label, carrier.label)
                base = carrier.mesh.bounds
                assert (low[:2] > base[0, :2] - 0.011).all(), (item.label, carrier.label)
                assert (high[:2] < base[1, :2] + 0.011).all(), (item.label, carrier.label)


def test_nothing_runs_into_anything(rooms: list[Room]) -> None:
    looked_at = 0
    for room in rooms[:10] + rooms[FREE_SEEDS::3]:
        bounds = np.stack([item.mesh.bounds for item in room.objects])
        for index, item in furniture(room):
            for other_index, other in furniture(room):
                pair = RECIPES[item.label], RECIPES[other.label]
                own = item.support == other_index or other.support == index
                made_to_fit = item.label in pair[1].fits or other.label in pair[0].fits
                if index == other_index or own or made_to_fit:
                    continue
                low = np.maximum(bounds[index, 0], bounds[other_index, 0])
                high = np.minimum(bounds[index, 1], bounds[other_index, 1])
                if (high - low > 0.002).all():
                    looked_at += 1
                    assert share_inside(item, other) < 0.02, (room.name, room.kind, item.label, other.label)
    assert looked_at > 20  # chairs at tables, things under other things


def test_the_oracle_for_collisions_sees_a_chair_in_a_table() -> None:
    red = (255.0, 0.0, 0.0)

    def chair(x: float) -> PlacedObject:
        return PlacedObject("chair", box((0.4, 0.4, 0.9), red, (x, 0, 0)), 0, "floor")

    top = join(box((1, 1, 0.1), red, (0, 0, 0.6)), box((0.1, 0.1, 0.6), red, (0.45, 0.45, 0)))
    table = PlacedObject("table", top, 0, "floor")
    # The top takes a slice of 0.1 m of the sides, 1.44 of 1.76 square meters 0.9 m high.
    assert share_inside(chair(0), table) == pytest.approx(0.09, abs=0.03)
    assert share_inside(chair(2), table) == 0


def test_things_of_one_surface_keep_apart_in_plan(rooms: list[Room]) -> None:
    pairs = 0
    for room in rooms:
        tops = [(i, item) for i, item in furniture(room) if item.contact == "top" and not RECIPES[item.label].fits]
        for i, item in tops:
            for j, other in tops:
                same = item.support == other.support and abs(item.mesh.bounds[0, 2] - other.mesh.bounds[0, 2]) < 1e-6
                if i < j and same:
                    pairs += 1
                    assert share_inside(item, other) == 0
    assert pairs > 50


def test_way_in_front_of_doors_is_clear(rooms: list[Room]) -> None:
    for room in rooms:
        for _, door in furniture(room):
            if door.label != "door":
                continue
            low, high = door.mesh.bounds
            axis = int((high - low)[:2].argmin())
            side = 1 if low[axis] < 0.01 else -1
            front = high[axis] if side == 1 else low[axis]
            for _, item in furniture(room):
                start, end = item.mesh.bounds
                across = 1 - axis
                in_line = end[across] > low[across] + 0.01 and start[across] < high[across] - 0.01
                near = start[axis] < front + 0.5 and end[axis] > front - 0.5
                if in_line and near and item.contact == "floor":
                    assert end[2] < 0.06 or item.label == "door", (room.name, item.label)  # a mat


def test_equal_seeds_make_equal_rooms_and_others_do_not(rooms: list[Room]) -> None:
    for number, kind in enumerate(KINDS):
        one, other = rooms[FREE_SEEDS + SAME_KIND * number :][:2]
        again = make_room(kind, np.random.default_rng(100), kind)
        assert one.size == again.size != other.size
        assert [(o.label, o.support, o.contact) for o in one.objects] == [
            (o.label, o.support, o.contact) for o in again.objects
        ]
        for left, right in zip(one.objects, again.objects):
            np.testing.assert_array_equal(left.mesh.vertices, right.mesh.vertices)
            np.testing.assert_array_equal(left.mesh.color, right.mesh.color)


def test_unknown_kind_is_named() -> None:
    with raises("unknown-name", "'attic'", "office"):
        make_room("a", np.random.default_rng(0), "attic")


def test_kinds_and_sizes_vary_within_bounds(rooms: list[Room]) -> None:
    assert {room.kind for room in rooms[:FREE_SEEDS]} == set(KINDS)
    assert len({room.size for room in rooms}) == len(rooms)
    for room in rooms:
        x, y, z = room.size
        plan = PLANS[room.kind]
        assert plan.short[0] <= min(x, y) <= max(x, y) <= plan.long[1]
        assert plan.height[0] <= z <= plan.height[1]
        # Bounds the vertices of a scan at 2.5 cm: two triangles a cell of surface, furniture about doubles it.
        assert 2 * (x * y + x * z + y * z) < 105
        assert sum(len(item.mesh.faces) for item in room.objects) < 60_000
        assert len(room.objects) >= 20


def test_rooms_hold_what_makes_them_rooms(rooms: list[Room]) -> None:
    essential = {
        "office": ("desk", "office chair", "monitor"),
        "bedroom": ("bed", "pillow"),
        "kitchen": ("kitchen counter", "sink", "refrigerator"),
        "bathroom": ("toilet", "sink"),
        "living room": ("couch",),
        "corridor": (),
    }
    for kind, names in essential.items():
        held = [{item.label for item in room.objects} for room in rooms if room.kind == kind]
        for name in (*names, "door"):
            assert np.mean([name in labels for labels in held]) > 0.8, (kind, name)


def test_no_class_exceeds_its_limit_and_nothing_stands_where_it_does_not_belong(rooms: list[Room]) -> None:
    carried: dict[str, set[str]] = {}
    for room in rooms:
        for label, count in Counter(item.label for _, item in furniture(room)).items():
            assert count <= RECIPES[label].most
            assert RECIPES[label].fits or RECIPES[label].rooms.get(room.kind, 0) > 0
        for _, item in furniture(room):
            if item.contact == "top":
                carried.setdefault(item.label, set()).add(room.objects[item.support or 0].label)
    assert carried["keyboard"] <= {"desk", "table", "coffee table", "computer desk", "dining table"}
    assert carried["pillow"] <= {"bed", "couch", "mattress", "sofa chair", "armchair"}


def test_frequencies_have_a_long_tail(rooms: list[Room]) -> None:
    groups = dict(zip(taxonomy("scannet200").names, taxonomy("scannet200").groups))
    labels = Counter(item.label for room in rooms for item in room.objects)
    mass = Counter(dict.fromkeys(("head", "common", "tail"), 0))
    for label, count in labels.items():
        mass[groups[label]] += count
    assert mass["head"] > mass["common"] > mass["tail"] > 0
    assert len(labels) >= 60
    furnishing = Counter({label: count for label, count in labels.items() if label in RECIPES})
    assert furnishing.most_common(1)[0][1] > 20 * min(furnishing.values())


def test_overlap_of_turned_boxes_is_exact() -> None:
    rng = np.random.default_rng(0)
    one = np.column_stack([rng.uniform(-1, 1, (40, 2)), rng.uniform(0.1, 0.6, (40, 2)), rng.uniform(0, 6, 40)])
    one = np.column_stack([one, np.zeros(40), np.ones(40)])
    other = one[::-1].copy()
    found = overlap(one, other, 0.0)
    # Oracle: a fine grid of points of each box, looked up in the other; it misses only overlaps of slivers.
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 41)] * 2), axis=-1).reshape(-1, 2)

    def inside(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
        turn = np.array([[np.cos(a[4]), -np.sin(a[4])], [np.sin(a[4]), np.cos(a[4])]])
        back = np.array([[np.cos(b[4]), np.sin(b[4])], [-np.sin(b[4]), np.cos(b[4])]])
        points = ((grid * a[2:4]) @ turn.T + a[:2] - b[:2]) @ back.T
        return bool((np.abs(points) < b[2:4]).all(axis=1).any())

    expected = np.array([[inside(a, b) or inside(b, a) for b in other] for a in one])
    assert not (expected & ~found).any()
    assert (found & ~expected).mean() < 0.02
    assert 0.2 < expected.mean() < 0.9
    above = other.copy()
    above[:, 5:] += 1
    assert not overlap(one, above).any()


def test_parts_are_those_that_a_mesh_was_joined_of() -> None:
    red = (255.0, 0.0, 0.0)
    parts = [box((1, 1, 1), red, (i, 2 * i, 0)) for i in range(4)]
    found = part_bounds(join(*parts))
    np.testing.assert_allclose(found, np.stack([part.bounds for part in parts]))
    pose = np.array([1.0, 2.0, 3.0, np.pi / 2])
    moved = join(*parts).turned(np.pi / 2).moved(1, 2, 3)
    boxes = boxes_at(found, pose)
    np.testing.assert_allclose(boxes[:, :2], np.stack([part.bounds.mean(0)[:2] for part in _split(moved, 4)]))
    np.testing.assert_allclose(boxes[:, 5:], [(3, 4)] * 4)


def _split(mesh: Mesh, count: int) -> list[Mesh]:
    return [Mesh(part, mesh.faces, mesh.color) for part in np.split(mesh.vertices, count)]
