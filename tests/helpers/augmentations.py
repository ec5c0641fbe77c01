"""The augmentations of ``conf/``, as far as a device can make them."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

CONFIGS = Path(__file__).parents[2] / "conf" / "augmentation"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def on_device(name: str, max_points: int) -> DictConfig:
    """Return an augmentation without what only the host can do, that crops to so many points."""
    augmentation = OmegaConf.load(CONFIGS / f"{name}.yaml")
    assert isinstance(augmentation, DictConfig)
    steps = augmentation.transforms.steps
    for step, node in steps.items():
        if ".instances." in node._target_:
            steps[step] = None
    if "crop" in steps:
        steps.crop.max_points = max_points
    return augmentation
