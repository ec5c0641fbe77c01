"""A trained network with all that belongs to it, from the one file it lives in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from pointnc.data.features import feature_channels
from pointnc.errors import UserError
from pointnc.models.segmentor import Segmentor
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.checkpoint import load_model_state, read_checkpoint


def build_model(config: DictConfig, taxonomy: Taxonomy) -> Segmentor:
    """Build the network that a configuration describes, with fresh weights."""
    backbone = instantiate(config.model, in_channels=feature_channels(tuple(config.dataset.features)))
    return Segmentor(backbone, len(taxonomy))


@dataclass(frozen=True)
class Trained:
    """A network that is ready to predict.

    Attributes:
        path: the checkpoint.
        model: the network, in evaluation mode.
        taxonomy: the classes of its outputs.
        config: the resolved configuration it was trained with.
    """

    path: Path
    model: Segmentor
    taxonomy: Taxonomy
    config: DictConfig

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the file's hash: other weights, other fingerprint."""
        with self.path.open("rb") as stream:
            digest = hashlib.sha256()
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()[:16]


def load_trained(path: str | Path, accelerator: str = "auto") -> Trained:
    """Load a checkpoint.

    Args:
        path: a checkpoint or a run folder, of which the best checkpoint is taken.
        accelerator: "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        UserError: the file is missing, damaged or none of pointnc's; or there is no CUDA device.
    """
    path = Path(path)
    best = path / "checkpoints" / "best.ckpt"
    checkpoint = read_checkpoint(best if best.is_file() else path)
    config = OmegaConf.create(checkpoint.config)
    model = build_model(config, checkpoint.taxonomy)
    load_model_state(model, checkpoint, checkpoint.taxonomy)
    return Trained(checkpoint.path, model.to(device_of(accelerator)).eval(), checkpoint.taxonomy, config)


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
