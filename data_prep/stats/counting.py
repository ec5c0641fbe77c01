"""Counts the points, scenes and objects of each class in a scene store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.processes import check_workers, from_here
from data_prep.stats.frequency import class_weights
from data_prep.stats.statistics import SplitCounts, Statistics
from data_prep.store_labels import choose_taxonomy
from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.store import SceneStore, class_counts
from pointnc.scenes.taxonomy import Taxonomy


def statistics(
    store: str | Path,
    *,
    segment: str | None = None,
    split: str = "train",
    beta: float = 0.9999,
    workers: int | None = None,
) -> Statistics:
    """Count what a store holds.

    Args:
        store: its folder.
        segment: which labels; None for those with the most classes.
        split: the split that groups and weights follow from.
        beta: of the weights by effective number.
        workers: processes; None for one a core.

    Raises:
        UserError: the store or the split is missing, a scene is damaged, or no scene of the split has labels.
    """
    from joblib import Parallel, delayed

    check_workers(workers)
    reader = SceneStore(store, hint="give store=, the folder of a scene store")
    taxonomy = choose_taxonomy(reader, segment)
    splits = reader.splits()
    if split not in splits:
        raise UserError(
            f"the store {reader.root} has no split {split!r}; give split= one of {', '.join(splits)}",
            code="unknown-name",
        )
    jobs = [(part, name) for part in splits for name in reader.scenes(part)]
    count = delayed(from_here(_count_scene))
    rows = Parallel(n_jobs=workers or -1)(count(reader.root, *job, taxonomy) for job in jobs)
    counted: dict[str, SplitCounts] = {}
    unlabeled: dict[str, int] = {}
    for part in splits:
        mine = [(name, row) for (of, name), row in zip(jobs, rows) if of == part]
        labeled = [(name, row) for name, row in mine if row[1] is not None]
        if len(labeled) < len(mine):
            unlabeled[part] = len(mine) - len(labeled)
        if not labeled:
            continue
        objects = [row[2] for _, row in labeled if row[2] is not None]
        counted[part] = SplitCounts(
            [name for name, _ in labeled],
            np.array([row[0] for _, row in labeled], np.int64),
            np.stack([row[1] for _, row in labeled]),
            np.sum(objects, axis=0) if objects else None,
        )
    if split not in counted:
        raise UserError(
            f"no scene of split {split} has {taxonomy.segment}.npy; give segment= or another split=", code="no-labels"
        )
    class_weights(counted[split].classes.sum(axis=0), "effective_number", beta)  # refuses a bad beta early
    return Statistics(str(reader.root), taxonomy, split, counted, unlabeled, beta)


def _count_scene(
    root: Path, split: str, name: str, taxonomy: Taxonomy
) -> tuple[int, NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Return points, points by class, and objects by class of a scene."""
    scene = SceneStore(root).load(split, name, taxonomy.segment)
    if scene.semantic is None:
        return len(scene), None, None
    counts = class_counts(scene, taxonomy)
    if scene.instance is None:
        return len(scene), counts, None
    return len(scene), counts, count_instances(np.asarray(scene.semantic), np.asarray(scene.instance), len(taxonomy))


def count_instances(semantic: NDArray[Any], instance: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Return (K,) the number of objects of each class; an object has the class of most of its labeled points.

    Args:
        semantic: (N,) train indices, -1 for none.
        instance: (N,) numbers of objects, -1 for none.
        classes: K.
    """
    good = (semantic != IGNORE) & (instance >= 0)
    if not good.any():
        return np.zeros(classes, np.int64)
    _, number = np.unique(instance[good], return_inverse=True)
    pairs, count = np.unique(number * np.int64(classes) + semantic[good], return_counts=True)
    order = np.lexsort((-count, pairs // classes))  # object by object, its most frequent class first
    _, first = np.unique(pairs[order] // classes, return_index=True)
    return np.bincount(pairs[order][first] % classes, minlength=classes).astype(np.int64)
