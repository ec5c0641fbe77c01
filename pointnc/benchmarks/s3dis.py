"""S3DIS: 13 classes of six areas of office buildings, by the names of annotation files.

Paper: Armeni et al., 3D Semantic Parsing of Large-Scale Indoor Spaces, CVPR 2016. ``data/s3dis.tsv`` holds classes and
colors in their usual order, and how many 4 cm voxels of the six areas belong to each. Groups are ours: the classes
by that number, the first third head, the last third tail.
"""

from __future__ import annotations

from functools import lru_cache

from pointnc.benchmarks.tables import read_taxonomy
from pointnc.scenes.taxonomy import Taxonomy

AREAS = (1, 2, 3, 4, 5, 6)
OTHER = "clutter"
"""The class of objects of any other name ("stairs")."""


@lru_cache
def taxonomy() -> Taxonomy:
    """Return the 13 classes; ids are train indices, as the raw data know names only."""
    return read_taxonomy("s3dis")
