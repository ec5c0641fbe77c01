"""Checkpoints of other code bases, converted to weights with a card."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pointnc.benchmarks import scannet
from pointnc.data.features import feature_channels
from pointnc.errors import UserError
from pointnc.files.hashes import file_sha256
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.card import ModelCard
from pointnc.weights.foreign import Converted, convert, read_keywords, read_state, recognize, sonata
from pointnc.weights.foreign.minkowski import KernelOrder
from pointnc.weights.writing import write

CUSTOMARY_INPUT = {
    ("minkowski", 3): ("color_half",),
    ("pointcept", 3): ("color",),
    ("pointcept", 6): ("color", "normal"),
    ("pointcept", 9): ("coord", "color", "normal"),
    ("volt", 3): ("color_unit",),
    ("volt", 6): ("color_unit", "normal"),
    ("sonata", 9): ("coord", "color_unit", "normal"),
}
"""Code base and number of input channels to the features that its published ScanNet recipes feed."""

CUSTOMARY_VOXEL_SIZE = 0.02
"""Meters; what the published ScanNet recipes use."""

BENCHMARKS = {20: "scannet20", 200: "scannet200"}
"""Number of outputs to the label set that has as many classes."""


@dataclass(frozen=True)
class ImportOptions:
    """What a foreign checkpoint does not say of itself; None or "auto" asks for the customary, which is noted.

    Attributes:
        source: "auto", "minkowski", "pointcept", "volt" or "sonata".
        head: whether the last layer is a "classifier" or gives "features"; "auto": by the taxonomy. Of several
            heads the name of one.
        kernel_order: how a MinkowskiEngine counts the offsets of its kernels: "auto", "cube", "hybrid" or
            "hybrid_product" (:data:`pointnc.weights.foreign.minkowski.KernelOrder`).
        taxonomy: "auto" (by the number of outputs), "none", the name of a benchmark, or a yaml file.
        features: names out of :data:`pointnc.data.features.CHANNELS`, in the order of the input channels.
        voxel_size: meters.
        license: as the publisher states it.
        allow_pickle: whether a file may be read that can run code.
        overwrite: whether to replace what stands at the target.
    """

    source: Literal["auto", "minkowski", "pointcept", "volt", "sonata"] = "auto"
    head: str = "auto"
    kernel_order: KernelOrder = "auto"
    taxonomy: str = "auto"
    features: Sequence[str] | None = None
    voxel_size: float | None = None
    license: str = "unknown"
    allow_pickle: bool = False
    overwrite: bool = False


def import_file(path: Path, out: Path, options: ImportOptions) -> ModelCard:
    """Convert a foreign checkpoint and write it as a ``.safetensors`` file or, without that suffix, as a bundle.

    Raises:
        UserError: the file is missing, damaged, of an unknown or unsupported network, or the options disagree
            with it.
    """
    if options.taxonomy == "none" and options.head not in ("auto", "features"):
        raise UserError(
            f"head={options.head} is a classifier, and taxonomy=none says that there are no classes: leave out one of "
            "the two",
            code="conflicting-settings",
        )
    state = read_state(path, options.allow_pickle)
    as_features = options.head == "features" or (options.head == "auto" and options.taxonomy == "none")
    try:
        source = recognize(state) if options.source == "auto" else options.source
        head = "features" if as_features else options.head
        keywords = read_keywords(path, options.allow_pickle) if source == "sonata" else {}
        converted = convert(state, source, head, options.kernel_order, keywords)
    except UserError as error:
        raise UserError(f"{path}: {error}", code=error.code) from None
    if source == "sonata" and options.features is not None:
        converted = replace(converted, architecture=sonata.with_input(converted.architecture, options.features))
    features, voxel_size, assumed = _input(converted, source, options)
    taxonomy = _taxonomy(converted, options.taxonomy)
    if taxonomy is not None and options.taxonomy == "auto":
        assumed.append(f"{len(taxonomy)} outputs are taken for the classes of {taxonomy.name} in official order.")
    license_of_weights = options.license
    if options.license in (None, "", "unknown") and source == "sonata":
        license_of_weights = sonata.LICENSE
        assumed.append(f"All weights of Sonata and Concerto so far are under {sonata.LICENSE}: for no commercial use.")
    elif options.license in (None, "", "unknown"):
        assumed.append("The file does not say its license: look where it comes from before you use it or pass it on.")
    card = ModelCard(
        architecture=converted.architecture,
        features=features,
        voxel_size=voxel_size,
        taxonomy=taxonomy,
        source=source,
        origin=path.name,
        origin_sha256=file_sha256(path),
        license=license_of_weights,
        notes=(*converted.notes, *assumed),
    )
    return write(out, converted.state, card, options.overwrite)


def _input(converted: Converted, source: str, options: ImportOptions) -> tuple[tuple[str, ...], float, list[str]]:
    channels = converted.architecture.arguments["in_channels"]
    assumed = []
    if options.features is None:
        # The teachers of Volt see what Volt sees.
        code_base = "volt" if converted.named_heads else source
        features = CUSTOMARY_INPUT.get((code_base, channels), ())
        if not features:
            raise UserError(
                f"this network has {channels} input channels and nothing says which: name them in their order, "
                "for example features=[color,normal] (colors: color is -1 to 1, color_unit 0 to 1, color_half "
                "-0.5 to 0.5)",
                code="missing-setting",
            )
        assumed.append(f"The {channels} input channels are taken for {', '.join(features)}, as {code_base} feeds them.")
    else:
        given = feature_channels(options.features)
        features = tuple(options.features)
        if given != channels:
            raise UserError(
                f"features=[{','.join(features)}] are {given} channels, this network has {channels}", code="channels"
            )
    voxel_size = options.voxel_size
    if voxel_size is None:
        voxel_size = CUSTOMARY_VOXEL_SIZE
        assumed.append(f"The voxel size is taken for {100 * voxel_size:g} cm.")
    elif not isinstance(voxel_size, int | float) or isinstance(voxel_size, bool) or not 0 < voxel_size < math.inf:
        raise UserError(f"voxel_size={voxel_size}: it must be a number of meters above 0", code="option")
    return features, float(voxel_size), assumed


def _taxonomy(converted: Converted, choice: str) -> Taxonomy | None:
    outputs = converted.outputs
    if not isinstance(choice, str):
        raise UserError(
            f"taxonomy={choice}: it must be auto, none, the name of a label set or a yaml file", code="unknown-name"
        )
    if outputs is None or choice == "none":
        return None
    if choice == "auto":
        if outputs not in BENCHMARKS:
            raise UserError(
                f"this network has {outputs} outputs and nothing says which classes they are: give taxonomy=FILE.yaml "
                "(a list 'names' in the order of the outputs), or taxonomy=none if they are no classes but features",
                code="missing-setting",
            )
        return scannet.taxonomy(BENCHMARKS[outputs])
    named = choice in BENCHMARKS.values()
    taxonomy = scannet.taxonomy(choice) if named else Taxonomy.from_yaml(choice)
    if len(taxonomy) != outputs:
        raise UserError(
            f"taxonomy={choice} has {len(taxonomy)} classes, this network has {outputs} outputs", code="other-length"
        )
    return taxonomy
