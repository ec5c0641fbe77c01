"""A trained network in one object: :func:`load` it, let it :meth:`~Model.predict`."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pointnc.api.arrays import Array, Cloud, placed
from pointnc.api.result import Result
from pointnc.checks import check_option
from pointnc.clouds.conditions import Bits, Unit, Up
from pointnc.commands.entry import config_folder
from pointnc.commands.shared_settings import PredictionSettings
from pointnc.data.features import scene_array
from pointnc.inference.predictor import Predictor
from pointnc.inference.views import View, make_views
from pointnc.models.segmentor import Segmentor
from pointnc.scenes.scene import IGNORE, Scene
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.run_folder import newest_run
from pointnc.untrusted.yaml_file import read_yaml
from pointnc.weights.trained import Trained, load_trained


class Model:
    """A trained network that labels point clouds.

    Args:
        trained: the network with what belongs to it.
    """

    def __init__(self, trained: Trained) -> None:
        self.trained = trained

    @property
    def network(self) -> Segmentor:
        """The ``torch.nn.Module``."""
        return self.trained.model

    @property
    def taxonomy(self) -> Taxonomy:
        """The K classes of its outputs."""
        return self.trained.taxonomy

    @property
    def names(self) -> tuple[str, ...]:
        """The K names of the classes."""
        return self.taxonomy.names

    @property
    def path(self) -> Path:
        """The file it was read from."""
        return self.trained.path

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.trained.device

    def predict(
        self,
        cloud: Cloud,
        color: Array | None = None,
        normal: Array | None = None,
        strength: Array | None = None,
        *,
        tta: str | Sequence[View] = "none",
        units: Unit = "m",
        up: Up = "z",
        color_bits: Bits = "auto",
        columns: Any = None,
        interpolation: str = PredictionSettings.interpolation,
        max_points: int = PredictionSettings.max_points,
        halo: float = PredictionSettings.halo,
    ) -> Result:
        """Label every point of a cloud, which is held in memory (``pointnc predict`` labels files of any size).

        Args:
            cloud: (N, 3) coordinates (an array, a tensor), a scene, or the path of a file or of a scene's folder.
            color: (N, 3) RGB from 0 to 1, 0 to 255 or 0 to 65535, beside coordinates; gray where there are none.
            normal: (N, 3); estimated where the network wants them and there are none.
            strength: (N,) of a laser scanner's pulses.
            tta: "none", "fast" (4 views) or "full" (10); or views of one's own.
            units: of the coordinates: "m", "cm", "mm" or "auto".
            up: the axis that points up, "z" or "y".
            color_bits: of a whole-numbered color: "auto", 8, 10, 12 or 16.
            columns: of a file without names for its columns: what they are.
            interpolation: "nearest" or "fragments", see :class:`~pointnc.inference.predictor.Predictor`.
            max_points: greatest number of points in a pass of the network: bounds the memory.
            halo: meters around a tile that are seen but not labeled.

        Raises:
            UserError: a cloud that cannot be used, one line that says why; or an unknown option.
        """
        start = time.perf_counter()
        predictor = self.predictor(tta, interpolation, max_points, halo)
        arrays = {scene_array(name) for name in predictor.features}
        points = placed(
            cloud, color, normal, strength,
            arrays=arrays, units=units, up=up, color_bits=color_bits, columns=columns,
        )  # fmt: skip
        said = predictor.predict(points.scene)
        labels, confidence = said.labels.astype(np.int32), said.confidence
        if points.rows is not None:
            all_labels = np.full(len(points.points), IGNORE, np.int32)
            all_confidence = np.zeros(len(points.points), np.float32)
            all_labels[points.rows], all_confidence[points.rows] = labels, confidence
            labels, confidence = all_labels, all_confidence
        return Result(labels, confidence, self.taxonomy, time.perf_counter() - start, tuple(points.remarks))

    def probabilities(self, scene: Scene, tta: str | Sequence[View] = "none") -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the (N, K) float32 class probabilities of a scene's points.

        Raises:
            UserError: the scene is damaged or lacks a feature.
        """
        return self.predictor(tta).scores(scene)

    def predictor(
        self,
        tta: str | Sequence[View] = "none",
        interpolation: str = PredictionSettings.interpolation,
        max_points: int = PredictionSettings.max_points,
        halo: float = PredictionSettings.halo,
    ) -> Predictor:
        """Return what labels scenes with these options; see :meth:`predict`."""
        trained = self.trained
        return Predictor(
            trained.model, trained.features, trained.voxel_size, named_views(tta), interpolation, max_points, halo,
            trained.device, trained.half,
        )  # fmt: skip

    def __repr__(self) -> str:
        backbone = type(self.network.backbone).__name__
        return (
            f"Model({backbone}, {len(self.taxonomy)} classes of {self.taxonomy.name}, "
            f"voxels of {100 * self.trained.voxel_size:g} cm, {self.device}, {self.path})"
        )


def load(
    path: str | Path | None = None,
    accelerator: str = "auto",
    half: bool | str = "auto",
    engine: str = "auto",
    trust: Collection[str] = (),
    download: bool = False,
) -> Model:
    """Load a trained network.

    Args:
        path: a run folder, of which the best checkpoint is taken, else the last one; a checkpoint; a bundle of weights;
            a ``.safetensors`` file that pointnc wrote; ``owner/name`` of the hub. None: the newest run below ``runs/``.
        accelerator: "auto" (CUDA where there is one), "cpu", "cuda" or "mps".
        half: whether to predict in half precision; "auto": as it was trained, where the device can.
        engine: of sparse convolutions: "auto", "cpu", "spconv" or "torch".
        trust: names of networks of your own that a checkpoint may have built.
        download: whether weights of the hub may be fetched; otherwise only the local cache is asked.

    Raises:
        UserError: nothing is there; or it is damaged or none of pointnc's; or it asks for what is not trusted.
    """
    if path is None:
        path = newest_run()
    return Model(load_trained(path, accelerator, half, engine, trust, download))


def named_views(tta: str | Sequence[View]) -> tuple[View, ...]:
    """Return the views of a name ("none", "fast", "full": those of the commands), or views as they are.

    Raises:
        UserError: another name.
    """
    if not isinstance(tta, str):
        return tuple(tta)
    folder = config_folder() / "tools" / "tta"
    check_option("tta", tta, *sorted(file.stem for file in folder.glob("*.yaml")))
    options = read_yaml(folder / f"{tta}.yaml", "views", "install pointnc again")
    return make_views(**{key: value for key, value in options.items() if key != "_target_"})
