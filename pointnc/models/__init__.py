"""Sparse-convolution networks from voxels to logits."""

from pointnc.models.heads import LinearHead
from pointnc.models.minkunet import MinkUNet
from pointnc.models.segmentor import Segmentor, SegmentorOutput

__all__ = ["LinearHead", "MinkUNet", "Segmentor", "SegmentorOutput"]
