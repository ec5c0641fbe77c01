"""What is in a scene store, and how far out of balance: ``python -m data_prep.stats STORE [out=FOLDER]``.

Points, scenes and instances of each class, the imbalance ratio, head, common and tail by frequency, classes that share
scenes, and weights for a loss.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from data_prep.check import store_argument
from data_prep.frequency import (
    Scheme,
    associations,
    class_weights,
    cooccurrence,
    frequency_groups,
    imbalance_ratio,
)
from data_prep.processes import check_workers
from data_prep.store_labels import choose_taxonomy
from pointnc.entry import entry
from pointnc.errors import UserError
from pointnc.scenes.atomic import write_json, write_text
from pointnc.scenes.scene import IGNORE
from pointnc.scenes.store import SceneStore, class_counts
from pointnc.scenes.taxonomy import Taxonomy

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class SplitCounts:
    """What a split holds.

    Attributes:
        scenes: names of its scenes (S).
        points: (S,) points.
        classes: (S, K) points of each class.
        instances: (K,) objects of each class; None where the scenes have no instances.
    """

    scenes: list[str]
    points: NDArray[np.int64]
    classes: NDArray[np.int64]
    instances: NDArray[np.int64] | None


@dataclass(frozen=True)
class Statistics:
    """What a store holds.

    Attributes:
        store: its folder.
        taxonomy: its K classes.
        split: the split that groups and weights follow from.
        splits: split to its counts.
        unlabelled: splits without labels, to their number of scenes.
        beta: of the weights by effective number.
    """

    store: str
    taxonomy: Taxonomy
    split: str
    splits: dict[str, SplitCounts]
    unlabelled: dict[str, int]
    beta: float

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(K,) points of each class in the split that counts."""
        return self.splits[self.split].classes.sum(axis=0)

    @cached_property
    def groups(self) -> list[str]:
        """Head, common or tail of each class by frequency."""
        return frequency_groups(self.counts)

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float64]]:
        """Scheme to (K,) weights, as the losses of the same names compute them."""
        return {scheme: class_weights(self.counts, scheme, self.beta) for scheme in get_args(Scheme)}

    @cached_property
    def presence(self) -> NDArray[np.bool_]:
        """(S, K) whether a scene of the split that counts contains a class."""
        return self.splits[self.split].classes > 0

    def lines(self) -> list[str]:
        """Return in words what training should know."""
        names, counts = self.taxonomy.names, self.counts
        total = max(int(counts.sum()), 1)
        commonest = int(counts.argmax())
        lines = [
            f"imbalance ratio in {self.split}: {imbalance_ratio(counts):,.0f} "
            f"(points of the commonest class, {names[commonest]}, to those of the rarest that occurs)",
            f"{names[commonest]} alone has {counts[commonest] / total:.1%} of the labelled points; half of all classes "
            f"together have {np.sort(counts)[: (len(counts) + 1) // 2].sum() / total:.2%}",
        ]
        for split, content in self.splits.items():
            labelled, points = int(content.classes.sum()), int(content.points.sum())
            if labelled < points:
                lines.append(f"{split}: {1 - labelled / points:.1%} of the points have no class")
            absent = [names[k] for k in np.flatnonzero((content.classes.sum(axis=0) > 0) & (counts == 0))]
            if absent:
                lines.append(f"{len(absent)} classes occur in {split} but not in {self.split}: {_listed(absent)}")
        absent = [names[k] for k in np.flatnonzero(sum(part.classes.sum(axis=0) for part in self.splits.values()) == 0)]
        if absent:
            lines.append(f"{len(absent)} classes occur nowhere: {_listed(absent)}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain types only; a class that does not occur has no weight."""
        ratio = imbalance_ratio(self.counts)
        classes = []
        for k, name in enumerate(self.taxonomy.names):
            row: dict[str, Any] = {
                "id": self.taxonomy.ids[k],
                "name": name,
                "group": self.taxonomy.groups[k],
                "group_by_frequency": self.groups[k],
                "points": {split: int(part.classes[:, k].sum()) for split, part in self.splits.items()},
                "scenes": {split: int((part.classes[:, k] > 0).sum()) for split, part in self.splits.items()},
                "instances": {
                    split: int(part.instances[k]) for split, part in self.splits.items() if part.instances is not None
                },
                "weights": {scheme: float(values[k]) for scheme, values in self.weights.items()},
            }
            classes.append(row)
        return {
            "store": self.store,
            "taxonomy": self.taxonomy.name,
            "split": self.split,
            "beta": self.beta,
            "imbalance_ratio": ratio if np.isfinite(ratio) else None,
            "splits": {
                split: {
                    "scenes": len(part.scenes),
                    "points": int(part.points.sum()),
                    "labelled": int(part.classes.sum()),
                    "imbalance_ratio": float(np.nan_to_num(imbalance_ratio(part.classes.sum(axis=0)))) or None,
                }
                for split, part in self.splits.items()
            },
            "unlabelled_scenes": self.unlabelled,
            "classes": classes,
            "cooccurrence": cooccurrence(self.presence).tolist(),
            "findings": self.lines(),
        }


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


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
        raise UserError(f"the store {reader.root} has no split {split!r}; give split= one of {', '.join(splits)}")
    jobs = [(part, name) for part in splits for name in reader.scenes(part)]
    rows = Parallel(n_jobs=workers or -1)(delayed(_count_scene)(reader.root, *job, taxonomy) for job in jobs)
    counted: dict[str, SplitCounts] = {}
    unlabelled: dict[str, int] = {}
    for part in splits:
        mine = [(name, row) for (of, name), row in zip(jobs, rows) if of == part]
        labelled = [(name, row) for name, row in mine if row[1] is not None]
        if len(labelled) < len(mine):
            unlabelled[part] = len(mine) - len(labelled)
        if not labelled:
            continue
        objects = [row[2] for _, row in labelled if row[2] is not None]
        counted[part] = SplitCounts(
            [name for name, _ in labelled],
            np.array([row[0] for _, row in labelled], np.int64),
            np.stack([row[1] for _, row in labelled]),
            np.sum(objects, axis=0) if objects else None,
        )
    if split not in counted:
        raise UserError(f"no scene of split {split} has {taxonomy.segment}.npy; give segment= or another split=")
    class_weights(counted[split].classes.sum(axis=0), "effective_number", beta)  # refuses a bad beta early
    return Statistics(str(reader.root), taxonomy, split, counted, unlabelled, beta)


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
    """Return (K,) the number of objects of each class; an object has the class of most of its labelled points.

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
    order = np.lexsort((-count, pairs // classes))  # object by object, its commonest class first
    _, first = np.unique(pairs[order] // classes, return_index=True)
    return np.bincount(pairs[order][first] % classes, minlength=classes).astype(np.int64)


@entry("tools/stats")
def main(config: DictConfig) -> None:
    """Print what a store holds, and write it as json and html."""
    from data_prep.stats_page import page
    from data_prep.stats_tables import print_statistics

    if config.store is None:
        raise UserError("give the store's folder: python -m data_prep.stats STORE")
    found = statistics(
        config.store, segment=config.segment, split=config.split, beta=config.beta, workers=config.workers
    )
    closest = associations(found.presence)[: config.pairs]
    print_statistics(found, closest)
    if config.out is not None:
        folder = Path(config.out)
        write_json(folder / "stats.json", found.to_dict())
        write_text(folder / "stats.html", page(found, closest))
        print(f"wrote {folder / 'stats.json'} and {folder / 'stats.html'}")


if __name__ == "__main__":
    sys.argv[1:] = [store_argument(argument) for argument in sys.argv[1:]]
    main()
