"""The parts of training and scoring on the stand-in device: values of the CPU, no mixture of devices, few waits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from pointnc.collapse.nearest import NearestCenter
from pointnc.data.batch import VoxelBatch
from pointnc.inference.labeler import PointVotes, label_points
from pointnc.losses import CrossEntropy, losses_with_prior
from pointnc.models.heads import CosineHead, ETFHead, LinearHead
from pointnc.models.segmentor import SegmentorOutput
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.scoring.metric import ConfusionMatrix
from pointnc.training.collapse_meter import CollapseMeter
from tests.cuda.waits import Waits

V, D, K, N = 400, 24, 10, 3000
CONF = Path(__file__).parents[2] / "conf"
GENERATOR = torch.Generator().manual_seed(0)
FEATURES = torch.randn(V, D, generator=GENERATOR)
LOGITS = torch.randn(V, K, generator=GENERATOR)
LABELS = torch.randint(-1, K, (V,), generator=GENERATOR)
OFFSETS = torch.tensor([0, 150, 150, V])


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def value_and_gradient(part: nn.Module, x: Tensor, device: str, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Call a part on a device, and go back if there is a way."""
    x = x.clone().to(device).requires_grad_()
    moved = [arg.to(device) if isinstance(arg, Tensor) else arg for arg in args]
    value = part.to(device)(x, *moved, **{key: arg.to(device) for key, arg in kwargs.items()})
    if value.requires_grad:
        value.float().sum().backward()
    return value.detach().cpu(), torch.zeros(()) if x.grad is None else x.grad.cpu()


def assert_same(part: Any, x: Tensor, *args: Any, **kwargs: Any) -> None:
    """Compare a part, made by a call, on the device and on the CPU."""
    ours, theirs = (value_and_gradient(part(), x, device, *args, **kwargs) for device in ("cuda", "cpu"))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [*names("loss"), "with weights of classes"])
def test_losses(name: str, waits: Waits) -> None:
    def loss() -> nn.Module:
        if name not in names("loss"):
            return CrossEntropy(class_weights=[0.5 + k for k in range(K)])
        made = instantiate(OmegaConf.load(CONF / "loss" / f"{name}.yaml"))
        for part in losses_with_prior(made):
            part.set_prior(torch.arange(1, K + 1))
        return made

    assert_same(loss, LOGITS, LABELS)
    loss().to("cuda")(LOGITS.cuda(), torch.full((V,), -1).cuda())  # nothing to learn from


SETTINGS: list[dict[str, Any]] = [
    {},
    {"dropout": 0.3},
    {"log_prior": "points"},
    {"centers": "batch_synchronized"},
    {"reduce_channels": 8, "project": "always", "projector": "trainable"},
    {"min_updates": 3, "ramp_steps": 4},
    {"frame": "spread"},
]


CASES = [
    pytest.param(name, settings, id=f"{name} {' '.join(settings)}")
    for name in names("regularizer")
    for settings in SETTINGS
    if not settings or name not in ("none", "region_rebalance")
]


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_regularizers(name: str, settings: dict[str, Any], waits: Waits) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = compose("train", [f"regularizer={name}", "choice={}"]).regularizer

    def regularizer() -> nn.Module:
        torch.manual_seed(0)
        made = instantiate(node, num_classes=K, in_channels=D, **settings)
        if made.log_prior != "off":
            made.set_prior(torch.arange(1, K + 1))
        made(FEATURES, LABELS, offsets=OFFSETS)  # on the CPU: what it remembers moves with it
        return made

    assert_same(regularizer, FEATURES, LABELS, offsets=OFFSETS)
    moved = regularizer().to("cuda").eval()
    value_and_gradient(moved, FEATURES, "cuda", LABELS, offsets=OFFSETS)
    centers, seen = moved.centers()
    assert centers.is_cuda and seen.is_cuda
    moved.load_state_dict(moved.state_dict())


