"""Settings that several commands have, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pointnc.commands.settings import setting

DECIDE_LABELS = ("tta", "interpolation", "max_points", "halo", "accelerator", "half", "engine")
"""Settings of those below that the labels of a network depend on: those made under others are no part of a job."""


@dataclass
class NetworkSettings:
    """The network and what computes it."""

    checkpoint: str | None = setting(
        None,
        "a run folder, a checkpoint, a bundle of weights, FILE.safetensors, or owner/name of the hub; null: the "
        "newest run below runs/, where a network is needed",
    )
    accelerator: str = setting("auto", "auto | cpu | cuda | mps")
    half: Any = setting("auto", "float16: auto (as it was trained, where the device can) | true | false")
    engine: str = setting("auto", "of sparse convolutions: auto | cpu | spconv (CUDA) | torch (any device, slower)")
    trust: Any = setting(
        None, "module.Name[,…]: networks of your own that a checkpoint may have built (docs/training.md)", several=True
    )


@dataclass
class PredictionSettings:
    """How a network labels a scene."""

    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"tta": "none"}])
    tta: Any = setting("none", "how the network sees the scene: as it is, or turned, mirrored and scaled")
    interpolation: str = setting(
        "nearest",
        "nearest: a point has the scores of its voxel; fragments: every point gets a pass of its own",
        choices=("nearest", "fragments"),
    )
    max_points: int = setting(
        2_000_000, "points a pass of the network: bounds the memory; larger scenes are cut into tiles", least=1
    )
    halo: float = setting(1.0, "meters around a tile or block that are seen but not labeled", least=0)


@dataclass
class AdjustmentSettings:
    """Logit adjustment of a trained network, where a store says how frequent the classes are."""

    logit_adjustment: float = setting(
        0.0, "(checkpoint) tau > 0: tau * log of each class's share of the training points is taken off"
    )


@dataclass
class SharedWork:
    """Several processes or machines."""

    shard: str | None = setting(
        None, "K/N: this job's part of N, beside out; then merge (docs/cluster.md). torchrun shares out by itself"
    )


@dataclass
class CloudSettings:
    """How the files of point clouds are read."""

    units: str = setting("m", "of the coordinates: m | cm | mm | auto")
    up: str = setting("z", "the axis that points up: z | y")
    color_bits: Any = setting(
        "auto", "of a whole-numbered color: auto (8, or 16 where one is beyond 255) | 8 | 10 | 12 | 16"
    )
    columns: Any = setting(
        None,
        "what the columns of tables without names are: [x,y,z,intensity,red,green,blue,label]; -: any other",
        several=True,
    )
