"""The map from raw names to ids: which tables are read, which are refused and why."""

from pathlib import Path

import pytest

from pointnc.benchmarks.scannet import LabelMap, taxonomy
from tests.helpers.mistakes import raises

HEADER = "id\traw_category\tcategory\tnyu40id\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_of_a_name_listed_twice_the_first_row_counts(tmp_path: Path) -> None:
    rows = "1\twall\twall\t1\n1163\tobject\tobject\t40\n1\tobject\twall\t39\n"
    names = LabelMap.from_tsv(write(tmp_path / "a.tsv", HEADER + rows))
    assert (names.scannet200["object"], names.nyu40["object"]) == (1163, 40)


def test_empty_ids_a_byte_order_mark_and_odd_bytes(tmp_path: Path) -> None:
    text = "\ufeff" + HEADER + "1\twall\twall\t1\n\tstorage\tstorage\t\n"
    (tmp_path / "a.tsv").write_bytes(text.encode() + b"900\tcaf\xe9\tcafe\t40\n")
    names = LabelMap.from_tsv(tmp_path / "a.tsv")
    assert names.scannet200["wall"] == 1
    assert (names.scannet200["storage"], names.nyu40["storage"]) == (0, 0)
    assert len(names.scannet200) == 3


def test_the_whole_label_set_is_accepted_and_a_renumbered_one_refused(tmp_path: Path) -> None:
    classes = taxonomy("scannet200")
    rows = [f"{id_}\t{name}\t{name}\t40\n" for name, id_ in zip(classes.names, classes.ids)]
    assert LabelMap.from_tsv(write(tmp_path / "a.tsv", HEADER + "".join(rows))).scannet200 == dict(
        zip(classes.names, classes.ids)
    )
    rows = [f"{number}\t{name}\t{name}\t40\n" for number, name in enumerate(classes.names, start=1)]
    with raises("other-version", "b.tsv", "'monitor'", 18, 19):
        LabelMap.from_tsv(write(tmp_path / "b.tsv", HEADER + "".join(rows)))


REFUSED = {
    "v1": ("category\tcount\tnyuId\tnyu40id\nwall\t7274\t21\t1\n", ("other-version", "ScanNet v1", "'category'")),
    "v1 with ids": ("id\tcategory\tcount\tnyu40id\n1\twall\t7274\t1\n", ("other-version", "ScanNet v1", "'category'")),
    "no ScanNet200 ids": ("raw_category\tnyu40id\nwall\t1\n", ("other-version", "'id'", "ScanNet200")),
    "no nyu40id": ("id\traw_category\n1\twall\n", ("missing-column", "'nyu40id'")),
    "other ids": (HEADER + "21\twall\twall\t1\n", ("other-version", "'wall'", 21, 1)),
    "empty": ("", ("empty-file",)),
    "header only": (HEADER, ("empty-file",)),
    "words": (HEADER + "1\twall\twall\t1\nx\tbed\tbed\t4\n", ("damaged-file", "line 3")),
    "short row": (HEADER + "1\twall\n", ("damaged-file", "line 2")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_tables_are_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    text, mistake = REFUSED[case]
    with raises(*mistake, tmp_path / "a.tsv"):
        LabelMap.from_tsv(write(tmp_path / "a.tsv", text))


def test_missing_table_names_the_one_of_v1_beside_it(tmp_path: Path) -> None:
    with raises("missing-file", tmp_path / "scannetv2-labels.combined.tsv", "label_map="):
        LabelMap.from_tsv(tmp_path / "scannetv2-labels.combined.tsv")
    write(tmp_path / "scannet-labels.combined.tsv", REFUSED["v1"][0])
    with raises("missing-file", "ScanNet v1", "scannet-labels.combined.tsv", "scannetv2-labels.combined.tsv"):
        LabelMap.from_tsv(tmp_path / "scannetv2-labels.combined.tsv")
