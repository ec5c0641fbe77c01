"""A furnished room of planes and boxes, sampled evenly, with normals, colors and labels."""

import numpy as np

from pointnc.benchmarks.scannet import taxonomy
from pointnc.scenes import Scene, Taxonomy


def rectangle(rng, corner, edge_a, edge_b, spacing):
    """Points and unit normals of a parallelogram; the normal is edge_a x edge_b."""
    a, b = np.asarray(edge_a, float), np.asarray(edge_b, float)
    normal = np.cross(a, b)
    area = np.linalg.norm(normal)
    steps = [max(int(np.linalg.norm(edge) / spacing), 1) for edge in (a, b)]
    grid = np.stack(np.meshgrid(*map(np.arange, steps), indexing="ij"), -1).reshape(-1, 2)
    where = (grid + rng.random(grid.shape)) / steps
    points = np.asarray(corner) + where[:, :1] * a + where[:, 1:] * b
    return points, np.broadcast_to(normal / area, points.shape)


def box(rng, low, high, spacing):
    """Points and outward normals of a box's six sides."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    size = high - low
    sides = []
    for axis in range(3):
        first, second = np.roll(np.arange(3), -axis - 1)[:2]
        a, b = np.eye(3)[first] * size[first], np.eye(3)[second] * size[second]
        sides.append(rectangle(rng, low, b, a, spacing))
        sides.append(rectangle(rng, low + np.eye(3)[axis] * size[axis], a, b, spacing))
    return tuple(np.concatenate(part) for part in zip(*sides))


def synthetic_room(spacing: float = 0.028, seed: int = 0, size=(5.4, 4.0, 2.6)) -> tuple[Scene, Taxonomy]:
    """The room, about 150k points at the default spacing, and its label set."""
    rng = np.random.default_rng(seed)
    classes = taxonomy("scannet200")
    w, d, h = size
    x, y, z = np.diag(size)
    pieces = [
        ("floor", (150, 111, 78), rectangle(rng, (0, 0, 0), x, y, spacing)),
        ("ceiling", (240, 240, 238), rectangle(rng, (0, 0, h), y, x, spacing)),
        ("wall", (222, 216, 205), rectangle(rng, (0, 0, 0), y, z, spacing)),
        ("wall", (222, 216, 205), rectangle(rng, x, z, y, spacing)),
        ("wall", (214, 210, 200), rectangle(rng, (0, 0, 0), z, x, spacing)),
        ("wall", (214, 210, 200), rectangle(rng, y, x, z, spacing)),
    ]

    def add(name, color, low, high):
        pieces.append((name, color, box(rng, low, high, spacing)))

    add("bed", (96, 118, 150), (0.1, 1.9, 0.15), (2.1, 3.6, 0.5))
    add("pillow", (236, 232, 224), (0.15, 2.1, 0.5), (0.55, 2.6, 0.62))
    add("pillow", (236, 232, 224), (0.15, 2.9, 0.5), (0.55, 3.4, 0.62))
    add("nightstand", (120, 84, 60), (0.05, 1.3, 0), (0.5, 1.8, 0.5))
    add("lamp", (244, 214, 140), (0.2, 1.45, 0.5), (0.36, 1.61, 0.95))
    add("desk", (176, 132, 92), (w - 0.75, 1.0, 0.7), (w - 0.05, 2.6, 0.76))
    for corner in ((w - 0.72, 1.03), (w - 0.72, 2.52), (w - 0.12, 1.03), (w - 0.12, 2.52)):
        add("desk", (110, 110, 112), (*corner, 0), (corner[0] + 0.05, corner[1] + 0.05, 0.7))
    add("monitor", (38, 40, 46), (w - 0.25, 1.5, 0.85), (w - 0.2, 2.1, 1.2))
    add("keyboard", (60, 60, 64), (w - 0.6, 1.6, 0.76), (w - 0.45, 2.0, 0.79))
    add("office chair", (52, 92, 82), (w - 1.4, 1.55, 0.42), (w - 0.95, 2.05, 0.5))
    add("office chair", (52, 92, 82), (w - 1.45, 1.55, 0.5), (w - 1.39, 2.05, 1.0))
    add("office chair", (70, 70, 70), (w - 1.2, 1.77, 0.02), (w - 1.14, 1.83, 0.42))
    add("bookshelf", (146, 104, 70), (2.6, d - 0.35, 0), (3.6, d - 0.03, 1.8))
    add("picture", (190, 92, 74), (1.0, d - 0.04, 1.3), (1.7, d - 0.01, 1.8))
    add("window", (176, 208, 230), (4.1, d - 0.03, 1.0), (5.1, d - 0.01, 2.1))
    add("mat", (168, 70, 66), (2.3, 0.8, 0.0), (4.0, 2.4, 0.015))
    add("trash can", (92, 96, 100), (w - 0.4, 2.8, 0), (w - 0.1, 3.1, 0.4))
    coord, normal, color, label = [], [], [], []
    for name, rgb, (points, normals) in pieces:
        coord.append(points + rng.normal(0, 0.003, points.shape))
        normal.append(normals)
        color.append(np.array(rgb) + rng.normal(0, 6, (len(points), 3)))
        label.append(np.full(len(points), classes.names.index(name)))
    label = np.concatenate(label)
    label[rng.random(len(label)) < 0.01] = -1
    scene = Scene(
        name="scene0000_00",
        coord=np.concatenate(coord).astype(np.float32),
        color=np.clip(np.concatenate(color), 0, 255).astype(np.uint8),
        normal=np.concatenate(normal).astype(np.float32),
        semantic=label.astype(np.int16),
    )
    return scene, classes


def corrupted(scene: Scene, classes: Taxonomy, seed: int = 1) -> np.ndarray:
    """A prediction with blobs of mistakes: some objects and some patches of the walls are taken for others."""
    rng = np.random.default_rng(seed)
    prediction = np.array(scene.semantic)
    prediction[prediction < 0] = 0
    names = {name: index for index, name in enumerate(classes.names)}
    for wrong, right in (("office chair", "chair"), ("nightstand", "cabinet"), ("picture", "wall")):
        prediction[prediction == names[wrong]] = names[right]
    for _ in range(12):
        center = scene.coord[rng.integers(len(scene))]
        near = np.linalg.norm(scene.coord - center, axis=1) < rng.uniform(0.15, 0.5)
        prediction[near] = names[rng.choice(["door", "cabinet", "table", "curtain", "shelf"])]
    return prediction
