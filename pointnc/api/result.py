"""What a network says of a cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointnc.scenes.scene import IGNORE
from pointnc.scenes.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class Result:
    """The labels of N points, in the order in which the points were given.

    Attributes:
        labels: (N,) int32 place of the class in ``names``; -1 where a point has none, since its coordinates are not
            finite or far from all others.
        confidence: (N,) float32 probability of the label; 0 where there is none.
        taxonomy: the K classes.
        seconds: wall time.
        remarks: what was assumed of the cloud: its colors, its unit, points that were left out.
    """

    labels: NDArray[np.int32]
    confidence: NDArray[np.float32]
    taxonomy: Taxonomy
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """The K names: ``names[labels[i]]`` is the class of point i."""
        return self.taxonomy.names

    @property
    def ids(self) -> NDArray[np.int32]:
        """(N,) ids as they stand in label files, -1 where a point has no label."""
        return self.taxonomy.decode(self.labels, ignore_id=IGNORE)

    @property
    def colors(self) -> NDArray[np.uint8]:
        """(N, 3) colors of the classes, black where a point has no label."""
        return np.array([*self.taxonomy.colors, (0, 0, 0)], np.uint8)[self.labels]

    def counts(self) -> dict[str, int]:
        """Return the number of points of each class that occurs, the most frequent first."""
        points = np.bincount(self.labels[self.labels >= 0], minlength=len(self.taxonomy))
        return {self.names[k]: int(points[k]) for k in np.argsort(-points, kind="stable") if points[k]}

    def __repr__(self) -> str:
        shares = [f"{name} {count / len(self):.0%}" for name, count in self.counts().items()]
        return f"Result({len(self):,} points: {', '.join(shares[:4]) or 'none labeled'}{', …' if shares[4:] else ''})"
