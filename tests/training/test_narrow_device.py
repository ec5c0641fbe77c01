"""A device without float64, as Apple's MPS: what a training step computes there has none."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pointnc.collapse import ClassScatter, NearestCenter, precision
from pointnc.commands.entry import config_folder
from pointnc.losses import PriorLoss, losses_with_prior

CLASSES, CHANNELS = 7, 8


class NoFloat64(TorchDispatchMode):
    """Refuses every result in float64, and says which line asked for it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if any(isinstance(leaf, Tensor) and leaf.dtype == torch.float64 for leaf in tree_leaves(out)):
            lines = [frame for frame in traceback.extract_stack() if "/pointnc/" in frame.filename]
            raise AssertionError(f"float64 by {func} in {lines[-1].filename}:{lines[-1].lineno}")
        return out


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(precision.WIDEST, "cpu", torch.float32)
    monkeypatch.setattr(PriorLoss, "exact_counts", lambda self: self.counts)


def points() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(60, CHANNELS, generator=generator)
    return features.requires_grad_(), torch.randint(-1, CLASSES - 1, (60,), generator=generator)


def names(group: str) -> list[str]:
    return sorted(file.stem for file in (config_folder() / group).glob("*.yaml"))


def build(group: str, name: str, **more: Any) -> Any:
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", [f"{group}={name}"])
    return instantiate(OmegaConf.select(config, group), **more)


@pytest.mark.parametrize("name", names("loss"))
def test_losses(name: str) -> None:
    loss = build("loss", name)
    for part in losses_with_prior(loss):
        part.set_prior(torch.arange(CLASSES))
    features, labels = points()
    weight = torch.randn(CLASSES, CHANNELS)
    with NoFloat64():
        loss(features @ weight.T, labels).backward()


@pytest.mark.parametrize("name", names("regularizer"))
def test_regularizers(name: str) -> None:
    regularizer = build("regularizer", name, num_classes=CLASSES, in_channels=CHANNELS)
    if regularizer.log_prior != "off":
        regularizer.set_prior(torch.arange(CLASSES) + 1)
    features, labels = points()
    weight = torch.randn(CLASSES, CHANNELS)
    with NoFloat64():
        for _ in range(2):
            loss = torch.nn.functional.cross_entropy(features @ weight.T, labels, ignore_index=-1)
            penalty = regularizer(features, labels, offsets=torch.tensor([0, 20, 60]))
            (loss + regularizer.strength(loss, penalty, features, labels) * penalty).backward()


def test_measures() -> None:
    features, labels = points()
    near = NearestCenter(torch.randn(CLASSES, CHANNELS), torch.ones(CLASSES, dtype=torch.bool))
    with NoFloat64():
        near.update(features, labels.clamp_min(0), labels)
    assert ClassScatter(CLASSES, CHANNELS, device="mps").means.device.type == "cpu"  # where it has float64
