"""Whole networks on a device against the CPU: outputs in evaluation, and ten steps of training."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from pointnc.commands.entry import config_folder
from pointnc.models.segmentor import Segmentor
from pointnc.proof.subjects import HALF, Outcome, Subject, bound, precision_name, relative_error, room_voxels

NETWORKS = ("minkunet_tiny", "minkunet34c", "spunet", "volt_tiny")
CHANNELS, CLASSES, STEPS = 6, 20, 10
REFERENCE = Subject(torch.device("cpu"), "cpu")


def build(name: str, subject: Subject, **settings: Any) -> Any:
    """Return a network of ``conf/model`` on the subject's device, its batch norms as if it had been trained."""
    torch.manual_seed(0)
    node = OmegaConf.load(config_folder() / "model" / f"{name}.yaml")
    if "engine" in node:
        settings["engine"] = subject.engine
    network: nn.Module = instantiate(node, in_channels=CHANNELS, **settings)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return network.to(subject.device)


def check_networks(subject: Subject) -> list[Outcome]:
    """Return an outcome for each network: its features in evaluation mode, an empty scene among the samples."""
    samples = 3  # of which the last is empty
    coord = room_voxels(1500 if subject.is_small else 10_000, samples - 1)
    features = torch.randn(len(coord), CHANNELS, generator=torch.Generator().manual_seed(2))
    outcomes = []
    for name in NETWORKS:
        errors: dict[str, float] = {}
        passed = True
        with torch.no_grad():
            exact = build(name, REFERENCE).eval().double()(coord, features.double(), samples)
            network = build(name, subject).eval()
            for half in subject.precisions:
                with subject.autocast(half):
                    out = network(coord.to(subject.device), features.to(subject.device), samples)
                error = relative_error(out, exact)
                # Rounding grows over some fifty layers in half precision.
                passed &= error <= (bound(None) if half is None else 3 * HALF)
                errors[precision_name(half)] = error
        text = "; ".join(f"{key} {error:.1e}" for key, error in errors.items())
        outcomes.append(
            Outcome(f"network {name}", subject.name, passed, f"relative error of the features: {text}", errors)
        )
    return outcomes


def check_checkpointing(subject: Subject) -> list[Outcome]:
    """Return whether a step with ``model.checkpointing`` has the loss and the running statistics of one without."""
    coord = room_voxels(1500 if subject.is_small else 10_000, 2)
    found = []
    for checkpointing in (False, True):
        network = build("spunet", subject, checkpointing=checkpointing).train()
        loss = network(coord.to(subject.device), _features(coord).to(subject.device), 2).square().mean()
        loss.backward()
        statistics = torch.cat(
            [b.detach().flatten().double().cpu() for b in network.buffers() if b.is_floating_point()]
        )
        found.append((loss.detach().cpu()[None], statistics))
    error = max(relative_error(ours, theirs) for theirs, ours in zip(*found))
    text = f"loss and running statistics with and without: relative difference {error:.1e}"
    return [Outcome("checkpointing", subject.name, error <= 1e-5, text, {"relative_error": error})]


def check_steps(subject: Subject) -> list[Outcome]:
    """Return whether ten steps on one batch go as they do on the CPU; with loss scaling in float16."""
    expected, _ = train(REFERENCE, None)
    outcomes = []
    for half in subject.precisions:
        losses, scale = train(subject, half)
        apart = max(abs(ours - theirs) / theirs for ours, theirs in zip(losses, expected))
        learns = losses[-1] < 0.9 * losses[0]
        passed = learns and apart <= (0.01 if half is None else 0.05) and (scale is None or scale > 1)
        text = f"loss {losses[0]:.3f} to {losses[-1]:.3f}, on the CPU {expected[-1]:.3f}; at most {apart:.1%} apart"
        figures = {"losses": losses, "expected": expected, "apart": apart, "loss_scale": scale}
        name = f"{STEPS} training steps, {precision_name(half)}"
        outcomes.append(Outcome(name, subject.name, passed, text, figures))
    return outcomes


def train(subject: Subject, half: torch.dtype | None) -> tuple[list[float], float | None]:
    """Train ``minkunet_tiny`` on one batch; return the losses, and the loss scale that is left in float16."""
    coord, device = room_voxels(1000, 2), subject.device
    labels = (coord[:, 1] // 4 + coord[:, 3] // 4).long() % CLASSES
    torch.manual_seed(0)
    model = Segmentor(build("minkunet_tiny", subject), CLASSES).to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler(device.type, enabled=half == torch.float16 and device.type == "cuda")
    batch = _Batch(coord.to(device), _features(coord).to(device), 2)
    losses = []
    for _ in range(STEPS):
        with subject.autocast(half):
            logits = model(batch).logits
        loss = F.cross_entropy(logits, labels.to(device))
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return losses, scaler.get_scale() if scaler.is_enabled() else None


def _features(coord: Tensor) -> Tensor:
    """Return (V, 6) features that tell where a voxel is, so that there is something to learn."""
    noise = torch.randn(len(coord), CHANNELS - 3, generator=torch.Generator().manual_seed(3))
    return torch.cat([coord[:, 1:].float() / 16, noise], dim=1)


class _Batch:
    def __init__(self, coord: Tensor, features: Tensor, batch_size: int) -> None:
        self.coord, self.features, self.batch_size = coord, features, batch_size
