"""Exported to ONNX, a Volt computes in onnxruntime what it computes in torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from pointnc.models import CosineHead, ETFHead, Segmentor, Volt
from pointnc.weights.onnx.volt import volt_model
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake
from tests.helpers.voxels import random_voxels
from tests.oracles.volt import random_state
from tests.weights.foreign.test_volt import write

WEIGHTS = "pointnc.weights"


def scene(extent: int, share: float) -> tuple[Tensor, Tensor]:
    coord = random_voxels(1, extent, share, seed=extent)
    return coord, torch.randn(len(coord), 4, generator=torch.Generator().manual_seed(1))


def logits(session: Any, coord: Tensor, features: Tensor) -> Tensor:
    (result,) = session.run(["logits"], {"coord": coord[:, 1:].long().numpy(), "features": features.numpy()})
    return torch.from_numpy(result)


class Batch:
    batch_size = 1

    def __init__(self, coord: Tensor, features: Tensor) -> None:
        self.coord, self.features = coord, features


@pytest.mark.parametrize("head", ["linear", "cosine", "etf"])
@pytest.mark.parametrize("neck", [None, 9])
def test_the_graph_computes_the_network_for_any_number_of_voxels(head: str, neck: int | None) -> None:
    torch.manual_seed(0)
    backbone = Volt(4, channels=128, depth=2, out_channels=6, neck=neck)
    backbone.load_state_dict(random_state(), strict=False)
    width = backbone.out_channels
    heads = {"linear": None, "cosine": CosineHead(width, 5), "etf": ETFHead(width, 5, scale=2.0)}
    model = Segmentor(backbone, 5, heads[head])
    for _ in range(3):  # the neck's batch norm gets statistics of its own
        model.train()(Batch(*scene(13, 0.1)))
    model.eval()
    session = onnxruntime.InferenceSession(volt_model(model, {}).SerializeToString())
    for extent, share in ((13, 0.05), (30, 0.02), (2, 1.0), (1, 1.0)):
        coord, features = scene(extent, share)
        with torch.no_grad():
            expected = model(Batch(coord, features)).logits
        torch.testing.assert_close(logits(session, coord, features), expected, rtol=1e-4, atol=1e-4)


def test_weights_become_a_file_that_says_what_it_wants(tmp_path: Path) -> None:
    write(tmp_path / "a.pth", {"seg_head": 200})
    run(WEIGHTS, "import=a.pth", "out=w", folder=tmp_path)
    done = run(WEIGHTS, "export=w", "format=onnx", "out=a.onnx", folder=tmp_path)
    assert "200 logits a voxel; color_unit, normal, voxels of 2 cm" in done.stdout
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    notes = session.get_modelmeta().custom_metadata_map
    assert json.loads(notes["features"]) == ["color_unit", "normal"] and json.loads(notes["voxel_size"]) == 0.02
    assert len(json.loads(notes["classes"])) == 200
    result = session.run(None, {"coord": np.zeros((1, 3), np.int64), "features": np.zeros((1, 6), np.float32)})
    assert result[0].shape == (1, 200)
    for arguments, mistake in (
        (["out=a.onnx"], ("exists", "a.onnx", "overwrite=true")),
        (["out=b", "format=onnx"], ("path-kind", "out=b", "out=FILE.onnx")),
        (["out=b.onnx", "format=tflite"], ("option", "format=tflite", "auto, safetensors, onnx")),
    ):
        assert_mistake(run(WEIGHTS, "export=w", *arguments, folder=tmp_path, code=2), *mistake)
    run(WEIGHTS, "export=w", "out=a.onnx", "overwrite=true", folder=tmp_path)


def test_without_onnx_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.pth", {"seg_head": 200})
    run(WEIGHTS, "import=a.pth", "out=w", folder=tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in ("graph", "volt"):
        monkeypatch.delitem(sys.modules, f"pointnc.weights.onnx.{name}", raising=False)
    done = run(WEIGHTS, "export=w", "out=a.onnx", folder=tmp_path, code=2)
    assert_mistake(done, "no-package", "'pointnc[onnx]'", "format=onnx")
    assert not (tmp_path / "a.onnx").exists()
