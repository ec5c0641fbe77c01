"""Fine-tuning: a run that starts from the weights of another one, or of another code base."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from pointnc.models.segmentor import Segmentor
from pointnc.runtime import distributed
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.architecture import how_of
from pointnc.weights.skeleton import check_state
from pointnc.weights.source import Source, open_source
from pointnc.weights.trust import trusted

HEAD = "head."
DECODER = "backbone.dec."


def load_into(model: Segmentor, source: Source, taxonomy: Taxonomy) -> None:
    """Give a new network trained weights; its head stays as drawn where the classes or the kind of head are others.

    Which head it is, is said.

    Raises:
        UserError: the network has another architecture.
    """
    difference = "it had none" if source.taxonomy is None else source.taxonomy.difference(taxonomy)
    if not difference and _head_shapes(source.state) != _head_shapes(model.state_dict()):
        difference = "another kind of head"
    new: tuple[str, ...] = (HEAD,) if difference else ()
    if not any(name.startswith(DECODER) for name in source.state):  # an encoder alone, which gets a decoder
        new += (DECODER,)
    state = {name: value for name, value in source.state.items() if not name.startswith(new)}
    own = {name: value for name, value in model.state_dict().items() if not name.startswith(new)}
    check_state(own, state, str(source.path))
    model.load_state_dict(state, strict=False)
    if distributed.rank() == 0:
        head = f"the head is new ({difference})" if difference else "the head too, since the classes are the same"
        print(f"weights of {source.path}: {head}", flush=True)


def _head_shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items() if name.startswith(HEAD)}


def read_start(config: DictConfig) -> Source:
    """Read what ``weights=`` names, and let its network and its input channels replace the configuration's.

    Args:
        config: of a run; ``model``, ``dataset.features`` and ``choice.model`` are set.

    Raises:
        UserError: the weights are missing, damaged or not pointnc's, or of a network that is not trusted.
    """
    start = open_source(config.weights, trusted(config.get("trust")))
    how = how_of(config.model, start.node["_target_"])
    OmegaConf.update(config, "model", {**start.node, **_decoder(config, start), **how}, merge=False, force_add=True)
    OmegaConf.update(config, "dataset.features", list(start.features), merge=False)
    OmegaConf.update(config, "choice.model", _short_name(start.path))
    inherited = (
        start.card.license if start.card else start.checkpoint and start.checkpoint.config.get("weights_license")
    )
    OmegaConf.update(config, "weights_license", inherited, force_add=True)
    if start.voxel_size != config.dataset.voxel_size and distributed.rank() == 0:
        print(
            f"warning: these weights know voxels of {100 * start.voxel_size:g} cm, the run uses "
            f"{100 * config.dataset.voxel_size:g} cm; dataset.voxel_size={start.voxel_size:g} would be theirs",
            flush=True,
        )
    return start


def _decoder(config: DictConfig, start: Source) -> dict[str, Any]:
    """Return the decoder that the configuration puts behind weights of an encoder alone."""
    if start.node.get("decoder_channels", ()) is not None or not config.model.get("decoder_channels"):
        return {}
    return {key: config.model.get(key) for key in ("decoder_channels", "decoder_depths")}


def _short_name(path: Path) -> str:
    """The name of a bundle's folder, of a file, or of the run that a checkpoint belongs to."""
    named = {"model.safetensors": path.parent, "best.ckpt": path.parent.parent, "last.ckpt": path.parent.parent}
    return named.get(path.name, path.with_suffix("")).absolute().name
