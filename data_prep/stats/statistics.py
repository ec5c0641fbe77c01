"""What a scene store holds, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from data_prep.stats.frequency import Scheme, class_weights, cooccurrence, frequency_groups, imbalance_ratio
from pointnc.scenes.taxonomy import Taxonomy


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
        unlabeled: splits without labels, to their number of scenes.
        beta: of the weights by effective number.
    """

    store: str
    taxonomy: Taxonomy
    split: str
    splits: dict[str, SplitCounts]
    unlabeled: dict[str, int]
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
        most_frequent = int(counts.argmax())
        lines = [
            f"imbalance ratio in {self.split}: {imbalance_ratio(counts):,.0f} "
            f"(points of the most frequent class, {names[most_frequent]}, to those of the rarest that occurs)",
            f"{names[most_frequent]} alone has {counts[most_frequent] / total:.1%} of the labeled points; half of all "
            f"classes together have {np.sort(counts)[: (len(counts) + 1) // 2].sum() / total:.2%}",
        ]
        for split, content in self.splits.items():
            labeled, points = int(content.classes.sum()), int(content.points.sum())
            if labeled < points:
                lines.append(f"{split}: {1 - labeled / points:.1%} of the points have no class")
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
            "unlabelled_scenes": self.unlabeled,
            "classes": classes,
            "cooccurrence": cooccurrence(self.presence).tolist(),
            "findings": self.lines(),
        }


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
