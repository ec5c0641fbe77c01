"""A virtual depth camera: what it measures of a room, with the faults of a real one.

The depth noise grows with the square of the distance, as measured for the Kinect by Khoshelham and Elberink
(Sensors, 2012); readings drop out at grazing angles; the poses are known only up to a small error; exposure and
white balance drift along the walk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.cameras import Camera, Poses, choose_poses
from data_prep.rooms.raycast import RoomSurface
from data_prep.rooms.room import Room
from pointnc.errors import UserError

GRAZING = 0.25
"""Cosine of incidence below which readings drop out, the more the flatter."""


@dataclass(frozen=True)
class Scanner:
    """The settings of a scan.

    Attributes:
        poses: number of frames.
        width: pixels a row.
        height: rows.
        field_of_view: horizontal, degrees.
        reach: farthest reading in metres.
        voxel_size: edge of the fusion's voxels in metres.
        depth_noise: standard deviation of a reading at 1 m in metres; it grows with the squared distance.
        dropout: chance that a reading is missing anywhere; grazing readings are lost besides.
        position_jitter: standard deviation of the error of a pose along each axis, metres.
        rotation_jitter: the same of its rotation about each axis, degrees.
        color_noise: standard deviation of a pixel's colour, of 255.
        exposure_shift: standard deviation of the logarithm of a frame's exposure.
    """

    poses: int = 40
    width: int = 240
    height: int = 180
    field_of_view: float = 70.0
    reach: float = 5.0
    voxel_size: float = 0.025
    depth_noise: float = 0.0008
    dropout: float = 0.01
    position_jitter: float = 0.002
    rotation_jitter: float = 0.05
    color_noise: float = 6.0
    exposure_shift: float = 0.08

    def __post_init__(self) -> None:
        positive = {"poses", "width", "height", "field_of_view", "reach", "voxel_size"}
        whole = {"poses", "width", "height"}
        for key, value in vars(self).items():
            if not isinstance(value, int if key in whole else (int, float)):
                raise UserError(f"scanner.{key}={value} must be a {'whole ' * (key in whole)}number")
            if value < 0 or (value == 0 and key in positive):
                raise UserError(f"scanner.{key}={value} must be {'positive' if key in positive else '0 or more'}")
        if self.field_of_view >= 170:
            raise UserError(f"scanner.field_of_view={self.field_of_view} must be below 170 degrees")
        if self.dropout >= 1:
            raise UserError(f"scanner.dropout={self.dropout} leaves no reading; choose less than 1")

    @property
    def camera(self) -> Camera:
        """The camera that measures."""
        return Camera(self.width, self.height, self.field_of_view)


@dataclass(frozen=True)
class Frames:
    """What P frames of H x W pixels measured.

    Attributes:
        camera: the camera.
        poses: the poses as the scanner believes them to be.
        depth: (P, H, W) float32 metres along the optical axis, 0 where there is no reading.
        cosine: (P, H, W) float32 cosine between the ray and the surface's normal.
        color: (P, H, W, 3) uint8 RGB.
        object: (P, H, W) int16 index in ``Room.objects``, -1 where there is no reading.
    """

    camera: Camera
    poses: Poses
    depth: NDArray[np.float32]
    cosine: NDArray[np.float32]
    color: NDArray[np.uint8]
    object: NDArray[np.int16]


def record(room: Room, scanner: Scanner, rng: np.random.Generator) -> Frames:
    """Walk through a room and return the frames.

    Args:
        room: the room.
        scanner: the settings.
        rng: source of chance.
    """
    surface = RoomSurface(room)
    camera = scanner.camera
    poses = choose_poses(surface, room.size, camera, scanner.poses, scanner.reach, rng)
    light = np.array([room.size[0] / 2, room.size[1] / 2, max(room.size[2] - 0.3, 0.5)], np.float32)
    shape = (len(poses), camera.height, camera.width)
    frames = Frames(
        camera=camera,
        poses=_jitter(poses, scanner, rng),
        depth=np.empty(shape, np.float32),
        cosine=np.empty(shape, np.float32),
        color=np.empty((*shape, 3), np.uint8),
        object=np.empty(shape, np.int16),
    )
    exposure = _exposure(len(poses), scanner.exposure_shift, rng)
    for i in range(len(poses)):
        _expose(frames, i, poses, surface, scanner, light, exposure[i], rng)
    return frames


def _expose(
    frames: Frames,
    index: int,
    poses: Poses,
    surface: RoomSurface,
    scanner: Scanner,
    light: NDArray[np.float32],
    exposure: NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    """Fill one frame."""
    size = frames.depth.shape[1:]
    origin = poses.position[index].astype(np.float32)
    direction = frames.camera.rays @ poses.rotation[index].T.astype(np.float32)
    hits = surface.cast(origin, direction)
    normal = surface.normal[hits.face]
    cosine = np.abs(np.einsum("ij,ij->i", normal, direction)) / np.linalg.norm(direction, axis=1)

    # A ray's direction has length 1 along the optical axis, so that distance in its lengths is depth.
    depth = hits.distance
    luck = rng.random(len(depth), dtype=np.float32)
    seen = (depth < scanner.reach) & (luck < (1 - scanner.dropout) * np.minimum(cosine / GRAZING, 1))
    noise = rng.standard_normal(len(depth), dtype=np.float32)
    depth = np.where(seen, depth, 0)
    frames.color[index] = _shade(
        surface.color[hits.face], normal, origin + depth[:, None] * direction, light, exposure, scanner, rng
    ).reshape(*size, 3)
    depth += scanner.depth_noise * noise * depth**2
    frames.depth[index] = np.maximum(depth, 0).reshape(size)
    frames.cosine[index] = cosine.reshape(size)
    frames.object[index] = np.where(seen, surface.object[hits.face], -1).reshape(size)


def _shade(
    color: NDArray[np.uint8],
    normal: NDArray[np.float32],
    point: NDArray[np.float32],
    light: NDArray[np.float32],
    exposure: NDArray[np.float32],
    scanner: Scanner,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return (R, 3) colours of matt surfaces under one lamp and much ambient light, as the sensor reads them."""
    towards = light - point
    squared = np.einsum("ij,ij->i", towards, towards)
    lambert = np.abs(np.einsum("ij,ij->i", normal, towards)) / np.sqrt(squared + 1e-6)
    brightness = 0.7 + 0.5 * lambert / (1 + 0.05 * squared)
    shaded = color * (brightness[:, None] * exposure)
    if scanner.color_noise:
        shaded += scanner.color_noise * rng.standard_normal(shaded.shape, dtype=np.float32)
    return np.clip(shaded, 0, 255).astype(np.uint8)


def _exposure(count: int, shift: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (P, 3) gains of the channels: exposure and, less, white balance, each drifting along the walk."""
    drift = rng.standard_normal((count, 4))
    for i in range(1, count):  # a first-order autoregressive process of unit variance
        drift[i] = 0.8 * drift[i - 1] + 0.6 * drift[i]
    return np.exp(shift * (drift[:, :1] + 0.3 * drift[:, 1:])).astype(np.float32)


def _jitter(poses: Poses, scanner: Scanner, rng: np.random.Generator) -> Poses:
    """Return the poses with the error that a tracker makes."""
    position = poses.position + rng.normal(0, scanner.position_jitter, poses.position.shape)
    x, y, z = rng.normal(0, np.radians(scanner.rotation_jitter), (len(poses), 3)).T
    zero = np.zeros(len(poses))
    # For angles this small the exponential of the skew matrix is its first terms, made orthogonal again.
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    left, _, right = np.linalg.svd(np.eye(3) + skew)
    return Poses(position, poses.rotation @ (left @ right))
