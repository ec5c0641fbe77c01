"""Augmentation: functions from scene to scene, deterministic in a generator.

Each is one class with ``draw``, ``apply`` and, for batches on a device, ``apply_batch``: see
:class:`~pointnc.data.transforms.transform.Transform`. A transform leaves the scene it is given untouched and returns a
new one; the arrays that it does not change are shared. Coordinates, normals and changed colors are float32. On a device
the results are equal to rounding. Defaults are those of the recipe in common use for sparse U-Nets on ScanNet.
"""

from pointnc.data.transforms.color import ChromaticAutoContrast, ChromaticJitter, ChromaticTranslation
from pointnc.data.transforms.compose import Compose, device_steps
from pointnc.data.transforms.crop import RandomDropout, SphereCrop
from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.elastic import ElasticDistortion
from pointnc.data.transforms.geometry import CenterShift, RandomFlip, RandomJitter, RandomRotate, RandomScale
from pointnc.data.transforms.mix import mix
from pointnc.data.transforms.points import Layout, PointBatch
from pointnc.data.transforms.transform import SceneFunction, Transform

__all__ = [
    "CenterShift",
    "ChromaticAutoContrast",
    "ChromaticJitter",
    "ChromaticTranslation",
    "Compose",
    "Draw",
    "Draws",
    "ElasticDistortion",
    "Layout",
    "Outline",
    "PointBatch",
    "RandomDropout",
    "RandomFlip",
    "RandomJitter",
    "RandomRotate",
    "RandomScale",
    "SceneFunction",
    "SphereCrop",
    "Transform",
    "device_steps",
    "mix",
]
