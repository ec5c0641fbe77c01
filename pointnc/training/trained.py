"""A trained network with all that belongs to it: from a run, a checkpoint, or published weights."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from pointnc.devices import describe, device_of, idle_driver
from pointnc.errors import UserError
from pointnc.models.loading import load, locate
from pointnc.models.segmentor import Segmentor
from pointnc.models.unet import SparseUNet
from pointnc.models.weights import weights_file
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.sparse.engines import HALF_PRECISION, Engine, choose_engine
from pointnc.training.checkpoint import load_model_state, read_checkpoint
from pointnc.training.machine import HALVES
from pointnc.training.network import input_of, network_of


@dataclass(frozen=True)
class Trained:
    """A network that is ready to predict.

    Attributes:
        path: the file it was read from.
        model: the network, in evaluation mode.
        taxonomy: the classes of its outputs.
        features: its input channels, names out of :data:`pointnc.data.features.CHANNELS`.
        voxel_size: edge of a voxel in metres.
        store: the scene store it was trained on, where the file says so.
        hint: how to come by that store.
        precision: in which it was trained, as Lightning names it.
        half: dtype of autocast in which it predicts, None for float32.
    """

    path: Path
    model: Segmentor
    taxonomy: Taxonomy
    features: tuple[str, ...]
    voxel_size: float
    store: str | None = None
    hint: str = "weights do not say where data lie"
    precision: str = "32-true"
    half: torch.dtype | None = None

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
        return choose_engine(getattr(self.model.backbone, "engine", "auto"), self.device)

    def announce(self) -> None:
        """Print device, precision and engine, and what should be known of them."""
        warning = idle_driver() if self.device.type == "cpu" else None
        if warning:
            print(f"WARNING: {warning}", file=sys.stderr, flush=True)
        print(describe(self.device, self.half, self.engine.name))
        wanted = HALVES.get(self.precision)
        if wanted is not None and self.half is None:
            name = str(wanted).removeprefix("torch.")
            print(f"  trained in {name} (mixed); float32 here gives scores that may differ in the second decimal")
        if self.engine.remark:
            print(f"  {self.engine.remark}")


def file_sha256(path: Path) -> str:
    """Return the hash of a file, read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def load_trained(
    path: str | Path,
    accelerator: str = "auto",
    half: bool | str = "auto",
    engine: str = "auto",
    trust: Collection[str] = (),
) -> Trained:
    """Load a network from what training or publishing leaves.

    Args:
        path: a run folder, of which the best checkpoint is taken; a checkpoint; a bundle of weights, a
            ``.safetensors`` file, or ``owner/name`` of a bundle that was pulled from the hub.
        accelerator: "auto" (CUDA where there is one), "cpu", "cuda" or "mps".
        half: whether to predict in half precision; "auto": as it was trained, where the device can.
        engine: who computes sparse convolutions, see :func:`pointnc.sparse.engines.choose_engine`.
        trust: names of networks that are none of pointnc's and may be imported and built where a checkpoint asks.

    Raises:
        UserError: the file is missing, damaged or none of pointnc's, or asks for what is not trusted; or there is no
            such device, engine or precision.
    """
    device = device_of(accelerator)
    chosen = choose_engine(engine, device)
    trained = _from_weights(path) if is_weights(path) else _from_checkpoint(Path(path), trust)
    if isinstance(trained.model.backbone, SparseUNet):  # how it was computed in training says nothing of here
        trained.model.backbone.engine = engine
    trained.model.to(device)
    return replace(trained, half=half_precision(half, trained.precision, device, chosen))


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
        raise UserError(f"half={wanted}: choose auto, true or false")
    if wanted == "auto":
        dtype = HALVES.get(precision)
        return dtype if device.type != "cpu" and dtype in HALF_PRECISION[engine.name] else None
    if wanted and device.type == "cpu":
        raise UserError("half=true needs a GPU: a CPU computes in float32; use half=auto or half=false")
    return torch.float16 if wanted else None


def is_weights(path: str | Path) -> bool:
    """Whether a path means published weights rather than a checkpoint of a run."""
    path = Path(path)
    if path.is_dir():
        return not (path / "checkpoints").is_dir() and any(path.glob("*.safetensors"))
    return path.suffix == ".safetensors" or not (path.exists() or path.suffix)


def _from_weights(path: str | Path) -> Trained:
    file = weights_file(locate(path))
    model = load(file)
    assert model.card is not None and model.card.taxonomy is not None  # load has seen to it
    card = model.card
    return Trained(file, model, model.card.taxonomy, card.features, card.voxel_size, precision=card.precision)


def _from_checkpoint(path: Path, trust: Collection[str]) -> Trained:
    best = path / "checkpoints" / "best.ckpt"
    checkpoint = read_checkpoint(best if best.is_file() else path)
    source = input_of(checkpoint)
    model = network_of(checkpoint, trust)
    load_model_state(model, checkpoint, checkpoint.taxonomy)
    return Trained(
        checkpoint.path,
        model.requires_grad_(True).eval(),
        checkpoint.taxonomy,
        source.features,
        source.voxel_size,
        source.store,
        source.hint,
        checkpoint.precision,
    )
