"""A trained network with all that belongs to it: from a run, a checkpoint, or published weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from hydra.errors import HydraException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from pointnc.data.features import feature_channels
from pointnc.errors import UserError
from pointnc.models.loading import load, locate
from pointnc.models.segmentor import Segmentor
from pointnc.models.weights import weights_file
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.checkpoint import load_model_state, read_checkpoint


def build_model(config: DictConfig, taxonomy: Taxonomy) -> Segmentor:
    """Build the network that a configuration describes, with fresh weights."""
    backbone = instantiate(config.model, in_channels=feature_channels(tuple(config.dataset.features)))
    if config.get("head") is None:  # a run from before there was a choice
        return Segmentor(backbone, len(taxonomy))
    head = instantiate(config.head, in_channels=backbone.out_channels, num_classes=len(taxonomy))
    return Segmentor(backbone, len(taxonomy), head)


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
    """

    path: Path
    model: Segmentor
    taxonomy: Taxonomy
    features: tuple[str, ...]
    voxel_size: float
    store: str | None = None
    hint: str = "weights do not say where data lie"

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the file's hash: other weights, other fingerprint."""
        return file_sha256(self.path)[:16]


def file_sha256(path: Path) -> str:
    """Return the hash of a file, read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def load_trained(path: str | Path, accelerator: str = "auto") -> Trained:
    """Load a network from what training or publishing leaves.

    Args:
        path: a run folder, of which the best checkpoint is taken; a checkpoint; a bundle of weights, a
            ``.safetensors`` file, or ``owner/name`` of a bundle that was pulled from the hub.
        accelerator: "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        UserError: the file is missing, damaged or none of pointnc's; or there is no CUDA device.
    """
    device = device_of(accelerator)
    trained = _from_weights(path) if is_weights(path) else _from_checkpoint(Path(path))
    trained.model.to(device)
    return trained


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
    return Trained(file, model, model.card.taxonomy, model.card.features, model.card.voxel_size)


def _from_checkpoint(path: Path) -> Trained:
    best = path / "checkpoints" / "best.ckpt"
    checkpoint = read_checkpoint(best if best.is_file() else path)
    config = OmegaConf.create(checkpoint.config)
    check_targets(config.model, checkpoint.path)
    if config.get("head") is not None:
        check_targets(config.head, checkpoint.path)
    model = build_model(config, checkpoint.taxonomy)
    load_model_state(model, checkpoint, checkpoint.taxonomy)
    dataset = config.dataset
    return Trained(
        checkpoint.path,
        model.eval(),
        checkpoint.taxonomy,
        tuple(dataset.features),
        dataset.voxel_size,
        dataset.store,
        dataset.hint,
    )


def check_targets(node: DictConfig | ListConfig, path: Path) -> None:
    """Refuse a model node that would call anything but the class of a network: the file may be a stranger's.

    Raises:
        UserError: it would; the message names what.
    """
    items = node.items() if isinstance(node, DictConfig) else enumerate(node)
    for key, value in items:
        if isinstance(value, DictConfig | ListConfig):
            check_targets(value, path)
        elif key == "_target_":
            try:
                kind = get_object(str(value))
            except (HydraException, ImportError, ValueError) as error:
                raise UserError(f"{path} needs {value}, which cannot be imported here ({error})") from None
            if not (isinstance(kind, type) and issubclass(kind, torch.nn.Module)):
                raise UserError(f"{path} asks to call {value}, which is no network: do not use this file")


def device_of(accelerator: str) -> torch.device:
    """Return the device that an accelerator name means.

    Raises:
        UserError: CUDA is asked for and absent, or the name is unknown.
    """
    if accelerator not in ("auto", "cpu", "cuda", "gpu"):
        raise UserError(f"unknown accelerator {accelerator!r}; choose auto, cpu or cuda")
    if accelerator in ("cuda", "gpu") and not torch.cuda.is_available():
        raise UserError("accelerator=cuda, but torch sees no CUDA device; use accelerator=cpu")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")
