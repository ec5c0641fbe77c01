"""A network that was never trained: what it says is bad, but its own."""

from __future__ import annotations

from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pointnc.benchmarks.scannet import taxonomy
from pointnc.commands.entry import config_folder


def write_checkpoint(path: Path, store: Path) -> Path:
    """Write a checkpoint of ScanNet200's classes that knows a store."""
    from pointnc.weights.checkpoint import contract
    from pointnc.weights.network import build_model

    choices = ["dataset.prepare=null", f"dataset.store={store}", "dataset.voxel_size=0.1"]
    small = ["model.planes=[8,8]", "model.layers=[1,1]"]
    names = ["choice.dataset=rooms", "choice.model=minkunet_tiny", "choice.regularizer=none"]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", [*choices, *small, *names])
    torch.manual_seed(0)
    label_set = taxonomy("scannet200")
    network = config.model, config.head, config.dataset.features
    state = {f"model.{key}": value for key, value in build_model(*network, len(label_set)).state_dict().items()}
    torch.save(
        {"state_dict": state, "pointnc": contract(OmegaConf.to_container(config, resolve=True), label_set)}, path
    )
    return path
