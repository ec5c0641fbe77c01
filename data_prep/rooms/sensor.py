"""What one pixel of the depth camera reads of the surface that its ray has hit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

GRAZING = 0.25
"""Cosine of incidence below which readings drop out, the more the flatter."""


class Rays(NamedTuple):
    """R rays and what they hit; all floats are float32.

    Attributes:
        origin: (3,) position of the camera, meters.
        direction: (R, 3) with length 1 along the optical axis.
        distance: (R,) along each ray to the hit, in lengths of its direction, which are depths along the axis.
        face: (R,) face that was hit, -1 for none.
    """

    origin: NDArray[np.float32]
    direction: NDArray[np.float32]
    distance: NDArray[np.float32]
    face: NDArray[np.int32]


class Faces(NamedTuple):
    """F faces of a room.

    Attributes:
        normal: (F, 3) unit normals.
        color: (F, 3) uint8 RGB.
        object: (F,) object of each face.
    """

    normal: NDArray[np.float32]
    color: NDArray[np.uint8]
    object: NDArray[np.int16]


class Faults(NamedTuple):
    """What goes wrong in R readings.

    Attributes:
        luck: (R,) uniform in [0, 1): whether a reading drops out.
        depth: (R,) error of a reading at 1 m, meters.
        color: (R, 3) error of the colors, of 255.
        gain: (3,) of each channel.
        reach: farthest reading, meters.
        dropout: chance that a reading is missing anywhere.
    """

    luck: NDArray[np.float32]
    depth: NDArray[np.float32]
    color: NDArray[np.float32]
    gain: NDArray[np.float32]
    reach: np.float32
    dropout: np.float32


class Pixels(NamedTuple):
    """R pixels.

    Attributes:
        depth: (R,) float32 meters along the optical axis, 0 where there is no reading.
        cosine: (R,) float32 between the ray and the surface's normal.
        color: (R, 3) uint8 RGB.
        object: (R,) int16, -1 where there is no reading.
    """

    depth: NDArray[np.float32]
    cosine: NDArray[np.float32]
    color: NDArray[np.uint8]
    object: NDArray[np.int16]


@njit(cache=True)
def read_pixels(rays, faces, light, faults, pixels):  # type: ignore[no-untyped-def]
    """Fill the pixels of a frame. Surfaces are matt, under one lamp and much ambient light.

    Args:
        rays: :class:`Rays`.
        faces: :class:`Faces` of the room.
        light: (3,) float32 position of the lamp, meters.
        faults: :class:`Faults`.
        pixels: :class:`Pixels` to be filled.
    """
    depth, cosine, color, owner = pixels
    for r in range(len(depth)):
        depth[r], cosine[r], owner[r] = 0, 0, -1
        color[r, 0] = color[r, 1] = color[r, 2] = 0
        face = rays.face[r]
        if face < 0:
            continue
        normal, ray = faces.normal[face], rays.direction[r]
        length = np.sqrt(ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2])
        cosine[r] = abs(normal[0] * ray[0] + normal[1] * ray[1] + normal[2] * ray[2]) / length
        d = rays.distance[r]
        if d >= faults.reach or faults.luck[r] >= (1 - faults.dropout) * min(cosine[r] / np.float32(GRAZING), 1):
            continue
        depth[r] = max(d + faults.depth[r] * d * d, np.float32(0))
        owner[r] = faces.object[face]
        squared = lambert = np.float32(0)
        for a in range(3):
            towards = light[a] - (rays.origin[a] + d * ray[a])
            squared += towards * towards
            lambert += normal[a] * towards
        lambert = abs(lambert) / np.sqrt(squared + np.float32(1e-6))
        brightness = np.float32(0.7) + np.float32(0.5) * lambert / (1 + np.float32(0.05) * squared)
        for c in range(3):
            value = np.float32(faces.color[face, c]) * brightness * faults.gain[c] + faults.color[r, c]
            color[r, c] = np.uint8(min(max(value, 0), 255))
