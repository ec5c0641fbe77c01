"""What one pixel of the depth camera reads of the surface that its ray has hit."""

from __future__ import annotations

import numpy as np
from numba import njit

GRAZING = 0.25
"""Cosine of incidence below which readings drop out, the more the flatter."""


@njit(cache=True)
def read_pixels(  # type: ignore[no-untyped-def]
    distance, face, direction, origin, normals, colors, owners, light, gain, luck, depth_noise, color_noise,
    reach, dropout, depth, cosine, color, owner
):  # fmt: skip
    """Fill ``depth``, ``cosine``, ``color`` and ``owner`` of the R pixels of a frame.

    Surfaces are matt, under one lamp and much ambient light. All floats are float32.

    Args:
        distance: (R,) along each ray to the hit, in lengths of its direction, which are depths along the axis.
        face: (R,) face that was hit, -1 for none.
        direction: (R, 3) rays with length 1 along the optical axis.
        origin: (3,) position of the camera, meters.
        normals: (F, 3) unit normals of the faces.
        colors: (F, 3) uint8 RGB of the faces.
        owners: (F,) object of each face.
        light: (3,) position of the lamp, meters.
        gain: (3,) gain of each channel.
        luck: (R,) uniform in [0, 1): whether a reading drops out.
        depth_noise: (R,) error of a reading at 1 m, meters.
        color_noise: (R, 3) error of the colors, of 255.
        reach: farthest reading, meters.
        dropout: chance that a reading is missing anywhere.
        depth: (R,) float32 output; 0 where there is no reading.
        cosine: (R,) float32 output.
        color: (R, 3) uint8 output.
        owner: (R,) int16 output; -1 where there is no reading.
    """
    for r in range(len(distance)):
        depth[r], cosine[r], owner[r] = 0, 0, -1
        color[r, 0] = color[r, 1] = color[r, 2] = 0
        if face[r] < 0:
            continue
        normal, ray = normals[face[r]], direction[r]
        length = np.sqrt(ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2])
        cosine[r] = abs(normal[0] * ray[0] + normal[1] * ray[1] + normal[2] * ray[2]) / length
        d = distance[r]
        if d >= reach or luck[r] >= (1 - dropout) * min(cosine[r] / np.float32(GRAZING), 1):
            continue
        depth[r] = max(d + depth_noise[r] * d * d, np.float32(0))
        owner[r] = owners[face[r]]
        squared = lambert = np.float32(0)
        for a in range(3):
            towards = light[a] - (origin[a] + d * ray[a])
            squared += towards * towards
            lambert += normal[a] * towards
        lambert = abs(lambert) / np.sqrt(squared + np.float32(1e-6))
        brightness = np.float32(0.7) + np.float32(0.5) * lambert / (1 + np.float32(0.05) * squared)
        for c in range(3):
            value = np.float32(colors[face[r], c]) * brightness * gain[c] + color_noise[r, c]
            color[r, c] = np.uint8(min(max(value, 0), 255))
