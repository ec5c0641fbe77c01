"""The same room in every dialect: the same values, a whole copy, and a table of the documents that says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.custom.columns import find_label
from pointnc.clouds import open_cloud
from pointnc.clouds.reading import look_through
from tests.helpers.dialects import COLOR, COORD, COUNT, LABEL, TEXTS, Case
from tests.helpers.dialects_binary import BINARY
from tests.helpers.dialects_laser import LASER
from tests.helpers.dialects_ply import PLYS
from tests.helpers.mistakes import raises

CASES = {**TEXTS, **PLYS, **BINARY, **LASER}


@pytest.mark.parametrize("name", CASES)
def test_every_dialect_gives_the_same_points(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = tmp_path / f"a{case.suffix}"
    case.write(path)
    check(path, case)
    file = open_cloud(path, case.columns)
    copy = tmp_path / f"copy{case.copy or case.suffix}"
    file.rewrite(copy, [{"answer": np.arange(100, dtype=np.int32)}, {"answer": np.arange(100, COUNT, dtype=np.int32)}])
    columns = (*case.columns, "answer") if case.columns else ()
    np.testing.assert_array_equal(open_cloud(copy, columns).read().attributes["answer"], np.arange(COUNT))
    check(copy, case, columns)


def check(path: Path, case: Case, columns: tuple[str, ...] | None = None) -> None:
    """Compare what is read with the room."""
    file = open_cloud(path, case.columns if columns is None else columns)
    reading = look_through(file, ("color",) if case.color else ())
    cloud = file.read()
    good = np.delete(np.arange(COUNT), case.lost)
    np.testing.assert_array_equal(np.flatnonzero(reading.conditions.usable(cloud.coord)), good)
    np.testing.assert_allclose(cloud.coord[good], COORD[good], atol=case.atol)
    if case.color:
        np.testing.assert_array_equal(reading.conditions.color(cloud)[good], COLOR[good])
    if case.label is not None:
        cloud.attributes.pop("answer", None)
        assert find_label(cloud.attributes, case.label if case.columns else None, str(path)) == case.label
        np.testing.assert_array_equal(cloud.attributes[case.label][good], LABEL[good])


@pytest.mark.parametrize(
    ("name", "content", "mistake"),
    [
        ("a.txt", "1 2 3\n4 5 6\n".encode("utf-16"), ("wrong-format", "UTF-16", "a.txt")),
        ("a.txt", b"1 2 3\r4 5 6\r", ("wrong-format", "a.txt", "CR")),
        (
            "a.asc",
            b"ncols 3\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2 3\n4 5 6\n",
            ("wrong-format", "a.asc", "ESRI"),
        ),
    ],
)
def test_what_would_be_read_wrongly_is_refused(
    tmp_path: Path, name: str, content: bytes, mistake: tuple[str, ...]
) -> None:
    (tmp_path / name).write_bytes(content)
    with raises(*mistake):
        open_cloud(tmp_path / name)


@pytest.mark.parametrize(
    ("columns", "mistake"),
    [
        (("x", "y", "z"), ("other-length", "7 columns", "columns=", "3")),
        (("a", "b", "c", "d", "e", "f", "g"), ("missing-column", "columns=[a,b,c,d,e,f,g]")),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".npy"])
def test_names_that_do_not_fit_a_table_are_a_line(
    tmp_path: Path, columns: tuple[str, ...], mistake: tuple[str, ...], suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    table = np.column_stack([COORD, COLOR, LABEL])
    np.save(path, table) if suffix == ".npy" else np.savetxt(path, table)
    with raises(*mistake):
        open_cloud(path, columns)
    named = open_cloud(path, ("-", "x", "y", "z", "red", "green", "_"))
    assert named.names() == ["column1", "x", "y", "z", "red", "green", "column7"]
    np.testing.assert_array_equal(named.read().coord[:, 0], COORD[:, 1])


def test_hundreds_of_values_without_a_name_are_no_classes(tmp_path: Path) -> None:
    values = {"column7": np.arange(300.0)}
    with raises("ambiguous", "column7", "300", "columns=", "a.txt"):
        find_label(values, None, "a.txt")
    assert find_label(values, "column7", "a.txt") == "column7"
    assert find_label({"label": np.arange(300.0)}, None, "a.txt") == "label"
