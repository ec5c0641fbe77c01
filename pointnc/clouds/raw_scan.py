"""Raw scans of spinning lidars (bin): nothing but float32 values, as KITTI, SemanticKITTI and nuScenes have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.as_ply import write_as_ply
from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows
from pointnc.clouds.structured import RecordFile, record_chunks
from pointnc.clouds.table import given_names
from pointnc.errors import UserError

LAYOUTS = (("x", "y", "z", "intensity", "ring"), ("x", "y", "z", "intensity"))
"""Of nuScenes and of KITTI: whole numbers in every fifth place come about by no chance."""

FARTHEST = 10_000.0
"""Meters from a scanner beyond which no lidar sees."""

_SAMPLE = 1000


class RawScan(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`.

    Which of the two layouts a file has, its values say, or ``columns`` does; :meth:`rewrite` writes a binary ply, since
    the format has no place for further columns.
    """

    def __init__(self, path: Path, columns: Sequence[str] = ()) -> None:
        super().__init__(path)
        names = given_names(columns, len(columns), path) if columns else self._guess()
        size, width = path.stat().st_size, 4 * len(names)
        if size % width:
            raise UserError(
                f"{path} has {size} bytes, which are no points of {len(names)} float32 values", code="damaged-file"
            )
        self._records = RecordFile(path, 0, np.dtype([(name, "<f4") for name in names]), size // width)

    def __len__(self) -> int:
        return len(self._records)

    def names(self) -> list[str]:
        """The columns."""
        return list(self._records.dtype.names or ())

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read records in slices."""
        yield from record_chunks(self._records, self.path, size)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Write a binary ply."""
        write_as_ply(target, len(self), self._pieces(), Rows(columns))

    def _pieces(self) -> Iterator[Columns]:
        for start in range(0, len(self), CHUNK):
            part = self._records[start : start + CHUNK]
            yield {name: part[name] for name in self.names()}

    def _guess(self) -> tuple[str, ...]:
        size = self.path.stat().st_size
        for names in LAYOUTS:
            sample = np.fromfile(self.path, "<f4", len(names) * min(_SAMPLE, size // (4 * len(names))))
            if size % (4 * len(names)) == 0 and _plausible(sample.reshape(-1, len(names))):
                self.remarks.append(
                    f"a raw scan, taken as {' '.join(names)}; columns=[{','.join(names)}] would say otherwise"
                )
                return names
        raise UserError(
            f"{self.path} is no raw scan of x y z intensity [ring]: {size} bytes, or values that are none; say what "
            "its float32 values are by columns=[x,y,z,...]",
            code="wrong-format",
        )


def _plausible(sample: NDArray[np.float32]) -> bool:
    """Whether (S, 4 or 5) values may be those of a lidar."""
    with np.errstate(invalid="ignore"):
        near = (np.abs(sample[:, :3]) < FARTHEST) | np.isnan(sample[:, :3])
        strength, rest = sample[:, 3], sample[:, 4:]
        rings = (rest >= 0) & (rest < 512) & (rest == np.rint(rest))
        return bool(near.all() and (((strength >= 0) & (strength <= 65535)) | np.isnan(strength)).all() and rings.all())
