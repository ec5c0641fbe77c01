"""What is special about files of scanners: fields that scans lack, records that belong to a layout, raw values."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import open_cloud
from pointnc.clouds.reading import look_through
from pointnc.prediction.targets import result_name
from tests.helpers.dialects import COLOR, COORD, COUNT, LABEL, STRENGTH
from tests.helpers.dialects_laser import LASER, e57, las, raw, rgb, xyz
from tests.helpers.mistakes import raises


def test_what_a_scan_lacks_is_absent_in_it_alone_and_said(tmp_path: Path) -> None:
    pytest.importorskip("pye57")
    half = COUNT // 2
    e57(
        {**xyz(COORD[:half]), "intensity": (None, STRENGTH[:half])},
        {**xyz(COORD[half:]), **rgb(rows=slice(half, None)), "cartesianInvalidState": ((0, 2), np.zeros(half))},
    )(tmp_path / "a.e57")
    file = open_cloud(tmp_path / "a.e57")
    reading = look_through(file, ("color", "strength"))
    cloud = file.read()
    assert {"no colors in scan 0, counted from 0", "no intensity in scan 1, counted from 0"} <= set(reading.remarks)
    assert any(f"{half} points have no color" in remark for remark in reading.remarks)
    made = reading.conditions.color(cloud)
    assert (made[:half] == 128).all()
    np.testing.assert_array_equal(made[half:], COLOR[half:])
    strength = reading.conditions.strength(cloud)
    assert strength is not None
    np.testing.assert_allclose(strength, np.where(np.arange(COUNT) < half, STRENGTH, 0), atol=1e-6)
    assert reading.seen.finite == COUNT


def test_normals_of_an_extension_are_normals(tmp_path: Path) -> None:
    pytest.importorskip("pye57")
    LASER["e57 of 16 bits"].write(tmp_path / "a.e57")
    normal = open_cloud(tmp_path / "a.e57").read().normal
    assert normal is not None and (normal == [0, 0, 1]).all()


def test_an_e57_is_read_in_pieces_of_any_size(tmp_path: Path) -> None:
    pytest.importorskip("pye57")
    LASER["e57 scans that differ"].write(tmp_path / "a.e57")
    file = open_cloud(tmp_path / "a.e57")
    pieces = list(file.chunks(50))
    assert [len(piece) for piece in pieces] == [50, 50, 20, 50, 50, 20]
    np.testing.assert_array_equal(np.concatenate([piece.coord for piece in pieces]), file.read().coord)


def test_a_copy_of_a_copc_file_is_a_plain_laz(tmp_path: Path) -> None:
    laspy = pytest.importorskip("laspy")
    path = tmp_path / "room.copc.laz"
    LASER["COPC"].write(path)
    assert len(laspy.CopcReader.open(str(path)).query()) == COUNT
    assert result_name(path) == "room.laz" and result_name(Path("a.bin")) == result_name(Path("a.e57")) == "a.ply"
    file = open_cloud(path)
    assert file.remarks == []
    file.rewrite(tmp_path / "room.laz", [{"label": LABEL.astype(np.int32)}])
    assert any("COPC" in remark for remark in file.remarks)
    with laspy.open(str(tmp_path / "room.laz")) as reader:
        assert str(reader.header.version) == "1.4" and reader.header.point_format.id == 7
        assert not [vlr for vlr in [*reader.header.vlrs, *(reader.evlrs or [])] if vlr.user_id == "copc"]
        np.testing.assert_array_equal(reader.read().label, LABEL)


def test_other_records_behind_the_points_stay_and_waveforms_are_found(tmp_path: Path) -> None:
    laspy = pytest.importorskip("laspy")
    las("1.4", 7)(tmp_path / "plain.las")
    data = laspy.read(str(tmp_path / "plain.las"))
    stream = io.BytesIO()
    with laspy.LasWriter(stream, data.header, closefd=False) as writer:
        writer.write_points(data.points)
        extended = laspy.vlrs.vlrlist.VLRList()
        extended.append(laspy.VLR("copc", 1000, "octree", b"12345678"))
        extended.append(laspy.VLR("somebody", 7, "notes", b"notes"))
        extended.append(laspy.VLR("LASF_Spec", 65535, "waveforms", b"waves"))
        writer.write_evlrs(extended)
        writer.header.start_of_waveform_data_packet_record = writer.header.start_of_first_evlr + 2 * 60 + 8 + 5
    (tmp_path / "a.las").write_bytes(stream.getvalue())
    open_cloud(tmp_path / "a.las").rewrite(tmp_path / "b.las", [{"label": LABEL.astype(np.int32)}])
    raw_bytes = (tmp_path / "b.las").read_bytes()
    with laspy.open(str(tmp_path / "b.las")) as reader:
        assert [vlr.record_data_bytes() for vlr in reader.evlrs] == [b"notes", b"waves"]
        start = reader.header.start_of_waveform_data_packet_record
    assert raw_bytes[start + 60 : start + 65] == b"waves"


def test_raw_scans_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    raw(-STRENGTH - 1, STRENGTH, STRENGTH)(path)
    with raises("wrong-format", "columns=", "a.bin"):
        open_cloud(path)
    file = open_cloud(path, ("x", "y", "z", "intensity", "elongation", "-"))
    assert file.names() == ["x", "y", "z", "intensity", "elongation", "column6"]
    np.testing.assert_array_equal(file.read().coord, COORD.astype(np.float32))
    with raises("damaged-file", "24 bytes", "5 float32", "a.bin"):
        open_cloud(tmp_path / "a.bin", ("x", "y", "z", "i", "j")) if path.write_bytes(b"0" * 24) else None
