"""SemanticKITTI: 19 classes of street scenes, and how the 34 raw label ids fold into them.

Paper: Behley et al., SemanticKITTI: A Dataset for Semantic Scene Understanding of LiDAR Sequences, ICCV 2019.
``data/semantickitti.tsv`` holds classes, colors and how many 6 cm voxels of the training scans belong to each;
``data/semantickitti_labels.tsv`` the raw ids. Groups are ours: the classes by that number, the first third head, the
last third tail.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pointnc.benchmarks.tables import read_table, read_taxonomy
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.taxonomy import Taxonomy

SEQUENCES = {
    "train": ("00", "01", "02", "03", "04", "05", "06", "07", "09", "10"),
    "val": ("08",),
    "test": ("11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21"),
}
"""The official splits; the labels of "test" are not public."""

UNKNOWN = -2
"""What :func:`learning_map` says of an id that the data set does not have."""


@lru_cache
def taxonomy() -> Taxonomy:
    """Return the 19 classes; ids are those of static objects in label files, as submissions want them."""
    return read_taxonomy("semantickitti")


@lru_cache
def learning_map() -> NDArray[np.int16]:
    """Return (65536,) the train index of each raw label id.

    Moving objects belong to the class of resting ones; -1 for what is not scored, ``UNKNOWN`` for ids that do not
    exist.
    """
    index = {"": IGNORE, **{name: i for i, name in enumerate(taxonomy().names)}}
    table = np.full(1 << 16, UNKNOWN, np.int16)
    for row in read_table("semantickitti_labels"):
        table[int(row["id"])] = index[row["class"]]
    table.setflags(write=False)
    return table
