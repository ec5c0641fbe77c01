"""Speed of prediction files beside numpy's: ``python -m bench.submission [points]``."""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pointnc.benchmarks.predictions import format_labels, parse_lines, write_labels
from pointnc.benchmarks.scannet import taxonomy
from pointnc.benchmarks.submission import find_violations, write_zip


def synthetic_labels(points: int) -> NDArray[np.int32]:
    """Return ids of ScanNet200 in runs, as a mesh's vertices have them."""
    rng = np.random.default_rng(0)
    return taxonomy("scannet200").decode(np.repeat(rng.integers(0, 200, points // 30 + 1), 30)[:points])


def median_ms(call: Callable[[], Any], repeats: int = 9) -> float:
    """Return the median CPU time of a call in milliseconds, after one that is not counted."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.thread_time()
        call()
        seconds.append(time.thread_time() - start)
    return statistics.median(seconds) * 1e3


def with_savetxt(ids: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, ids, fmt="%d")
    return stream.getvalue()


def main(points: int = 150_000) -> None:
    ids = synthetic_labels(points)
    text = format_labels(ids)
    if text != with_savetxt(ids):
        raise RuntimeError("the texts differ")
    label_set, expected = taxonomy("scannet200"), {"scene0000_00": points}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "txt" / "scene0000_00.txt"
        write_labels(path, ids)
        archive = write_zip(folder / "txt", folder / "a.zip", label_set, expected)
        rows: list[tuple[str, float, float | None]] = []
        for what, ours, numpys, repeats in (
            ("labels to text", lambda: format_labels(ids), lambda: with_savetxt(ids), 3),
            ("text to labels", lambda: parse_lines(text, keep=1), lambda: np.loadtxt(io.BytesIO(text), np.int64), 3),
            ("labels to file", lambda: write_labels(path, ids), lambda: np.savetxt(path, ids, fmt="%d"), 3),
        ):
            rows.append((what, median_ms(ours), median_ms(numpys, repeats)))
        rows.append(("check of a zip", median_ms(lambda: find_violations(archive, label_set, expected)), None))
        rows.append(
            ("zip and check", median_ms(lambda: write_zip(path.parent, archive, label_set, expected, True)), None)
        )
    table = Table(title=f"one scene of {points:,} points, {len(text):,} bytes of text")
    for column in ("what", "CPU ms", "numpy's CPU ms", "speed-up"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, own, other in rows:
        table.add_row(what, f"{own:.2f}", *(["–", "–"] if other is None else [f"{other:.1f}", f"{other / own:.0f}"]))
    Console(width=100).print(table)
    Console(width=100).print("numpy's: savetxt and loadtxt")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
