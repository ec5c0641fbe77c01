"""Each transform in one piece: its random numbers where they are needed, plain numpy around them.

As the transforms were before drawing was parted from applying; seeds of old runs must give the same bits.
"""

import numpy as np

from pointnc.data.transforms import elastic, geometry


def moved(scene, **arrays):
    return scene.replace(**{key: value for key, value in arrays.items() if getattr(scene, key) is not None})


def picked(scene, index):
    return scene.replace(**{key: value[index] for key, value in scene.arrays().items()})


def center_shift(self, scene, rng):
    low, high = scene.coord.min(axis=0), scene.coord.max(axis=0)
    shift = (low + high) / 2
    shift[2] = low[2] if self.z else 0
    return scene.replace(coord=scene.coord - shift, origin=scene.origin + shift)


def random_dropout(self, scene, rng):
    if rng.random() >= self.p:
        return scene
    kept = np.flatnonzero(rng.random(len(scene), np.float32) >= self.ratio)
    return picked(scene, kept if len(kept) else [rng.integers(len(scene))])


def sphere_crop(self, scene, rng):
    if len(scene) <= self.max_points:
        return scene
    if self.class_balanced > 0 and rng.random() < self.class_balanced:
        which, place = rng.random(), rng.random()
        points = np.arange(len(scene))
        present = [] if scene.semantic is None else np.unique(scene.semantic[scene.semantic >= 0])
        if len(present):
            points = np.flatnonzero(scene.semantic == present[int(which * len(present))])
        point = points[int(place * len(points))]
    else:
        point = rng.integers(len(scene))
    x, y, z = (scene.coord - scene.coord[point]).T
    distance = x * x + y * y + z * z
    return picked(scene, np.sort(np.argsort(distance, kind="stable")[: self.max_points]))


def random_rotate(self, scene, rng):
    matrix = np.eye(3)
    for axis in (2, 0, 1):
        if rng.random() < self.p:
            matrix = geometry.rotation(axis, rng.uniform(-self.radians[axis], self.radians[axis])) @ matrix

    def rotated(vectors):
        x, y, z = vectors.T
        return np.stack([row[0] * x + row[1] * y + row[2] * z for row in matrix.astype(np.float32)], axis=1)

    if np.array_equal(matrix, np.eye(3)):
        return scene
    return moved(scene, coord=rotated(scene.coord), normal=None if scene.normal is None else rotated(scene.normal))


def random_scale(self, scene, rng):
    return scene.replace(coord=scene.coord * np.float32(rng.uniform(self.low, self.high)))


def random_flip(self, scene, rng):
    signs = np.ones(3, np.float32)
    signs[:2][rng.random(2) < self.p] = -1
    return moved(scene, coord=scene.coord * signs, normal=None if scene.normal is None else scene.normal * signs)


def random_jitter(self, scene, rng):
    noise = rng.standard_normal((len(scene), 3), np.float32) * np.float32(self.sigma)
    return scene.replace(coord=np.clip(noise, -self.clip, self.clip) + scene.coord)


def elastic_distortion(self, scene, rng):
    if rng.random() >= self.p:
        return scene
    noise, coord = np.random.default_rng(rng.integers(2**63)), scene.coord
    for granularity, magnitude in self.levels:
        low, high = coord.min(axis=0), coord.max(axis=0)
        shape = np.ceil((high - low) / np.float32(granularity)).astype(int) + 3
        field = elastic.blur(noise.standard_normal((*shape, 3), np.float32)) * np.float32(magnitude)
        coord = elastic.displace(coord, field, low - np.float32(granularity), granularity)
    return scene.replace(coord=coord)


def chromatic_auto_contrast(self, scene, rng):
    if scene.color is None or rng.random() >= self.p:
        return scene
    blend = rng.random() if self.blend is None else self.blend
    low, high = (getattr(scene.color, name)(axis=0).astype(np.float32) for name in ("min", "max"))
    flat = high <= low
    stretch = np.where(flat, 1, 255 / np.maximum(high - low, 1e-6)).astype(np.float32)
    start = np.where(flat, 0, low).astype(np.float32)
    color = scene.color * (1 - blend + blend * stretch) - blend * start * stretch
    return scene.replace(color=np.clip(color, 0, 255))


def chromatic_translation(self, scene, rng):
    if scene.color is None or rng.random() >= self.p:
        return scene
    tint = rng.uniform(-255 * self.ratio, 255 * self.ratio, 3).astype(np.float32)
    return scene.replace(color=np.clip(scene.color + tint, 0, 255))


def chromatic_jitter(self, scene, rng):
    if scene.color is None or rng.random() >= self.p:
        return scene
    noise = rng.standard_normal((len(scene), 3), np.float32) * np.float32(255 * self.sigma)
    return scene.replace(color=np.clip(noise + scene.color, 0, 255))


ORACLES = {
    "CenterShift": center_shift,
    "RandomDropout": random_dropout,
    "SphereCrop": sphere_crop,
    "RandomRotate": random_rotate,
    "RandomScale": random_scale,
    "RandomFlip": random_flip,
    "RandomJitter": random_jitter,
    "ElasticDistortion": elastic_distortion,
    "ChromaticAutoContrast": chromatic_auto_contrast,
    "ChromaticTranslation": chromatic_translation,
    "ChromaticJitter": chromatic_jitter,
}
