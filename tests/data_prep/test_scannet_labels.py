"""Labels from objects, against a plain loop, and their cross-check with labels.ply."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.scannet.labels import annotate, compare, own_vertices
from data_prep.scannet.raw import RawObject, RawScan
from pointnc.benchmarks.scannet import LABEL_MAP_FILE, LabelMap, taxonomy
from tests.helpers.mistakes import raises
from tests.helpers.synthetic import CLASSES, raw_scan, write_label_map

IDS = st.sampled_from([0, 1, 2, 5, 40, 900_000_000])


@pytest.fixture
def names(tmp_path: Path) -> LabelMap:
    write_label_map(tmp_path / LABEL_MAP_FILE)
    return LabelMap.from_tsv(tmp_path / LABEL_MAP_FILE)


def bare_scan(segment_ids: list[int], objects: list[list[int]]) -> RawScan:
    count = len(segment_ids)
    return RawScan(
        name="scene0000_00",
        coord=np.zeros((count, 3), np.float32),
        color=np.zeros((count, 3), np.uint8),
        faces=np.zeros((0, 3), np.int32),
        axis_alignment=np.eye(4),
        segment_ids=np.array(segment_ids, np.int32),
        objects=tuple(RawObject("bed", tuple(segments)) for segments in objects),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(IDS, min_size=1, max_size=30), st.lists(st.lists(IDS, max_size=6), max_size=5))
def test_owners_equal_a_plain_loop(segment_ids: list[int], objects: list[list[int]]) -> None:
    scan = bare_scan(segment_ids, objects)
    absent = [segment for segments in objects for segment in segments if segment not in segment_ids]
    if absent:
        with raises("other-length", f"over-segment {absent[0]}"):
            own_vertices(scan)
        return
    expected = []
    for segment in segment_ids:
        owners = [index for index, segments in enumerate(objects) if segment in segments]
        expected.append(owners[-1] if owners else -1)
    shared = sum(
        sum(segment in segments for segments in objects) > 1 for segment in set(segment_ids)
    )  # listed twice by one object is no dispute
    instance, count = own_vertices(scan)
    np.testing.assert_array_equal(instance, expected)
    assert count == shared


def test_agreement_with_labels_ply_is_complete(names: LabelMap) -> None:
    scan = raw_scan("scene0000_00", seed=0)
    assert annotate(scan, names).labels_ply == {"vertices": len(scan.coord), "differ": 0, "pairs": []}


def test_disagreements_are_counted_by_pair(names: LabelMap) -> None:
    scan = raw_scan("scene0000_00", seed=0)
    nyu40 = scan.nyu40.copy()
    floor = np.flatnonzero(nyu40 == 2)
    nyu40[floor[:7]] = 39  # another of the 20 classes
    nyu40[floor[7:10]] = 0  # none
    tissue_box = np.flatnonzero(nyu40 == 40)
    nyu40[tissue_box[:4]] = 38  # none of the 20 on either side: no disagreement
    check = annotate(replace(scan, nyu40=nyu40), names).labels_ply
    assert check == {"vertices": len(nyu40), "differ": 10, "pairs": [[2, 39, 7], [2, 0, 3]]}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 19), st.integers(0, 200)), min_size=1, max_size=40))
def test_comparison_equals_a_plain_loop(rows: list[tuple[int, int]]) -> None:
    ids = taxonomy("scannet20").ids
    differ = sum((ids[index] if index >= 0 else None) != (id_ if id_ in ids else None) for index, id_ in rows)
    check = compare(np.array([index for index, _ in rows]), np.array([id_ for _, id_ in rows], np.uint16))
    assert check["differ"] == differ
    assert sum(count for *_, count in check["pairs"]) <= differ


def test_v1_ids_in_labels_ply_are_refused(names: LabelMap) -> None:
    scan = raw_scan("scene0000_00", seed=0)
    raw_ids = np.array([row[1] for row in CLASSES], np.uint16)  # v1 keeps the raw ids, up to 230 here
    with raises("other-version", "ScanNet v1", "labels.ply"):
        annotate(replace(scan, nyu40=raw_ids[scan.segment_ids // 100]), names)


@pytest.mark.parametrize("stray", [50, 149])
def test_the_stray_ids_of_v2_are_no_proof_of_v1(names: LabelMap, stray: int) -> None:
    """scene0270_00, scene0270_02 and scene0384_00 of v2 hold one such id each."""
    scan = raw_scan("scene0000_00", seed=0)
    nyu40 = np.where(scan.nyu40 == 7, stray, scan.nyu40)
    check = annotate(replace(scan, nyu40=nyu40), names).labels_ply
    assert check is not None
    assert check["pairs"] == [[7, stray, int((nyu40 == stray).sum())]]
