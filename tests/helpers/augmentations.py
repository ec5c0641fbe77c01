"""The augmentations of ``conf/`` for small scenes."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

CONFIGS = Path(__file__).parents[2] / "conf" / "augmentation"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def augmentation_of(name: str, max_points: int) -> DictConfig:
    """Return an augmentation that crops to so many points."""
    augmentation = OmegaConf.load(CONFIGS / f"{name}.yaml")
    assert isinstance(augmentation, DictConfig)
    steps = augmentation.transforms.steps
    if "crop" in steps:
        steps.crop.max_points = max_points
    return augmentation
