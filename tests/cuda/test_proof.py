"""The checks of ``doctor prove=true`` on the stand-in device: that they can be made on CUDA, and pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pointnc.benchmarks.scannet import taxonomy
from pointnc.proof import Outcome, Subject, networks, subjects, throughput
from pointnc.proof.convolutions import check_convolutions
from pointnc.proof.networks import check_checkpointing, check_networks, check_steps
from pointnc.proof.subjects import room_voxels
from pointnc.proof.throughput import check_throughput
from pointnc.proof.transforms import check_transforms
from pointnc.sparse.engines import choose_engine
from tests.cuda.waits import Waits

CHECKS = [check_convolutions, check_networks, check_checkpointing, check_steps, check_throughput]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_checks_of_a_device_pass(
    check: Callable[[Subject], list[Outcome]], monkeypatch: pytest.MonkeyPatch, waits: Waits
) -> None:
    build = networks.build
    monkeypatch.setattr(networks, "NETWORKS", ("minkunet_tiny",))
    monkeypatch.setattr(networks, "STEPS", 3)
    for module, voxels in ((networks, 400), (throughput, 60)):
        monkeypatch.setattr(module, "build", lambda name, *rest, **more: build("minkunet_tiny", *rest, **more))
        monkeypatch.setattr(module, "room_voxels", lambda count, *rest, most=voxels: room_voxels(most, *rest))
    subject = subjects()[0]
    assert subject.device.type == "cuda" and subject.engine == choose_engine("auto", subject.device).name
    outcomes = check(subject)
    assert outcomes and all(outcome.passed for outcome in outcomes), outcomes


def test_transforms_pass(store: Path, waits: Waits) -> None:
    outcomes = check_transforms(torch.device("cuda"), store, taxonomy("scannet200"))
    assert outcomes and all(outcome.passed for outcome in outcomes), outcomes
