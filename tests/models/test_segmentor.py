"""The whole network: what it returns, that it learns, and when spconv is imported."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import pointnc
from pointnc.data.batch import Sample, collate
from pointnc.models import LinearHead, MinkUNet, Segmentor
from tests.helpers.voxels import random_voxels


@dataclass(frozen=True)
class Voxels:
    coord: Tensor
    features: Tensor
    batch_size: int = 2


def small_segmentor(num_classes: int = 4) -> Segmentor:
    backbone = MinkUNet(3, planes=(8, 12, 12, 16), layers=(1, 1, 1, 1), stem_channels=8, stem_kernel=3)
    return Segmentor(backbone, num_classes)


def test_logits_are_the_head_of_the_features() -> None:
    model, coord = small_segmentor(), random_voxels()
    features, logits = model(Voxels(coord, torch.randn(len(coord), 3)))
    assert isinstance(model.head, LinearHead) and model.head.weight.shape == (4, 16)
    assert features.shape == (len(coord), 16) and logits.shape == (len(coord), 4)
    torch.testing.assert_close(logits, features @ model.head.weight.T + model.head.bias)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_outputs_are_float32_under_autocast_too(dtype: torch.dtype) -> None:
    model, coord = small_segmentor().eval(), random_voxels()
    batch = Voxels(coord, torch.randn(len(coord), 3))
    with torch.autocast("cpu", dtype=dtype):
        under_autocast = model(batch)
    plain = model(batch)
    assert under_autocast.logits.dtype == under_autocast.features.dtype == torch.float32
    assert torch.equal(under_autocast.logits, plain.logits)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_training_step_under_autocast_on_a_cpu_is_that_without(dtype: torch.dtype) -> None:
    coord = random_voxels()
    batch = Voxels(coord, torch.randn(len(coord), 3))
    target = torch.arange(len(coord)) % 4
    models = [small_segmentor(), small_segmentor()]
    models[1].load_state_dict(models[0].state_dict())
    for model, enabled in zip(models, (True, False)):
        with torch.autocast("cpu", dtype=dtype, enabled=enabled):
            loss = F.cross_entropy(model(batch).logits, target)
        loss.backward()
    for (name, parameter), other in zip(models[0].named_parameters(), models[1].parameters()):
        assert parameter.grad is not None and torch.equal(parameter.grad, other.grad), name  # type: ignore[arg-type]


def test_a_training_step_is_the_same_with_a_sample_that_a_crop_left_empty() -> None:
    generator = np.random.default_rng(0)

    def sample(name: str, rows: int) -> Sample:
        grid = np.argwhere(generator.random((8, 8, 8)) < 0.5)[:rows].astype(np.int32)
        features = generator.standard_normal((len(grid), 3)).astype(np.float32)
        return Sample(name, grid, features, np.arange(len(grid)) % 4)

    first, nothing, last = sample("first", 200), sample("nothing", 0), sample("last", 100)
    models = [small_segmentor(), small_segmentor()]
    models[1].load_state_dict(models[0].state_dict())
    for model, samples in zip(models, ([first, nothing, last], [first, last])):
        batch = collate(samples)
        assert batch.batch_size == len(samples) and len(batch) == 300 and batch.segment is not None
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        F.cross_entropy(model.train()(batch).logits, batch.segment).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
    for (name, value), other in zip(models[0].state_dict().items(), models[1].state_dict().values()):
        torch.testing.assert_close(value, other, msg=name)


def test_learns_classes_that_only_the_neighborhood_tells_apart() -> None:
    """Every voxel carries the same features; its class is its number of neighbors along z: none, one or two."""
    coord = random_voxels(samples=2, extent=10, share=0.4)
    occupied = {tuple(voxel) for voxel in coord.tolist()}
    count = [sum((b, x, y, z + step) in occupied for step in (-1, 1)) for b, x, y, z in coord.tolist()]
    labels = torch.tensor(count)
    model = small_segmentor(num_classes=3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    batch = Voxels(coord, torch.ones(len(coord), 3))
    losses = []
    for _ in range(25):
        loss = F.cross_entropy(model(batch).logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    majority = labels.bincount().max() / len(labels)
    accuracy = (model(batch).logits.argmax(dim=1) == labels).float().mean()
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy > majority + 0.5 * (1 - majority)


def test_building_a_model_does_not_import_spconv() -> None:
    program = (
        "import sys; from pointnc.models import MinkUNet, Segmentor; "
        "Segmentor(MinkUNet(3, (8, 8), (1, 1)), 2); sys.exit('spconv' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_few_files_know_spconv() -> None:
    package = Path(pointnc.__file__).parent
    lines = {path: path.read_text(encoding="utf-8").splitlines() for path in package.rglob("*.py")}
    importers = {p.name for p, text in lines.items() if any(re.match(r"\s*(import|from) spconv", x) for x in text)}
    # The doctor's trial asks the build what it was compiled for.
    assert importers == {"spconv_build.py", "spconv_convolution.py", "trial.py"}
