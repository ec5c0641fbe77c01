"""How much memory reading and rewriting takes for each further point: ``python -m tests.clouds.reading_peaks``."""

from __future__ import annotations

import ctypes
import importlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.custom.folder import Room
from data_prep.custom.scene import Settings, prepare_room
from pointnc.clouds import CloudFile, open_cloud
from pointnc.clouds.as_ply import NAMES
from pointnc.clouds.reading import look_through
from pointnc.scenes import ply_rows
from pointnc.scenes.taxonomy import Taxonomy
from tests.helpers.dialects_laser import e57, rgb, spherical
from tests.helpers.peaks import NO_HUGE_PAGES, peak

POINTS, PIECE = 20_000, 2_000


def room(points: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return rng.uniform(1, 5, (points, 3)).round(3), rng.integers(0, 256, (points, 3)).astype(np.uint8)


def lists(path: Path, points: int) -> None:
    coord, color = room(points)
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {points}\n"
    head += "".join(f"property double {axis}\n" for axis in "xyz") + "property list uchar double view\n"
    head += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue")) + "end_header\n"
    rows = (coord[i].tobytes() + bytes([i % 3]) + bytes(8 * (i % 3)) + color[i].tobytes() for i in range(points))
    path.write_bytes(head.encode() + b"".join(rows))


def raw(path: Path, points: int) -> None:
    coord, color = room(points)
    path.write_bytes(np.column_stack([coord, color[:, 0]]).astype("<f4").tobytes())


def commas(path: Path, points: int) -> None:
    coord, color = room(points)
    rows = (";".join([*(f"{v:.3f}" for v in point), *map(str, one)]) for point, one in zip(coord, color))
    path.write_text("\n".join(rows).replace(".", ",") + "\n")


def scan(path: Path, points: int) -> None:
    fields = rgb()
    coord, color = room(points)
    fields = {name: (limits, color[:, i]) for i, (name, (limits, _)) in enumerate(fields.items())}
    e57({**spherical(coord), **fields})(path)


def table(path: Path, points: int) -> None:
    coord, color = room(points)
    kinds = [*((axis, "f8") for axis in "xyz"), *((name, "u1") for name in ("red", "green", "blue")), ("label", "i4")]
    records = np.zeros(
        points, [*kinds, *((f"other{i}", "f8") for i in range(20)), ("nx", "f4"), ("ny", "f4"), ("nz", "f4")]
    )
    for i in range(3):
        records["xyz"[i]], records[("red", "green", "blue")[i]] = coord[:, i], color[:, i]
    records["nz"] = 1
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {points}"]
    lines += [f"property {NAMES[records.dtype[name].str[1:]]} {name}" for name in records.dtype.names or ()]
    path.write_bytes(("\n".join([*lines, "end_header"]) + "\n").encode() + records.tobytes())


def pieces(length: int) -> Iterator[dict[str, NDArray[np.int32]]]:
    for start in range(0, length, PIECE):
        yield {"label": np.zeros(min(PIECE, length - start), np.int32)}


def read(path: Path) -> None:
    file = open_cloud(path)
    look_through(file, ("color?",))
    target = path.with_name("copy.ply" if path.suffix in (".e57", ".bin") else f"copy{path.suffix}")
    file.rewrite(target, pieces(len(file)))
    target.unlink()


def prepare(path: Path) -> None:
    taxonomy = Taxonomy.from_dict({"name": "one", "names": ["a"], "ids": [0]})
    prepare_room(Room("train", "a", path), path.with_name("scene"), Settings(taxonomy))


CASES: dict[str, tuple[str, Callable[[Path, int], None], Callable[[Path], None]]] = {
    "ply with lists": (".ply", lists, read),
    "raw scan": (".bin", raw, read),
    "text with decimal commas": (".csv", commas, read),
    "e57": (".e57", scan, read),
    "records": (".ply", table, read),
    "preparing records": (".ply", table, prepare),
}


def main() -> None:
    """Print case to the bytes a point by which the peak grows."""
    ctypes.CDLL(None).prctl(NO_HUGE_PAGES, 1, 0, 0, 0)
    for name in ("cloud", "text", "arrays", "e57", "ply", "raw_scan", "structured"):
        module = importlib.import_module(f"pointnc.clouds.{name}")
        module.CHUNK = PIECE  # type: ignore[attr-defined]
        for kind in vars(module).values():  # defaults are bound when a function is made
            if isinstance(kind, type) and issubclass(kind, CloudFile) and "chunks" in vars(kind):
                kind.chunks.__defaults__ = (PIECE,)  # type: ignore[attr-defined]
    ply_rows.BLOCK = 1 << 14
    grown = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, write, call) in CASES.items():
            peaks = []
            for points in (POINTS, 4 * POINTS):
                path = Path(folder) / f"a{points}{suffix}"
                write(path, points)
                call(path)
                peaks.append(peak(lambda path=path, call=call: call(path)))  # type: ignore[misc]
            grown[name] = (peaks[1] - peaks[0]) / (3 * POINTS)
    print(json.dumps(grown))


if __name__ == "__main__":
    main()
