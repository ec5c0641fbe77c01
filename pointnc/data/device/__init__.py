"""Transforms and voxels on the device that trains, in batches; equal to the host's to rounding.

The transforms are those of :mod:`pointnc.data.transforms`; here are what loader workers do in this case, and voxels.
"""

from pointnc.data.device.loading import DevicePipeline, RawBatch, RawSample

__all__ = ["DevicePipeline", "RawBatch", "RawSample"]
