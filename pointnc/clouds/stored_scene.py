"""A scene of a store: a folder of npy files, one for each kind of value."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CHUNK, CloudFile, Columns, PointCloud, Rows, check_numbers, ranges
from pointnc.errors import UserError
from pointnc.untrusted.numpy_file import map_array


class StoreScene(CloudFile):
    """See :class:`~pointnc.clouds.cloud.CloudFile`. ``coord.npy`` must be there; new columns are files beside it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.arrays: dict[str, NDArray[Any]] = {}
        for file in sorted(path.glob("[!.]*.npy")):
            self.arrays[file.stem] = map_array(file, "prepare the scene again")
        if "coord" not in self.arrays:
            raise UserError(f"{path} has no coord.npy: it is no scene of a store", code="not-a-store")
        for name in ("coord", "color", "normal"):
            if name in self.arrays:
                check_numbers(self.arrays[name], f"{path}: {name}.npy")
                if self.arrays[name].ndim != 2 or self.arrays[name].shape[1] != 3:
                    raise UserError(
                        f"{path}: {name}.npy has the shape {self.arrays[name].shape}: (N, 3) is needed", code="shape"
                    )
        for name, values in self.arrays.items():
            if values.ndim == 0 or len(values) != len(self):
                raise UserError(
                    f"{path}: {name}.npy has the shape {values.shape}, coord.npy {len(self)} rows", code="other-length"
                )

    def __len__(self) -> int:
        return len(self.arrays["coord"])

    def names(self) -> list[str]:
        """The files' names."""
        return list(self.arrays)

    def chunks(self, size: int = CHUNK) -> Iterator[PointCloud]:
        """Read pieces of the mapped arrays."""
        for start, stop in ranges(len(self), size):
            part = {name: np.array(values[start:stop]) for name, values in self.arrays.items()}
            coord, color, normal = (part.pop(name, None) for name in ("coord", "color", "normal"))
            assert coord is not None
            normal = None if normal is None else normal.astype(np.float32)
            yield PointCloud(coord.astype(np.float64), color, normal, part)

    def rewrite(self, target: Path, columns: Iterable[Columns]) -> None:
        """Copy the folder and add files."""
        shutil.copytree(self.path, target)
        rows = Rows(columns)
        new = {
            name: np.lib.format.open_memmap(target / f"{name}.npy", "w+", kind, (len(self),))
            for name, kind in rows.dtypes.items()
        }
        for start, stop in ranges(len(self), CHUNK):
            for name, values in rows.take(stop - start).items():
                new[name][start:stop] = values
