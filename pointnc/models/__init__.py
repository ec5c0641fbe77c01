"""Networks from voxels to logits."""

from pointnc.models.heads import CosineHead, ETFHead, LinearHead
from pointnc.models.minkunet import MinkUNet
from pointnc.models.segmentor import Segmentor, SegmentorOutput
from pointnc.models.sonata import Sonata
from pointnc.models.spunet import SpUNet
from pointnc.models.volt import Volt

__all__ = [
    "CosineHead",
    "ETFHead",
    "LinearHead",
    "MinkUNet",
    "Segmentor",
    "SegmentorOutput",
    "Sonata",
    "SpUNet",
    "Volt",
]
