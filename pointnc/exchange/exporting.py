"""Runs of one's own, as weights that others can use."""

from __future__ import annotations

from pathlib import Path

from pointnc.data.features import feature_channels
from pointnc.exchange.writing import write
from pointnc.models.architecture import Architecture
from pointnc.models.card import ModelCard
from pointnc.models.head_architecture import HeadArchitecture
from pointnc.training.checkpoint import read_checkpoint
from pointnc.training.trained import file_sha256


def export_run(path: Path, out: Path, license: str = "unknown", overwrite: bool = False) -> ModelCard:  # noqa: A002
    """Write the network of a run as a ``.safetensors`` file or, without that suffix, as a bundle.

    Args:
        path: a run folder, of which the best checkpoint is taken, or a checkpoint.
        out: the file or folder to write.
        license: under which the weights may be used.
        overwrite: whether to replace what stands at ``out``.

    Raises:
        UserError: there is no checkpoint, or its backbone is not one of pointnc's.
    """
    best = path / "checkpoints" / "best.ckpt"
    checkpoint = read_checkpoint(best if best.is_file() else path)
    dataset = checkpoint.config["dataset"]
    features = tuple(dataset["features"])
    card = ModelCard(
        architecture=Architecture.of(checkpoint.config["model"], feature_channels(features)),
        features=features,
        voxel_size=dataset["voxel_size"],
        taxonomy=checkpoint.taxonomy,
        source="pointnc",
        origin=checkpoint.path.name,
        origin_sha256=file_sha256(checkpoint.path),
        license=license,
        head=HeadArchitecture.of(checkpoint.config.get("head")),
        precision=checkpoint.precision,
        notes=(f"Trained on {dataset['name']} with pointnc {checkpoint.version}.",),
    )
    return write(out, checkpoint.model_state, card, overwrite)
