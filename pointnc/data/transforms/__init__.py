"""Augmentation: functions from scene to scene, deterministic in a generator.

A transform leaves the scene it is given untouched and returns a new one; the arrays that it does not change are
shared. Coordinates, normals and changed colors are float32. Defaults are those of the recipe in common use for
sparse U-Nets on ScanNet.
"""

from pointnc.data.transforms.color import ChromaticAutoContrast, ChromaticJitter, ChromaticTranslation
from pointnc.data.transforms.compose import Compose, Transform
from pointnc.data.transforms.crop import RandomDropout, SphereCrop
from pointnc.data.transforms.elastic import ElasticDistortion
from pointnc.data.transforms.geometry import CenterShift, RandomFlip, RandomJitter, RandomRotate, RandomScale
from pointnc.data.transforms.mix import mix

__all__ = [
    "CenterShift",
    "ChromaticAutoContrast",
    "ChromaticJitter",
    "ChromaticTranslation",
    "Compose",
    "ElasticDistortion",
    "RandomDropout",
    "RandomFlip",
    "RandomJitter",
    "RandomRotate",
    "RandomScale",
    "SphereCrop",
    "Transform",
    "mix",
]
