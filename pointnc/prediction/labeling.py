"""One file from points to labels."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointnc.clouds.cloud import CloudFile, Columns
from pointnc.clouds.conditions import Bits, Conditions, Unit, Up
from pointnc.clouds.normals import estimate_normals, fill_normals
from pointnc.clouds.reading import look_through
from pointnc.clouds.survey import Survey
from pointnc.data.features import scene_array
from pointnc.files.atomic import atomic_path, scratch_folder
from pointnc.inference.predictor import Predictor
from pointnc.prediction.blocks import RECORD, count_columns, cut_blocks, points, sort_into
from pointnc.prediction.results import ROW, Results
from pointnc.prediction.targets import Targets
from pointnc.scenes.scene import Scene
from pointnc.scenes.taxonomy import Taxonomy

NAMES = ("label", "confidence")
"""The new columns."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        files: what was written.
        points: number of points.
        seconds: wall time.
        remarks: what was assumed.
        counts: (K,) points of each class.
    """

    files: list[Path]
    points: int
    seconds: float
    remarks: list[str]
    counts: NDArray[np.int64]


def label_file(
    cloud: CloudFile,
    targets: Targets,
    predictor: Predictor,
    taxonomy: Taxonomy,
    unit: Unit = "m",
    up: Up = "z",
    block_points: int = 2_000_000,
    progress: Progress | None = None,
    color_bits: Bits = "auto",
) -> Outcome:
    """Label a file and write it again with the columns ``label`` (ids of the taxonomy, −1: none) and ``confidence``.

    A file that has a column ``label`` keeps it; then the new ones are called ``predicted_label`` and
    ``predicted_confidence``, with a number behind where these are taken too. Memory is bounded by ``block_points``
    (about 200 bytes each), the predictor's ``max_points``, and pieces of a million points, whatever the size of the
    file, for all formats that are read in pieces: all but npz, and ascii or compressed pcd. While it works, up to
    50 bytes a point are on the disk beside the result.

    Args:
        cloud: the file.
        targets: what to write; what stands there is replaced.
        predictor: the network with its settings.
        taxonomy: its classes.
        unit: of the coordinates.
        up: the axis that points up.
        block_points: greatest number of points to hold in memory.
        progress: called with points done and points in all.
        color_bits: of a color value.

    Raises:
        UserError: the file has no points, or is damaged; or a spot has more points than a block may.
    """
    start = time.perf_counter()
    arrays = {scene_array(name) for name in predictor.features}
    reading = look_through(cloud, arrays, unit, up, color_bits, fate="get the label -1")
    seen, conditions, remarks = reading.seen, reading.conditions, list(reading.remarks)
    out = targets.labeled
    with scratch_folder(out) as scratch:
        results = Results(scratch / "results.bin", seen.points)
        done = 0
        counts = np.zeros(len(taxonomy), np.int64)
        for records in _blocks(cloud, conditions, seen, block_points, predictor.halo, scratch):
            inner = records["inner"]
            prediction = predictor.predict(_scene(records, cloud, predictor, conditions, seen))
            labels = prediction.labels[inner]
            counts += np.bincount(labels, minlength=len(taxonomy))
            results.put(records["row"][inner], labels, prediction.confidence[inner])
            done += int(inner.sum())
            if progress is not None:
                progress(done, seen.finite)
        names = _free_names(cloud.names())
        if names != NAMES:
            remarks.append(
                f"the file has {' or '.join(NAMES)} already: the new columns are called {' and '.join(names)}"
            )
        said = len(cloud.remarks)
        with atomic_path(out) as temporary:
            cloud.rewrite(temporary, _columns(results, taxonomy, names))
            if targets.picture is not None:  # in here: both are there, or neither
                with atomic_path(targets.picture) as picture:
                    _write_colored(picture, cloud, results, taxonomy)
    remarks += cloud.remarks[said:]  # of the copy
    return Outcome(targets.paths(), seen.points, time.perf_counter() - start, remarks, counts)


def _free_names(taken: Collection[str]) -> tuple[str, str]:
    """Return what the new columns are called: nothing that a file has is replaced, earlier predictions neither."""
    for number in itertools.count():
        prefix = "predicted_" if number else ""
        suffix = f"_{number}" if number > 1 else ""
        names = f"{prefix}{NAMES[0]}{suffix}", f"{prefix}{NAMES[1]}{suffix}"
        if not any(name in taken for name in names):
            return names
    raise AssertionError  # the count has no end


def _blocks(
    cloud: CloudFile, conditions: Conditions, seen: Survey, most: int, halo: float, scratch: Path
) -> Iterator[NDArray[np.void]]:
    """Yield records, block by block; a file that fits is one block."""
    if seen.finite <= most:
        yield np.concatenate(list(points(cloud, conditions)))
        return
    columns = count_columns(cloud, conditions, seen)
    blocks = cut_blocks(columns, most, halo, str(cloud.path))
    for path in sort_into(scratch, cloud, conditions, columns, blocks, halo):
        yield np.fromfile(path, RECORD)
        path.unlink()


def _scene(
    records: NDArray[np.void], cloud: CloudFile, predictor: Predictor, conditions: Conditions, seen: Survey
) -> Scene:
    arrays = {scene_array(name) for name in predictor.features}
    coord = np.ascontiguousarray(records["coord"])
    normal = None
    if "normal" in arrays:
        normal = np.ascontiguousarray(records["normal"])
        if not seen.has_normal:
            # Faces are read as a whole: only where the points fit as a whole.
            whole = cloud.mesh_normals() if len(records) == seen.finite else None
            normal = estimate_normals(coord) if whole is None else conditions.turned(whole[records["row"]])
        normal = fill_normals(normal, coord)
    color = np.ascontiguousarray(records["color"]) if "color" in arrays else None
    strength = np.ascontiguousarray(records["strength"])[:, None] if "strength" in arrays else None
    return Scene(cloud.path.name, coord, color, normal, strength=strength)


def _columns(results: Results, taxonomy: Taxonomy, names: tuple[str, str]) -> Iterator[Columns]:
    ids = np.array([*taxonomy.ids, -1], np.int32)
    for window in results.windows():
        yield {names[0]: ids[window["label"]], names[1]: np.ascontiguousarray(window["confidence"])}


def _write_colored(path: Path, cloud: CloudFile, results: Results, taxonomy: Taxonomy) -> None:
    """Write coordinates with the colors of the labels, black where there is none, as a binary ply."""
    dtype = np.dtype([("coord", "<f8", 3), ("color", "u1", 3), ("label", "<i4")])
    palette = np.array([*taxonomy.colors, (0, 0, 0)], np.uint8)
    ids = np.array([*taxonomy.ids, -1], np.int32)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {results.count}"]
    lines += [f"property double {axis}" for axis in "xyz"]
    lines += [f"property uchar {name}" for name in ("red", "green", "blue")] + ["property int label", "end_header"]
    with path.open("wb") as stream:
        stream.write(("\n".join(lines) + "\n").encode())
        start = 0
        for chunk in cloud.chunks():
            part = np.fromfile(results.path, ROW, len(chunk), offset=start * ROW.itemsize)
            records = np.empty(len(chunk), dtype)
            records["coord"], records["color"] = chunk.coord, palette[part["label"]]
            records["label"] = ids[part["label"]]
            stream.write(records.tobytes())
            start += len(chunk)
