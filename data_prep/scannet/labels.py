"""Labels of a raw scan's vertices from its objects, and their cross-check with ``labels.ply``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.scannet.raw import RawScan
from pointnc.benchmarks import scannet
from pointnc.benchmarks.scannet import LabelMap
from pointnc.errors import UserError

NYU40_LARGEST = 40
LISTED_PAIRS = 10


@dataclass(frozen=True)
class Annotation:
    """What the annotation of a scan with N vertices says.

    Attributes:
        arrays: ``segment200``, ``segment20`` (train index, -1 = no class) and ``instance`` (-1 = none): (N,) int32.
        unknown: vertices by raw name that the label map lacks.
        shared_segments: over-segments that more than one object claims; the later object has them.
        labels_ply: how ``segment20`` compares with ``labels.ply`` (``vertices``, ``differ``, and the largest
            ``pairs`` of [NYU40 id here, id there, vertices]); None without that file.
    """

    arrays: dict[str, NDArray[np.int32]]
    unknown: dict[str, int]
    shared_segments: int
    labels_ply: dict[str, Any] | None


def annotate(scan: RawScan, names: LabelMap) -> Annotation:
    """Label every vertex by the object that owns its over-segment.

    Raises:
        UserError: the scan has no annotation, an object names an over-segment that no vertex has, or ``labels.ply``
            is that of ScanNet v1.
    """
    instance, shared = own_vertices(scan)
    arrays = {"instance": instance}
    for name, ids in (("scannet200", names.scannet200), ("scannet20", names.nyu40)):
        taxonomy = scannet.taxonomy(name)
        # The last entry stands for vertices without an object: index -1 reads it.
        of_object = np.array([ids.get(item.label, 0) for item in scan.objects] + [0])
        arrays[taxonomy.segment] = taxonomy.encode(of_object)[instance]
    points = np.bincount(instance[instance >= 0], minlength=len(scan.objects))
    unknown: Counter[str] = Counter()
    for item, count in zip(scan.objects, points.tolist()):
        if item.label not in names.scannet200:
            unknown[item.label] += count
    labels_ply = None
    if scan.nyu40 is not None:
        _refuse_v1(scan, scan.nyu40, names, instance)
        labels_ply = compare(arrays[scannet.taxonomy("scannet20").segment], scan.nyu40)
    return Annotation(arrays, dict(unknown), shared, labels_ply)


def own_vertices(scan: RawScan) -> tuple[NDArray[np.int32], int]:
    """Return the (N,) object of each vertex, -1 for none, and the number of over-segments that several objects claim.

    An over-segment that two objects claim belongs to the later one, as in the common preprocessors.

    Raises:
        UserError: the scan has no annotation, or an object names an over-segment that no vertex has.
    """
    if scan.segment_ids is None:
        raise UserError(f"scan {scan.name} has no annotation; fetch segs.json and aggregation.json", code="no-labels")
    segments, vertex_to_segment = _unique(scan.segment_ids)
    claimed = np.array([segment for item in scan.objects for segment in item.segments], np.int64)
    claimant = np.repeat(np.arange(len(scan.objects)), [len(item.segments) for item in scan.objects])
    place = np.minimum(np.searchsorted(segments, claimed), len(segments) - 1)
    absent = np.flatnonzero(segments[place] != claimed)
    if len(absent):
        index = claimant[absent[0]]
        raise UserError(
            f"scan {scan.name}: object {index} ({scan.objects[index].label}) names over-segment {claimed[absent[0]]}, "
            "which no vertex has; fetch segs.json and aggregation.json again",
            code="other-length",
        )
    owner = np.full(len(segments), -1, np.int32)
    owner[place] = claimant  # of repeated places the last one counts
    pairs = np.unique(place * max(len(scan.objects), 1) + claimant)  # a segment listed twice by one object is no claim
    claims = np.bincount(pairs // max(len(scan.objects), 1), minlength=1)
    return owner[vertex_to_segment], int((claims > 1).sum())


def _unique(ids: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ``np.unique(ids, return_inverse=True)``, without sorting where the ids are small, as they usually are."""
    if ids.max() > 16 * len(ids) + 1000:
        values, inverse = np.unique(ids, return_inverse=True)
        return values.astype(np.int64), inverse
    present = np.zeros(int(ids.max()) + 1, bool)
    present[ids] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[ids]


def compare(segment20: NDArray[np.integer[Any]], nyu40: NDArray[Any]) -> dict[str, Any]:
    """Compare (N,) train indices of the 20 classes with the (N,) ids of ``labels.ply``.

    Ids outside the 20 classes count as "no class" (id 0 here).

    Returns:
        ``vertices`` N, ``differ`` and ``pairs``: [id here, id there, vertices] of the largest disagreements.
    """
    taxonomy = scannet.taxonomy("scannet20")
    differ = np.flatnonzero(taxonomy.encode(nyu40) != segment20)
    here, there = taxonomy.decode(segment20[differ]).astype(np.int64), nyu40[differ].astype(np.int64)
    values, counts = np.unique((here << 32) + there, return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:LISTED_PAIRS]
    pairs = [[int(values[i] >> 32), int(values[i] & 0xFFFFFFFF), int(counts[i])] for i in largest]
    return {"vertices": len(segment20), "differ": len(differ), "pairs": pairs}


def _refuse_v1(scan: RawScan, nyu40: NDArray[Any], names: LabelMap, instance: NDArray[np.int32]) -> None:
    """Raise a UserError where ``labels.ply`` holds the raw ids of ScanNet v1 instead of NYU40 ids.

    One id beyond NYU40 is no proof: scene0270_00, scene0270_02 and scene0384_00 of v2 hold 50 and 149 (issues 20 and
    86 of ScanNet/ScanNet). In v1 most objects carry another id than the label map gives them.
    """
    if nyu40.max() <= NYU40_LARGEST:
        return
    of_object = np.array([names.nyu40.get(item.label, 0) for item in scan.objects] + [0])
    inside = instance >= 0
    agree = np.bincount(instance[inside], of_object[instance[inside]] == nyu40[inside], minlength=len(scan.objects))
    points = np.bincount(instance[inside], minlength=len(scan.objects))
    judged = (points > 0) & (of_object[:-1] > 0)
    if 2 * np.count_nonzero(2 * agree[judged] < points[judged]) > np.count_nonzero(judged):
        raise UserError(
            f"scan {scan.name}: labels.ply holds raw ids (up to {nyu40.max()}) instead of NYU40 ids, as ScanNet v1 "
            "has them; pointnc reads ScanNet v2: fetch the v2 annotations",
            code="other-version",
        )
