"""Labels for every point of a scene: views, tiles and votes around one network."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pointnc.commands.shared_settings import PredictionSettings
from pointnc.data.batch import Sample, collate
from pointnc.data.bounding_box import bounds
from pointnc.data.features import check_features, feature_channels, voxel_features
from pointnc.data.transforms import CenterShift
from pointnc.data.voxels import Voxels, voxelize
from pointnc.errors import UserError
from pointnc.inference.labeler import PointVotes
from pointnc.inference.tiles import Tile, cut_tiles
from pointnc.inference.views import View
from pointnc.models.segmentor import Segmentor
from pointnc.scenes import Scene

Interpolation = Literal["nearest", "fragments"]

ALIGNMENT = 320
"""Voxels by a multiple of which a tile's grid is displaced from the scene's: a network that halves the resolution up
to six times pools the same voxels in a tile as in the whole scene."""


@dataclass(frozen=True)
class Prediction:
    """The result for a scene of N points, in their order.

    Attributes:
        labels: (N,) int64 train indices.
        confidence: (N,) float32 probability of the label, averaged over the views.
        seconds: wall time from scene to labels.
        passes: how often the network ran.
    """

    labels: NDArray[np.int64]
    confidence: NDArray[np.float32]
    seconds: float
    passes: int


class Predictor:
    """Labels scenes at full resolution.

    With one plain view the labels are those that validation computes. Predictions are deterministic on a CPU; on
    CUDA sparse convolutions add in an order that is not fixed.

    Args:
        model: the network; it is moved to ``device`` and is in its former mode after each call.
        features: what the network was trained on, names out of :data:`pointnc.data.features.CHANNELS`.
        voxel_size: edge of a voxel in meters, as in training.
        views: how the network sees the scene; see :func:`pointnc.inference.views.make_views`.
        interpolation: "nearest": a pass a view, in which each point takes the scores of the voxel that it lies in.
            "fragments": as many passes a view as the fullest voxel has points; each point is voted for by the one
            pass in which it stood for its voxel with its own features.
        max_points: greatest number of points, and so of voxels, in a pass; larger scenes are cut into tiles. Memory
            is bounded by it, apart from about 50 bytes for each point of the scene.
        halo: width in meters, as the network sees the scene, of the surroundings that a tile is given. Tiles agree
            with the whole scene where the network looks no farther than this.
        device: where the network runs.
        half: dtype of autocast, which a CPU has not; None or False for float32, True for float16.

    Raises:
        UserError: an argument makes no sense.
    """

    def __init__(
        self,
        model: Segmentor,
        features: Sequence[str],
        voxel_size: float,
        views: Sequence[View] = (View(),),
        interpolation: str = PredictionSettings.interpolation,
        max_points: int = PredictionSettings.max_points,
        halo: float = PredictionSettings.halo,
        device: torch.device | str = "cpu",
        half: torch.dtype | bool | None = None,
    ) -> None:
        feature_channels(features)
        if interpolation not in get_args(Interpolation):
            choices = ", ".join(get_args(Interpolation))
            raise UserError(f"unknown interpolation {interpolation!r}; choose one of {choices}", code="option")
        if not views:
            raise UserError("there are no views; choose tta=none for the scene as it is", code="option")
        if not isinstance(max_points, int) or max_points < 1:
            raise UserError(f"max_points is {max_points}; it must be at least 1, a whole number", code="option")
        if not isinstance(halo, int | float) or not 0 <= halo < np.inf:
            raise UserError(f"halo is {halo}; it must be a number of meters, at least 0", code="option")
        self.device = torch.device(device)
        if half and self.device.type == "cpu":
            raise UserError(f"half precision needs a CUDA device, not {self.device}; set half=false", code="no-device")
        self.model = model.to(self.device)
        self.features, self.voxel_size, self.views = tuple(features), voxel_size, tuple(views)
        self.interpolation, self.max_points, self.halo = interpolation, max_points, halo
        self.half = torch.float16 if half is True else half or None

    def predict(self, scene: Scene) -> Prediction:
        """Return the labels of a scene's points.

        Args:
            scene: as a store or a reader gives it; its arrays may be read-only maps of files.

        Raises:
            UserError: the scene is empty or damaged, lacks a feature, or cannot be cut as finely as needed.
        """
        start = time.perf_counter()
        labels, confidence = np.empty(len(scene), np.int64), np.empty(len(scene), np.float32)
        passes = 0
        with _inference(self.model):
            for tile, votes, count in self._votes(scene):
                points = tile.inner_points()
                labels[points], confidence[points] = votes.labels().cpu().numpy(), votes.confidence().cpu().numpy()
                passes += count
        return Prediction(labels, confidence, time.perf_counter() - start, passes)

    def scores(self, scene: Scene) -> NDArray[np.float32]:
        """Return the (N, K) float32 class probabilities of a scene's points, averaged over the views.

        Raises:
            UserError: see :meth:`predict`.
        """
        scores: NDArray[np.float32] | None = None
        with _inference(self.model):
            for tile, votes, _ in self._votes(scene):
                part = votes.probabilities().cpu().numpy()
                if scores is None:
                    scores = np.empty((len(scene), part.shape[1]), np.float32)
                scores[tile.inner_points()] = part
        if scores is None:
            raise ValueError("a scene has at least one tile")
        return scores

    def _votes(self, scene: Scene) -> Iterator[tuple[Tile, PointVotes, int]]:
        """Yield each tile, the votes for its inner points, and the number of passes that they took."""
        # Labels are of no use here, and plain views of maps spare numpy's memmap class in every step.
        arrays = {
            key: np.asarray(value) for key, value in scene.arrays().items() if key not in ("semantic", "instance")
        }
        scene = Scene(scene.name, **arrays, origin=scene.origin).validate()
        check_features(scene, self.features)
        # As SceneDataset centers a scene for validation.
        scene = CenterShift()(scene, np.random.default_rng())
        tiled = len(scene) > self.max_points
        corners = [self._corner(scene, view) if tiled else None for view in self.views]
        # A voxel more than the halo, so that the halo's voxels have all their points.
        reach = np.max([view.reach(self.halo + 1.01 * self.voxel_size) for view in self.views], axis=0)
        tiles = cut_tiles(scene.coord, self.max_points, reach, smallest=max(self.halo, self.voxel_size))
        for tile in tiles:
            part, votes, passes = scene.select(tile.points), PointVotes(), 0
            for view, corner in zip(self.views, corners):
                passes += self._run(view(part), tile, corner, votes)
            yield tile, votes, passes

    def _run(self, scene: Scene, tile: Tile, corner: NDArray[np.int64] | None, votes: PointVotes) -> int:
        """Run the network over the view of a tile, count its votes and return the number of passes."""
        try:
            voxels = voxelize(scene.coord, self.voxel_size)
        except UserError as error:
            raise UserError(f"scene {scene.name}: {error}", code=error.code) from None
        if corner is not None:
            shift = (_lowest_cell(scene.coord, self.voxel_size) - corner) % ALIGNMENT
            voxels = replace(voxels, grid=voxels.grid + shift.astype(np.int32))
        if self.interpolation == "nearest":
            inverse = torch.from_numpy(voxels.inverse[tile.inner])
            votes.add(self._logits(scene, voxels), inverse.to(self.device))
            return 1
        number = np.full(len(scene), -1)
        number[tile.inner] = np.arange(len(number[tile.inner]))
        num_points, passes = int(number.max()) + 1, 0
        for index, fresh in fragments(voxels, number >= 0):
            logits = self._logits(scene, replace(voxels, index=index))
            rows = torch.from_numpy(fresh).to(self.device)
            votes.add_some(logits[rows], torch.from_numpy(number[index[fresh]]).to(self.device), num_points)
            passes += 1
        return passes

    def _logits(self, scene: Scene, voxels: Voxels) -> Tensor:
        """Return (V, K) float32 scores of voxels whose features are those of ``voxels.index``."""
        features = voxel_features(scene, voxels, self.features)
        batch = collate([Sample(scene.name, voxels.grid, features)]).to(self.device)
        with autocast(self.device, self.half):
            return self.model(batch).logits

    def _corner(self, scene: Scene, view: View) -> NDArray[np.int64]:
        """Return the (3,) lowest cell of the whole scene in a view, computed a bounded piece at a time."""
        starts = range(0, len(scene), self.max_points)
        pieces = (Scene(scene.name, scene.coord[start : start + self.max_points]) for start in starts)
        return np.min([_lowest_cell(view(piece).coord, self.voxel_size) for piece in pieces], axis=0)


def autocast(device: torch.device, half: torch.dtype | None) -> AbstractContextManager[Any]:
    """Return the context in which a network computes in half precision, or as it is where ``half`` is None."""
    return nullcontext() if half is None else torch.autocast(device.type, dtype=half)


def fragments(voxels: Voxels, wanted: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield passes in which every wanted point once stands for its voxel.

    In pass r a voxel is represented by its r-th point, counted round and round, so that what a point's
    surroundings look like in its pass does not depend on how many passes there are elsewhere.

    Args:
        voxels: V voxels of N points.
        wanted: (N,) points that must have their turn.

    Yields:
        (V,) int64 the point that stands for each voxel, and (M,) int64 the voxels whose point has its first turn and
        is wanted.
    """
    counts = voxels.counts()
    starts = np.cumsum(counts) - counts
    points = np.argsort(voxels.inverse, kind="stable")
    for turn in range(int(counts[voxels.inverse[wanted]].max())):
        index = points[starts + turn % counts]
        yield index, np.flatnonzero((turn < counts) & wanted[index])


def _lowest_cell(coord: NDArray[np.float32], voxel_size: float) -> NDArray[np.int64]:
    """Return the (3,) integer coordinates that :func:`~pointnc.data.voxels.voxelize` counts from."""
    low, _ = bounds(np.ascontiguousarray(coord, np.float32))
    return np.floor(low / np.float32(voxel_size)).astype(np.int64)


@contextmanager
def _inference(model: nn.Module) -> Iterator[None]:
    """Evaluate without gradients; afterwards every module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training
