"""Runs of one's own, as weights that others can use."""

from __future__ import annotations

from pathlib import Path

from pointnc.data.features import feature_channels
from pointnc.files.hashes import file_sha256
from pointnc.weights.architecture import Architecture
from pointnc.weights.card import ModelCard
from pointnc.weights.head_architecture import HeadArchitecture
from pointnc.weights.network import input_of
from pointnc.weights.source import read_run
from pointnc.weights.writing import write


def export_run(path: Path, out: Path, license: str = "unknown", overwrite: bool = False) -> ModelCard:  # noqa: A002
    """Write the network of a run as a ``.safetensors`` file or, without that suffix, as a bundle.

    Args:
        path: a run folder, of which the best checkpoint is taken, or a checkpoint.
        out: the file or folder to write.
        license: under which the weights may be used; "unknown": that of the weights that the run started from.
        overwrite: whether to replace what stands at ``out``.

    Raises:
        UserError: there is no checkpoint, or its backbone is not one of pointnc's.
    """
    # Nothing is built here: a network of somebody else's cannot be published anyhow.
    checkpoint = read_run(path)
    expected = input_of(checkpoint)
    inherited = str(checkpoint.config.get("weights_license") or "unknown")
    card = ModelCard(
        architecture=Architecture.of(checkpoint.config["model"], feature_channels(expected.features)),
        features=expected.features,
        voxel_size=expected.voxel_size,
        taxonomy=checkpoint.taxonomy,
        source="pointnc",
        origin=checkpoint.path.name,
        origin_sha256=file_sha256(checkpoint.path),
        license=license if license not in (None, "", "unknown") else inherited,
        head=HeadArchitecture.of(checkpoint.config.get("head")),
        precision=checkpoint.precision,
        notes=(f"Trained on {checkpoint.config['dataset']['name']} with pointnc {checkpoint.version}.",),
    )
    return write(out, checkpoint.model_state, card, overwrite)
