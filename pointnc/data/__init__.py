"""What feeds a network: data set, transforms, voxels, batches."""

from pointnc.data.batch import Sample, VoxelBatch, collate, make_sample
from pointnc.data.dataset import SceneDataset
from pointnc.data.features import feature_channels
from pointnc.data.loaders import make_loader
from pointnc.data.sampler import ResumableBatchSampler
from pointnc.data.voxels import Voxels, voxelize

__all__ = [
    "ResumableBatchSampler",
    "Sample",
    "SceneDataset",
    "VoxelBatch",
    "Voxels",
    "collate",
    "feature_channels",
    "make_loader",
    "make_sample",
    "voxelize",
]
