"""Point clouds in files of any format: read a chunk at a time, written back with more columns."""

from pointnc.clouds.cloud import CloudFile, PointCloud
from pointnc.clouds.formats import SUFFIXES, open_cloud, read_cloud

__all__ = ["SUFFIXES", "CloudFile", "PointCloud", "open_cloud", "read_cloud"]
