"""A virtual depth camera: what it measures of a room, with the faults of a real one.

The depth noise grows with the square of the distance, as measured for the Kinect by Khoshelham and Elberink
(Sensors, 2012); readings drop out at grazing angles; the poses are known only up to a small error; exposure and
white balance drift along the walk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_prep.rooms.cameras import Camera, Poses, choose_poses
from data_prep.rooms.raycast import RoomSurface
from data_prep.rooms.room import Room
from data_prep.rooms.sensor import Faces, Faults, Pixels, Rays, read_pixels
from pointnc.errors import UserError


@dataclass(frozen=True)
class Scanner:
    """The settings of a scan.

    Attributes:
        poses: number of frames.
        width: pixels a row.
        height: rows.
        field_of_view: horizontal, degrees.
        reach: farthest reading in meters.
        voxel_size: edge of the fusion's voxels in meters.
        depth_noise: standard deviation of a reading at 1 m in meters; it grows with the squared distance.
        dropout: chance that a reading is missing anywhere; grazing readings are lost besides.
        position_jitter: standard deviation of the error of a pose along each axis, meters.
        rotation_jitter: the same of its rotation about each axis, degrees.
        color_noise: standard deviation of a pixel's color, of 255.
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
                raise UserError(f"scanner.{key}={value} must be a {'whole ' * (key in whole)}number", code="option")
            if value < 0 or (value == 0 and key in positive):
                raise UserError(
                    f"scanner.{key}={value} must be {'positive' if key in positive else '0 or more'}", code="option"
                )
        if self.field_of_view >= 170:
            raise UserError(f"scanner.field_of_view={self.field_of_view} must be below 170 degrees", code="option")
        if self.dropout >= 1:
            raise UserError(f"scanner.dropout={self.dropout} leaves no reading; choose less than 1", code="option")

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
        depth: (P, H, W) float32 meters along the optical axis, 0 where there is no reading.
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

    def views(self) -> Views:
        """Return the frames as compiled loops take them."""
        position, rotation = (values.astype(np.float32) for values in (self.poses.position, self.poses.rotation))
        return Views(
            self.depth, self.cosine, self.color, self.object, position, rotation, np.float32(self.camera.focal)
        )


class Views(NamedTuple):
    """:class:`Frames` for compiled loops.

    Attributes:
        depth: (P, H, W) float32.
        cosine: (P, H, W) float32.
        color: (P, H, W, 3) uint8.
        object: (P, H, W) int16.
        position: (P, 3) float32 of the cameras, meters.
        rotation: (P, 3, 3) float32, from camera to room.
        focal: length in pixels.
    """

    depth: NDArray[np.float32]
    cosine: NDArray[np.float32]
    color: NDArray[np.uint8]
    object: NDArray[np.int16]
    position: NDArray[np.float32]
    rotation: NDArray[np.float32]
    focal: np.float32


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
    gain = _exposure(len(poses), scanner.exposure_shift, rng)
    faces = Faces(surface.normal, surface.color, surface.object)
    count = camera.width * camera.height
    for i in range(len(poses)):
        origin = poses.position[i].astype(np.float32)
        direction = camera.rays @ poses.rotation[i].T.astype(np.float32)
        hits = surface.cast(origin, direction)
        faults = Faults(
            luck=rng.random(count, dtype=np.float32),
            depth=np.float32(scanner.depth_noise) * rng.standard_normal(count, dtype=np.float32),
            color=np.float32(scanner.color_noise) * rng.standard_normal((count, 3), dtype=np.float32),
            gain=gain[i],
            reach=np.float32(scanner.reach),
            dropout=np.float32(scanner.dropout),
        )
        pixels = Pixels(
            frames.depth[i].reshape(-1), frames.cosine[i].reshape(-1),
            frames.color[i].reshape(-1, 3), frames.object[i].reshape(-1),
        )  # fmt: skip
        read_pixels(Rays(origin, direction, hits.distance, hits.face), faces, light, faults, pixels)
    return frames


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
