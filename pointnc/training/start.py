"""Fine-tuning: a run that starts from the weights of another one, or of another code base."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from pointnc import distributed
from pointnc.models.architecture import HOW
from pointnc.models.loading import check_state, locate
from pointnc.models.segmentor import Segmentor
from pointnc.models.weights import read_weights, weights_file
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.checkpoint import load_model_state, read_checkpoint
from pointnc.training.network import input_of, model_node, network_of
from pointnc.training.trained import is_weights
from pointnc.training.trust import trusted

HEAD = "head."


@dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes:
        path: the file they came from.
        model: the ``model`` node of a configuration that builds their backbone.
        features: the input channels they expect.
        voxel_size: edge in metres of the voxels that they were trained on.
        taxonomy: the classes of their head; None where they have none.
        state: the state of the Segmentor.
    """

    path: Path
    model: Mapping[str, Any]
    features: tuple[str, ...]
    voxel_size: float
    taxonomy: Taxonomy | None
    state: Mapping[str, Tensor]

    def load_into(self, model: Segmentor, taxonomy: Taxonomy) -> None:
        """Give a new network these weights; its head stays as drawn where the classes or the kind of head are others.

        Which head it is, is said.

        Raises:
            UserError: the network has another architecture.
        """
        difference = "it had none" if self.taxonomy is None else self.taxonomy.difference(taxonomy)
        if not difference and _head_shapes(self.state) != _head_shapes(model.state_dict()):
            difference = "another kind of head"
        state = {name: value for name, value in self.state.items() if not (difference and name.startswith(HEAD))}
        own = {name: value for name, value in model.state_dict().items() if not (difference and name.startswith(HEAD))}
        check_state(own, state, str(self.path))
        model.load_state_dict(state, strict=False)
        if distributed.rank() == 0:
            head = f"the head is new ({difference})" if difference else "the head too, since the classes are the same"
            print(f"weights of {self.path}: {head}", flush=True)


def _head_shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items() if name.startswith(HEAD)}


def read_start(config: DictConfig) -> Start:
    """Read what ``weights=`` names, and let its network and its input channels replace the configuration's.

    Args:
        config: of a run; ``model``, ``dataset.features`` and ``choice.model`` are set.

    Raises:
        UserError: the weights are missing, damaged or not pointnc's, or of a network that is not trusted.
    """
    if is_weights(config.weights):
        start = _from_weights(config.weights)
    else:
        start = _from_run(Path(config.weights), trusted(config.get("trust")))
    how = {key: config.model[key] for key in HOW if key in config.model}
    OmegaConf.update(config, "model", {**start.model, **how}, merge=False, force_add=True)
    OmegaConf.update(config, "dataset.features", list(start.features), merge=False)
    OmegaConf.update(config, "choice.model", _short_name(start.path))
    if start.voxel_size != config.dataset.voxel_size and distributed.rank() == 0:
        print(
            f"warning: these weights know voxels of {100 * start.voxel_size:g} cm, the run uses "
            f"{100 * config.dataset.voxel_size:g} cm; dataset.voxel_size={start.voxel_size:g} would be theirs",
            flush=True,
        )
    return start


def _from_weights(path: str) -> Start:
    file = weights_file(locate(path))
    card, state = read_weights(file)
    return Start(file, card.architecture.node(), card.features, card.voxel_size, card.taxonomy, state)


def _from_run(path: Path, trust: Collection[str]) -> Start:
    best = path / "checkpoints" / "best.ckpt"
    checkpoint = read_checkpoint(best if best.is_file() else path)
    source = input_of(checkpoint)
    load_model_state(network_of(checkpoint, trust), checkpoint, checkpoint.taxonomy)  # before memory is asked for
    return Start(
        checkpoint.path,
        model_node(checkpoint, trust),
        source.features,
        source.voxel_size,
        checkpoint.taxonomy,
        checkpoint.model_state,
    )


def _short_name(path: Path) -> str:
    """The name of a bundle's folder, of a file, or of the run that a checkpoint belongs to."""
    named = {"model.safetensors": path.parent, "best.ckpt": path.parent.parent, "last.ckpt": path.parent.parent}
    return named.get(path.name, path.with_suffix("")).absolute().name
