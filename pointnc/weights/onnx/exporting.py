"""Trained networks written as ONNX."""

from __future__ import annotations

import json
from pathlib import Path

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.models.volt import Volt
from pointnc.weights.source import open_source


def export_onnx(path: Path, out: Path, overwrite: bool = False) -> str:
    """Write a trained network as an ONNX model; return what it is in a line.

    The file says under ``metadata_props`` which input channels it wants, the size of its voxels and the names of its
    classes, each as json.

    Args:
        path: a run, a checkpoint or published weights; see :func:`pointnc.weights.source.open_source`.
        out: the file to write.
        overwrite: whether to replace what stands there.

    Raises:
        UserError: the network has sparse convolutions, it has no classifier, onnx is not installed, or ``out`` is no
            place for a file.
    """
    source = open_source(path)
    backbone = source.network.backbone
    if not isinstance(backbone, Volt):
        raise UserError(
            f"ONNX is not supported for {type(backbone).__name__}: it has no sparse convolution (it has what Volt is "
            "made of); give out=FILE.safetensors or out=FOLDER",
            code="unsupported",
        )
    if out.suffix != ".onnx":
        raise UserError(f"out={out}: a model of ONNX is a file, out=FILE.onnx", code="path-kind")
    if out.exists() and (out.is_dir() or not overwrite):
        raise UserError(f"{out} exists already; overwrite=true replaces a file", code="exists")
    try:
        from pointnc.weights.onnx.volt import volt_model
    except ModuleNotFoundError:
        raise UserError("format=onnx needs onnx: pip install 'pointnc[onnx]'", code="no-package") from None
    model = source.build()
    assert source.taxonomy is not None
    notes = {
        "features": json.dumps(list(source.features)),
        "voxel_size": json.dumps(source.voxel_size),
        "classes": json.dumps(list(source.taxonomy.names)),
    }
    content = volt_model(model, notes).SerializeToString()
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_path(out) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise UserError(f"could not write {out} ({error.strerror})", code="file-access") from None
    return (
        f"coord (V, 3) int64 and features (V, {backbone.in_channels}) float32 to {len(source.taxonomy)} logits a "
        f"voxel; {', '.join(source.features)}, voxels of {100 * source.voxel_size:g} cm"
    )
