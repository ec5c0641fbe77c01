"""Label sets besides ScanNet's: classes in their order, groups by frequency, ids of files."""

import numpy as np
import pytest

from pointnc.benchmarks import s3dis, semantickitti
from pointnc.benchmarks.tables import read_table
from pointnc.scenes.taxonomy import Taxonomy


@pytest.mark.parametrize("taxonomy", [s3dis.taxonomy(), semantickitti.taxonomy()], ids=lambda t: t.name)
def test_groups_are_thirds_by_frequency(taxonomy: Taxonomy) -> None:
    voxels = np.array([int(row["voxels"]) for row in read_table(taxonomy.name)])
    head, common, tail = (voxels[taxonomy.members(group)] for group in ("head", "common", "tail"))
    assert head.min() > common.max() and common.min() > tail.max()
    assert len(head) == len(tail) == len(taxonomy) // 3
    assert len(set(taxonomy.colors)) == len(taxonomy)


def test_s3dis_has_the_usual_order() -> None:
    names = "ceiling floor wall beam column window door table chair sofa bookcase board clutter"
    assert s3dis.taxonomy().names == tuple(names.split())
    assert s3dis.OTHER in s3dis.taxonomy().names


def test_learning_map_folds_34_ids_into_19_classes() -> None:
    table = semantickitti.learning_map()
    taxonomy = semantickitti.taxonomy()
    assert len(taxonomy) == 19
    assert (table != semantickitti.UNKNOWN).sum() == 34
    assert np.flatnonzero(table == -1).tolist() == [0, 1, 52, 99]
    assert sorted(set(table.tolist())) == [semantickitti.UNKNOWN, -1, *range(19)]
    np.testing.assert_array_equal(table[list(taxonomy.ids)], np.arange(19))
    moving = {252: "car", 253: "bicyclist", 254: "person", 255: "motorcyclist", 258: "truck"}
    assert {id_: taxonomy.names[table[id_]] for id_ in moving} == moving
    assert {taxonomy.names[i] for i in table[[13, 16, 20, 256, 257, 259]]} == {"other-vehicle"}
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_sequences_are_shared_out_once() -> None:
    names = [name for sequences in semantickitti.SEQUENCES.values() for name in sequences]
    assert sorted(names) == [f"{number:02d}" for number in range(22)]