HEADS = {
    "linear": lambda: LinearHead(D, K),
    "etf": lambda: ETFHead(D, K),
    "etf, trained projector": lambda: ETFHead(D, K, projector="trainable"),
    "cosine": lambda: CosineHead(D, K),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads(name: str, waits: Waits) -> None:
    def head() -> nn.Module:
        torch.manual_seed(0)
        return HEADS[name]()

    assert_same(head, FEATURES)
    with torch.autocast("cuda", torch.float16):
        assert head().cuda()(FEATURES.cuda()).isfinite().all()


def scene_batch() -> VoxelBatch:
    """Points of three scenes, one of them without voxels, most with the label of their voxel."""
    inverse = torch.randint(0, V, (N,), generator=torch.Generator().manual_seed(1))
    inverse[:V] = torch.arange(V)
    other = torch.randint(-1, K, (N,), generator=torch.Generator().manual_seed(2))
    return VoxelBatch(
        coord=torch.zeros(V, 4, dtype=torch.int32),
        features=torch.zeros(V, 3),
        segment=LABELS,
        offsets=OFFSETS,
        names=["a", "b", "c"],
        inverse=inverse,
        point_offsets=torch.tensor([0, 1000, 1000, N]),
        point_segment=torch.where(
            torch.rand(N, generator=torch.Generator().manual_seed(3)) < 0.7, LABELS[inverse], other
        ),
    )


def test_collapse_is_measured_wherever_the_network_is_afterwards(waits: Waits) -> None:
    """After a validation Lightning moves the network to the CPU; the meter stays where it counted."""
    taxonomy = Taxonomy.from_dict(
        {"names": [f"c{k}" for k in range(K)], "groups": (["head", "common", "tail", "tail"] * 3)[:K]}
    )
    centers = torch.randn(K, D, generator=torch.Generator().manual_seed(4))
    torch.manual_seed(0)
    model = nn.ModuleDict({"head": LinearHead(D, K)})
    found = []
    for device, afterwards in (("cpu", "cpu"), ("cuda", "cuda"), ("cuda", "cpu")):
        meter = CollapseMeter(taxonomy, NearestCenter(centers.to(device), (centers[:, 0] > -1).to(device)))
        output = SegmentorOutput(FEATURES.to(device), LOGITS.to(device))
        for _ in range(2):
            meter.update(output, scene_batch().to(device))
        measures = meter.compute(SimpleNamespace(head=model["head"].to(afterwards)))  # type: ignore[arg-type]
        found.append({**measures, **meter.left_out()})
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for group in ("all", "head", "common", "tail"):
            assert other[group] == pytest.approx(found[0][group], rel=1e-3, abs=1e-6), group


def test_labels_and_votes(waits: Waits) -> None:
    batch = scene_batch()
    ours, theirs = label_points(LOGITS.cuda(), batch.to("cuda")), label_points(LOGITS, batch)
    assert [labels.tolist() for labels in ours] == [labels.tolist() for labels in theirs]
    assert batch.inverse is not None
    found = []
    for device in ("cuda", "cpu"):
        votes = PointVotes()
        votes.add(LOGITS.to(device), batch.inverse.to(device))
        votes.add(LOGITS.flip(0).to(device), batch.inverse.to(device))
        votes.add_some(LOGITS[:5].to(device), torch.arange(5, device=device), N)
        found.append([value.cpu() for value in (votes.labels(), votes.confidence(), votes.probabilities())])
    torch.testing.assert_close(found[0], found[1])


def test_confusion_stays_on_the_device(waits: Waits) -> None:
    batch = scene_batch()
    assert batch.point_segment is not None
    counts = []
    for device in ("cuda", "cpu"):
        confusion = ConfusionMatrix(K).to(device)
        labels = torch.cat(label_points(LOGITS.to(device), batch.to(device)))
        waits.reset()
        confusion.update(labels, batch.point_segment.to(device))
        counts.append(confusion.compute())
    assert counts[0].is_cuda and torch.equal(counts[0].cpu(), counts[1])
