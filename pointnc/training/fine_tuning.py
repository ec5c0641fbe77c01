"""Fine-tuning: a run that starts from the weights of another one, or of another code base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from pointnc.checks import check_option, check_whole
from pointnc.data.features import feature_channels, scene_array
from pointnc.models.segmentor import Segmentor
from pointnc.models.sonata import INPUT
from pointnc.runtime import distributed
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.architecture import TARGETS, Architecture, how_of
from pointnc.weights.skeleton import check_state, without_memory
from pointnc.weights.source import Source

HEAD = "head."
DECODER = "backbone.dec."
NECK = "backbone.neck."


def load_into(model: Segmentor, source: Source, taxonomy: Taxonomy) -> None:
    """Give a new network trained weights; its head stays as drawn where the classes or the kind of head are others.

    So does a neck that the weights' network had none of, and the head behind it. Which head it is, is said.

    Raises:
        UserError: the network has another architecture.
    """
    difference = "it had none" if source.taxonomy is None else source.taxonomy.difference(taxonomy)
    if not difference and _head_shapes(source.state) != _head_shapes(model.state_dict()):
        difference = "another kind of head"
    necks = [any(name.startswith(NECK) for name in names) for names in (model.state_dict(), source.state)]
    if necks == [True, False]:
        difference = "behind a neck that is new too; without one, model.neck=null, a head of the same classes is kept"
    new: tuple[str, ...] = (HEAD,) if difference else ()
    if necks == [True, False]:
        new += (NECK,)
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


def network_node(model: Mapping[str, Any], start: Source) -> dict[str, Any]:
    """Return the ``model`` node of a run that starts from weights.

    Args:
        model: the configuration's own: how a network is computed, the decoder behind an encoder alone, the neck behind
            a network without one whose features are narrower, and what of its input is absent from the data.
        start: the weights, whose network it is.

    Raises:
        UserError: a setting of the model is out of range.
    """
    decoder = {}
    if start.node.get("decoder_channels", ()) is None and model.get("decoder_channels"):
        decoder = {key: model.get(key) for key in ("decoder_channels", "decoder_depths")}
    absent = {}
    if "absent" in start.node:
        for name in model.get("absent") or ():
            check_option("model.absent", name, *INPUT)
        absent["absent"] = [name for name in INPUT if name in {*start.node["absent"], *(model.get("absent") or ())}]
    wanted, neck = model.get("neck"), {}
    check_whole("model.neck", wanted, least=1, optional=True)
    if wanted and not start.node.get("neck") and start.node["_target_"] in TARGETS:
        with without_memory():
            features = Architecture.of({**start.node, **decoder}, feature_channels(start.features)).build().out_channels
        neck = {"neck": wanted} if features < wanted else {}
    return {**start.node, **decoder, **neck, **absent, **how_of(model, start.node["_target_"])}


def input_features(model: Mapping[str, Any], start: Source) -> tuple[str, ...]:
    """Return the input channels of a run that starts from weights, without what ``model.absent`` puts zeros for.

    Args:
        model: the configuration's own.
        start: the weights.
    """
    absent = model.get("absent") or () if "absent" in start.node else ()
    return tuple(name for name in start.features if scene_array(name) not in absent)


def tell_input(start: Source, node: Mapping[str, Any], features: Sequence[str], voxel_size: float) -> None:
    """Print what the weights are used to where the data of a run may be different; on the first rank.

    Args:
        start: the weights.
        node: the ``model`` of the run.
        features: input channels of the run.
        voxel_size: edge of its voxels in meters.
    """
    if distributed.rank() != 0:
        return
    if "absent" in node:
        print(
            f"these weights see {', '.join(features)}; model.absent=[NAMES] puts zeros where the data lack coord, "
            "color or normal",
            flush=True,
        )
    if start.voxel_size != voxel_size:
        print(
            f"warning: these weights know voxels of {100 * start.voxel_size:g} cm, the run uses {100 * voxel_size:g} "
            f"cm; dataset.voxel_size={start.voxel_size:g} would be theirs",
            flush=True,
        )


def inherited_license(start: Source) -> str | None:
    """Return the license of the weights that a run starts from, where it is known."""
    if start.card is not None:
        return start.card.license
    return start.checkpoint.config.get("weights_license") if start.checkpoint else None


def short_name(path: Path) -> str:
    """The name of a bundle's folder, of a file, or of the run that a checkpoint belongs to."""
    named = {"model.safetensors": path.parent, "best.ckpt": path.parent.parent, "last.ckpt": path.parent.parent}
    return named.get(path.name, path.with_suffix("")).absolute().name
