"""Transforms and voxels on the device that trains, in batches; equal to the host's to rounding.

The device version of a transform draws its random numbers on the host and applies them to many scenes at once, in
torch.
"""

from pointnc.data.device.loading import DevicePipeline, RawBatch, RawSample
from pointnc.data.device.points import Layout, PointBatch
from pointnc.data.device.recipe import device_steps
from pointnc.data.device.step import DeviceTransform, Draw, Parameters

__all__ = [
    "DevicePipeline",
    "DeviceTransform",
    "Draw",
    "Layout",
    "Parameters",
    "PointBatch",
    "RawBatch",
    "RawSample",
    "device_steps",
]
