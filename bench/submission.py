"""Speed of prediction files beside numpy's: ``python -m bench submission``."""

from __future__ import annotations

import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.measure import REPEATS, exponent, growth, medians, moving
from bench.rows import Row
from pointnc.benchmarks.predictions import format_labels, parse_lines, write_labels
from pointnc.benchmarks.scannet import taxonomy
from pointnc.benchmarks.submission import find_violations, write_zip


def synthetic_labels(points: int) -> NDArray[np.int32]:
    """Return ids of ScanNet200 in runs, as a mesh's vertices have them."""
    rng = np.random.default_rng(0)
    return taxonomy("scannet200").decode(np.repeat(rng.integers(0, 200, points // 30 + 1), 30)[:points])


def with_savetxt(ids: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, ids, fmt="%d")
    return stream.getvalue()


def save_file(path: Path, ids: NDArray[Any]) -> None:
    np.savetxt(path, ids, fmt="%d")


def load_text(text: bytes) -> NDArray[Any]:
    return np.loadtxt(io.BytesIO(text), np.int64)


def rows(quick: bool = False) -> list[Row]:
    """Measure text and files against numpy's, the check of a zip, and the growth."""
    points = 10_000 if quick else 150_000
    ids = synthetic_labels(points)
    text = format_labels(ids)
    if text != with_savetxt(ids):
        raise RuntimeError("the texts differ")
    label_set, expected = taxonomy("scannet200"), {"scene0000_00": points}
    size = f"{points:,} points"
    result = []
    limit = moving(len(text) + ids.nbytes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "txt" / "scene0000_00.txt"
        write_labels(path, ids)
        archive = write_zip(folder / "txt", folder / "a.zip", label_set, expected)
        for step, ours, reference, theirs, target in (
            ("labels to text", lambda: format_labels(ids), "np.savetxt", lambda: with_savetxt(ids), 8.0),
            (
                "labels to a file",
                lambda: write_labels(path, ids),
                "np.savetxt",
                lambda: np.savetxt(path, ids, "%d"),
                8.0,
            ),
            (
                "text to labels",
                lambda: parse_lines(text, keep=1),
                "np.loadtxt",
                lambda: np.loadtxt(io.BytesIO(text)),
                None,
            ),
        ):
            taken = medians({"ours": ours, "theirs": theirs}, clock="cpu")
            result.append(
                Row(
                    step, size, taken["ours"], "ms", reference, taken["theirs"], target, limit=limit, repeats=REPEATS,
                    note="limit: labels and text moved once",
                )
            )  # fmt: skip
        checks = {
            "check of a zip": lambda: find_violations(archive, label_set, expected),
            "zip and check": lambda: write_zip(path.parent, archive, label_set, expected, True),
        }
        result += [Row(step, size, taken, repeats=REPEATS) for step, taken in medians(checks, clock="cpu").items()]
    sizes = [points * factor for factor in (1, 2, 4, 8)]
    durations = growth(lambda count: partial(format_labels, synthetic_labels(count)), sizes)
    span = f"{sizes[0]:,} to {sizes[-1]:,}"
    fitted = exponent(sizes, durations)
    result.append(Row("labels to text, growth", span, durations[-1], growth=fitted, repeats=REPEATS))
    return result
