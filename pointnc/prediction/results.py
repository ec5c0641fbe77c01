"""Labels and confidences of a file of any size, kept on the disk and reached by windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROW = np.dtype([("label", "<i4"), ("confidence", "<f4")])
WINDOW = 1_000_000


class Results:
    """N rows of label (−1 at first) and confidence (0 at first) in a file.

    Args:
        path: of the file, which is made again.
        count: N.
    """

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count = path, count
        empty = np.zeros(min(WINDOW, count), ROW)
        empty["label"] = -1
        with path.open("wb") as stream:
            for start in range(0, count, WINDOW):
                stream.write(empty[: count - start].tobytes())

    def put(self, rows: NDArray[np.int64], labels: NDArray[np.int64], confidence: NDArray[np.float32]) -> None:
        """Write the results of some rows, which ascend."""
        with self.path.open("r+b") as stream:
            for start in range(0, self.count, WINDOW):
                first, last = np.searchsorted(rows, [start, start + WINDOW])
                if first == last:
                    continue
                stream.seek(start * ROW.itemsize)
                window = np.frombuffer(bytearray(stream.read(WINDOW * ROW.itemsize)), ROW)
                inside = rows[first:last] - start
                window["label"][inside], window["confidence"][inside] = labels[first:last], confidence[first:last]
                stream.seek(start * ROW.itemsize)
                stream.write(window.tobytes())

    def windows(self) -> Iterator[NDArray[np.void]]:
        """Yield all rows in their order, piece by piece."""
        for start in range(0, self.count, WINDOW):
            yield np.fromfile(self.path, ROW, WINDOW, offset=start * ROW.itemsize)
