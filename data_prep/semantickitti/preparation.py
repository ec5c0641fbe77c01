"""SemanticKITTI to a scene store: ``python -m data_prep.semantickitti raw=RAW out=STORE``.

The raw data are scans of a rotating laser: ``sequences/08/velodyne/000123.bin`` holds x, y, z and remission of each
point as little-endian float32, ``sequences/08/labels/000123.label`` a uint32 each, the class in the lower and the
object in the upper 16 bits. A scene is a scan, ``08_000123``, in the frame of the laser. Remission is kept as
``strength.npy``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from data_prep.preparing.store import DataSet, check_folders, prepare_store
from data_prep.preparing.writing import write_prepared
from pointnc.benchmarks import semantickitti
from pointnc.errors import UserError

LAYOUT = "dataset/sequences/00/velodyne/"
LEAVE_OUT = "put them there, or leave train out by splits=[val]"
UNLABELED = "test"
"""The split whose labels are not public."""

Splits: TypeAlias = Mapping[str, Sequence[str | int]] | Sequence[str] | str
"""Split to sequences, or the names of some official splits."""


@dataclass(frozen=True)
class Scan:
    """One scan to prepare: its points, its labels (None: there are none) and where it goes."""

    points: Path
    labels: Path | None
    target: Path


def prepare(
    raw: str | Path,
    out: str | Path,
    *,
    splits: Splits | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    strict: bool = False,
) -> dict[str, Any]:
    """Prepare every scan of the listed sequences that are there and return the manifest.

    Args:
        raw: folder with ``dataset/sequences/`` or ``sequences/`` in it, or that folder itself.
        out: the store to write; a store that is there already is completed.
        splits: split to sequences, or the names of some of the official splits; None for all of these. Labels are
            read but for the split "test".
        workers: processes; None for one a core.
        overwrite: prepare again what is done.
        strict: stop at the first missing sequence or damaged scan.

    Raises:
        UserError: there are no sequences or no labels, or some scans are damaged: the others are done before, and
            ``failed.json`` in ``out`` says why.
    """
    raw, out = Path(raw).absolute(), Path(out).absolute()
    check_folders(raw, out, LAYOUT)
    scans, missing = find_scans(raw, out, sequence_lists(splits))
    if strict and missing:
        raise UserError(f"sequence {missing[0]} is missing from {raw} (strict=true)", code="missing-scene")
    data_set = DataSet(
        semantickitti.taxonomy(),
        "SemanticKITTI",
        lambda manifest: [f"{len(missing)} sequences are missing: {', '.join(missing)}"] if missing else [],
    )
    return prepare_store(out, scans, prepare_scan, data_set, workers=workers, overwrite=overwrite, strict=strict)


def sequence_lists(splits: Splits | None) -> dict[str, list[str]]:
    """Return the two-digit sequences of each split.

    Raises:
        UserError: a split or sequence that is none, or a sequence in two splits.
    """
    official = semantickitti.SEQUENCES
    if splits is None or not isinstance(splits, Mapping):
        names = list(official) if splits is None else [splits] if isinstance(splits, str) else list(splits)
        unknown = [name for name in names if name not in official]
        if unknown:
            raise UserError(f"unknown split {unknown[0]!r}; choose among {', '.join(official)}", code="unknown-name")
        return {name: list(official[name]) for name in names}
    lists: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    for split, sequences in splits.items():
        if not str(split).isidentifier():
            raise UserError(f"{split!r} is no split name; use letters, digits and _", code="bad-name")
        if isinstance(sequences, str) or not isinstance(sequences, Sequence):
            raise UserError(
                f"splits: {split} is no list of sequences; write splits={{train:[00,01],val:[08]}}", code="malformed"
            )
        for sequence in sequences:
            if not str(sequence).isdecimal():
                raise UserError(f"splits: {sequence!r} of {split} is no sequence; give its number", code="bad-name")
            name = f"{int(sequence):02d}"
            if owner.setdefault(name, split) != split:
                raise UserError(
                    f"sequence {name} is in split {owner[name]} and in split {split}; take it out of one",
                    code="ambiguous",
                )
        lists[str(split)] = list(dict.fromkeys(f"{int(sequence):02d}" for sequence in sequences))
    return lists


def find_scans(raw: Path, out: Path, lists: Mapping[str, Sequence[str]]) -> tuple[list[Scan], list[str]]:
    """Return the scans of the sequences that are there, and the sequences that are not.

    Raises:
        UserError: there are no scans, or a sequence has no labels although its split needs them.
    """
    places = (raw / "dataset" / "sequences", raw / "sequences", raw)
    root = next((place for place in places if any(place.glob("[0-9][0-9]/velodyne"))), None)
    scans: list[Scan] = []
    missing = []
    for split, sequences in lists.items() if root else ():
        for sequence in sequences:
            assert root is not None
            files = sorted((root / sequence / "velodyne").glob("[!.]*.bin"))
            if not files:
                missing.append(sequence)
                continue
            labels = root / sequence / "labels" if split != UNLABELED else None
            if labels is not None and not labels.is_dir():
                raise UserError(
                    f"{labels} is missing: unpack the labels of SemanticKITTI (data_odometry_labels) there, or leave "
                    f"the sequence out by splits={{train:[00],val:[08]}}",
                    code="missing-file",
                )
            for file in files:
                label = labels / f"{file.stem}.label" if labels is not None else None
                scans.append(Scan(file, label, out / split / f"{sequence}_{file.stem}"))
    if "train" in lists and not any(scan.target.parent.name == "train" for scan in scans) and scans:
        raise UserError(
            f"no scans of the sequences of train ({', '.join(lists['train'])}) in {root}: {LEAVE_OUT}",
            code="missing-scene",
        )
    if not scans:
        raise UserError(
            f"no scans of the listed sequences in {raw}: give raw=FOLDER with {LAYOUT} in it", code="nothing-there"
        )
    return scans, missing


def prepare_scan(job: Scan) -> None:
    """Prepare one scan: read, label, write.

    Raises:
        UserError: a file is missing or damaged, the labels do not fit the points, or an id is none of the data set.
    """
    points = _read(job.points, "<f4")
    if len(points) % 4 or len(points) == 0:
        size = job.points.stat().st_size
        raise UserError(
            f"{job.points} has {size} bytes, no number of points of 16 bytes; unpack it again", code="damaged-file"
        )
    points = points.reshape(-1, 4)
    if not np.isfinite(points).all():
        raise UserError(f"{job.points} holds NaN or infinity; unpack it again", code="not-finite")
    arrays: dict[str, NDArray[Any]] = {"coord": points[:, :3], "strength": points[:, 3:]}
    taxonomy = semantickitti.taxonomy()
    if job.labels is not None:
        labels = _read(job.labels, "<u4")
        if len(labels) != len(points):
            raise UserError(
                f"{job.labels} has {len(labels)} labels, {job.points.name} {len(points)} points; unpack both again",
                code="other-length",
            )
        arrays[taxonomy.segment], arrays["instance"] = decode_labels(labels, str(job.labels))
    sources = [path for path in (job.points, job.labels) if path is not None]
    write_prepared(job.target, arrays, {}, [taxonomy], sources)


def _read(path: Path, dtype: str) -> NDArray[Any]:
    if not path.is_file():
        raise UserError(f"{path} is missing; unpack the data set again", code="missing-file")
    size = path.stat().st_size
    if size % np.dtype(dtype).itemsize:
        raise UserError(f"{path} is truncated ({size} bytes); unpack it again", code="damaged-file")
    return np.fromfile(path, dtype)


def decode_labels(labels: NDArray[np.uint32], place: str) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Return train index and instance of each point, -1 for none.

    Instances are numbered from 0 in the order of class and object number: one number may stand for objects of
    different classes.

    Args:
        labels: (N,) as they stand in the file.
        place: where they are from, for the message.

    Raises:
        UserError: an id that the data set does not have.
    """
    ids = (labels & 0xFFFF).astype(np.int64)
    segment = semantickitti.learning_map()[ids]
    unknown = ids[segment == semantickitti.UNKNOWN]
    if len(unknown):
        raise UserError(
            f"{place}: label id {unknown[0]} at {np.count_nonzero(unknown == unknown[0])} points is none of the 34 of "
            "SemanticKITTI; these labels are of another data set, or damaged",
            code="unknown-label",
        )
    number = (labels >> 16).astype(np.int64)
    key = (segment.astype(np.int64) << 16) | number
    inside = (number > 0) & (segment >= 0)
    instance = np.full(len(labels), -1, np.int32)
    instance[inside] = np.unique(key[inside], return_inverse=True)[1].reshape(-1)
    return segment, instance
