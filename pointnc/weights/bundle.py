"""Bundles: a folder that holds weights and all that is needed to run them, for people and for programs.

What counts is inside ``model.safetensors``; the texts beside it are copies for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.files.leftovers import sweep
from pointnc.weights.card import ModelCard
from pointnc.weights.published import WEIGHTS, count_parameters, save_weights
from pointnc.weights.readme import render_readme


def save_bundle(folder: str | Path, state: Mapping[str, Tensor], card: ModelCard, overwrite: bool = False) -> ModelCard:
    """Write a folder with weights, README, taxonomy and configuration; it runs wherever a checkpoint does.

    Args:
        folder: the folder to make.
        state: as for :func:`~pointnc.weights.published.save_weights`.
        card: what the weights are.
        overwrite: whether to replace what stands there.

    Raises:
        UserError: the folder exists and is not to be replaced, or it holds something else than a bundle.
    """
    if Path(folder).exists() and not overwrite:
        raise UserError(f"{folder} exists; give another out= or overwrite=true", code="exists")
    if Path(folder).is_dir() and any(Path(folder).iterdir()) and not (Path(folder) / WEIGHTS).is_file():
        raise UserError(
            f"{folder} is no bundle of weights (it has no {WEIGHTS}) and is left as it is; give another out=",
            code="not-ours",
        )
    sweep(Path(folder).parent)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        card = save_weights(temporary / WEIGHTS, state, card)
        parameters = count_parameters(state)
        (temporary / "README.md").write_text(render_readme(card, parameters), encoding="utf-8")
        copy = f"# A copy for reading: the values inside {WEIGHTS} count.\n"
        if card.taxonomy is not None:
            _write_yaml(temporary / "taxonomy.yaml", copy, card.taxonomy.to_dict())
        dataset = {"features": list(card.features), "voxel_size": card.voxel_size}
        head = {} if card.head.is_linear else {"head": card.head.node()}
        _write_yaml(temporary / "config.yaml", copy, {"model": card.architecture.node(), **head, "dataset": dataset})
    return card


def _write_yaml(path: Path, heading: str, data: Mapping[str, Any]) -> None:
    path.write_text(heading + yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True), encoding="utf-8")
