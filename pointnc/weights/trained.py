"""A trained network with all that belongs to it: from a run, a checkpoint, or published weights."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from pointnc.errors import UserError
from pointnc.files.hashes import file_sha256
from pointnc.models.segmentor import Segmentor
from pointnc.models.sonata import Sonata
from pointnc.models.unet import SparseUNet
from pointnc.runtime.devices import describe, device_of, idle_driver
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.sparse.engines import HALF_PRECISION, HALVES, Engine, choose_engine
from pointnc.weights.source import Source, open_source


@dataclass(frozen=True)
class Trained:
    """A network that is ready to predict, on the device that computes it.

    Attributes:
        source: what it was read from.
        model: the network, in evaluation mode.
        half: dtype of autocast in which it predicts, None for float32.
    """

    source: Source
    model: Segmentor
    half: torch.dtype | None = None

    @property
    def path(self) -> Path:
        """The file it was read from."""
        return self.source.path

    @property
    def taxonomy(self) -> Taxonomy:
        """The classes of its outputs."""
        assert self.source.taxonomy is not None  # without one, it could not be built
        return self.source.taxonomy

    @property
    def features(self) -> tuple[str, ...]:
        """Its input channels."""
        return self.source.features

    @property
    def voxel_size(self) -> float:
        """Edge of a voxel in meters."""
        return self.source.voxel_size

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the file's hash: other weights, other fingerprint."""
        return file_sha256(self.path)[:16]

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.model.parameters()).device

    @property
    def engine(self) -> Engine:
        """Who computes its sparse convolutions."""
        return _engine(self.model, getattr(self.model.backbone, "engine", "auto"), self.device)

    def announce(self) -> None:
        """Print device, precision and engine, and what should be known of them."""
        warning = idle_driver() if self.device.type == "cpu" else None
        if warning:
            print(f"WARNING: {warning}", file=sys.stderr, flush=True)
        print(describe(self.device, self.half, self.engine.name if self.engine.convolves else None))
        wanted = HALVES.get(self.source.precision)
        if wanted is not None and self.half is None:
            name = str(wanted).removeprefix("torch.")
            print(f"  trained in {name} (mixed); float32 here gives scores that may differ in the second decimal")
        if self.engine.remark:
            print(f"  {self.engine.remark}")


def load_trained(
    path: str | Path,
    accelerator: str = "auto",
    half: bool | str = "auto",
    engine: str = "auto",
    trust: Collection[str] = (),
    download: bool = False,
) -> Trained:
    """Load a network from what training or publishing leaves.

    Args:
        path: see :func:`pointnc.weights.source.open_source`.
        accelerator: "auto" (CUDA where there is one), "cpu", "cuda" or "mps".
        half: whether to predict in half precision; "auto": as it was trained, where the device can.
        engine: who computes sparse convolutions, see :func:`pointnc.sparse.engines.choose_engine`.
        trust: names of networks that are none of pointnc's and may be imported and built where a checkpoint asks.
        download: whether a repository of the hub may be fetched from the network.

    Raises:
        UserError: the file is missing, damaged or none of pointnc's, or asks for what is not trusted; or there is no
            such device, engine or precision.
    """
    device = device_of(accelerator)
    choose_engine(engine, device)  # a slip is told before anything is read
    source = open_source(path, trust, download)
    model = source.build().to(device)
    if isinstance(model.backbone, SparseUNet | Sonata):  # how it was computed in training says nothing of here
        model.backbone.engine = engine
    return Trained(source, model, half_precision(half, source.precision, device, _engine(model, engine, device)))


def _engine(model: Segmentor, wanted: str, device: torch.device) -> Engine:
    return choose_engine(None if hasattr(type(model.backbone), "engine") else wanted, device)


def half_precision(wanted: bool | str, precision: str, device: torch.device, engine: Engine) -> torch.dtype | None:
    """Return the dtype of autocast for predictions, None for float32.

    Args:
        wanted: true, false or "auto": that of the training, where device and engine have it.
        precision: of the training, as Lightning names it.
        device: that computes.
        engine: of its sparse convolutions.

    Raises:
        UserError: ``wanted`` is something else, or half precision is wanted of a CPU.
    """
    if wanted not in (True, False, "auto"):
        raise UserError(f"half={wanted}: choose auto, true or false", code="option")
    if wanted == "auto":
        dtype = HALVES.get(precision)
        return dtype if device.type != "cpu" and dtype in HALF_PRECISION[engine.name] else None
    if wanted and device.type == "cpu":
        raise UserError(
            "half=true needs a GPU: a CPU computes in float32; use half=auto or half=false", code="no-device"
        )
    return torch.float16 if wanted else None
