"""Clouds of every format as scenes: what predict wrote is read back, colors by range, normals where they are wanted."""

from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import open_cloud
from pointnc.prediction import label_file
from pointnc.prediction.targets import OutputFolder
from pointnc.scenes.legend import read_legend
from pointnc.viewer.clouds import open_shown, read_shown
from tests.helpers.mistakes import assert_mistake, raises
from tests.prediction.test_prediction import TAXONOMY, colored, predictor
from tests.viewer.test_visualize import read_page, visualize


def labeled(folder: Path, name: str, spoilt: int = 0) -> np.ndarray:
    """Let a network label a table without names; return the train indices of the points that have a place."""
    columns, ids = colored(90)
    table = np.column_stack(list(columns.values()))
    table[:spoilt, 1] = np.nan
    if name.endswith(".npy"):
        np.save(folder / name, table)
    else:
        np.savetxt(folder / name, table, fmt="%.9g", delimiter="," if name.endswith(".csv") else " ")
    out = OutputFolder(folder / "out", [folder / name])
    label_file(open_cloud(folder / name), out.targets(folder / name), predictor(), TAXONOMY)
    out.write_classes(TAXONOMY)
    return TAXONOMY.encode(ids)[spoilt:]


@pytest.mark.parametrize("name", ["a.xyz", "a.csv", "a.npy"])
def test_what_predict_wrote_is_shown_with_its_own_classes(name: str, tmp_path: Path) -> None:
    expected = labeled(tmp_path, name)
    for number, given in enumerate((f"prediction=out/{name}", f"scene={name} prediction=out/{name}",
                                    f"out/{name}", f"scene={name} prediction=out")):  # fmt: skip
        folder = given.endswith("=out")
        if folder and name != "a.csv":
            continue  # a folder is searched for <scene>.<suffix>: one is enough
        visualize(tmp_path, *given.split(), f"html={number}.html")
        description, (columns,) = read_page(tmp_path / f"{number}.html")
        np.testing.assert_array_equal(columns["prediction"], expected)
        assert columns["confidence"].min() > 250
        assert description["taxonomy"]["names"] == list(TAXONOMY.names)
        assert "truth" not in columns


@pytest.mark.parametrize("name", ["a.xyz", "a.npy"])
def test_points_without_a_place_are_left_out_and_counted(name: str, tmp_path: Path) -> None:
    expected = labeled(tmp_path, name, spoilt=4)
    done = visualize(tmp_path, f"scene={name}", f"prediction=out/{name}", "html=a.html")
    assert "4 points without finite coordinates are left out" in done.stdout
    _, (columns,) = read_page(tmp_path / "a.html")
    np.testing.assert_array_equal(columns["prediction"], expected)
    np.testing.assert_array_equal(columns["number"], np.arange(4, 90))
    visualize(tmp_path, f"scene={name}", f"prediction=out/{name}", "html=b.html", "shown_points=43")
    np.testing.assert_array_equal(read_page(tmp_path / "b.html")[1][0]["number"], np.arange(4, 90, 2))


def test_stray_points_are_left_out_as_the_remark_says(tmp_path: Path) -> None:
    coord = np.random.default_rng(0).random((500, 3)) * 4
    coord[7], coord[9] = (1e9, 0, 0), np.nan
    np.save(tmp_path / "a.npy", coord)
    shown = read_shown(tmp_path / "a.npy")
    assert shown.rows is not None
    np.testing.assert_array_equal(shown.rows, np.delete(np.arange(500), [7, 9]))
    assert np.ptp(shown.scene.coord, axis=0).max() < 5
    strays, lacking = shown.remarks
    assert strays.startswith("1 stray points")
    assert lacking == "1 points without finite coordinates are left out"


def test_a_table_that_is_no_prediction_keeps_its_columns(tmp_path: Path) -> None:
    labeled(tmp_path, "a.npy")
    np.save(tmp_path / "out" / "raw.npy", np.random.default_rng(0).uniform(0, 9, (50, 6)))
    assert open_shown(tmp_path / "out" / "raw.npy").names() == ["x", "y", "z", "red", "green", "blue"]
    assert open_shown(tmp_path / "out" / "a.npy").names()[-2:] == ["label", "confidence"]


@pytest.mark.parametrize(
    ("color", "shown", "said"),
    [
        (np.array([[0, 100, 200]], np.uint16), [0, 100, 200], ""),  # 8 bits in a las
        (np.array([[0, 25700, 65535]], np.uint16), [0, 100, 255], "16 bits"),
        (np.array([[0, 0.4, 1]], np.float32), [0, 102, 255], "between 0 and 1"),
        (np.array([[0, 100, 255]], np.float64), [0, 100, 255], ""),
    ],
)
def test_colors_are_recognized_by_their_range(color: np.ndarray, shown: list[int], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", coord=np.arange(12.0).reshape(4, 3), color=np.repeat(color, 4, axis=0))
    cloud = read_shown(tmp_path / "a.npz")
    np.testing.assert_array_equal(cloud.scene.color, np.repeat([shown], 4, axis=0))
    assert any(said in remark for remark in cloud.remarks) if said else not cloud.remarks


def test_what_a_network_wants_is_made(tmp_path: Path) -> None:
    flat = np.column_stack([np.random.default_rng(0).uniform(0, 2, (200, 2)), np.zeros(200)])
    np.savez(tmp_path / "a.npz", coord=1000 * (flat + 500), intensity=np.arange(200))
    bare = read_shown(tmp_path / "a.npz", units="mm").scene
    assert bare.color is None and bare.normal is None and bare.strength is None
    np.testing.assert_allclose(bare.coord + bare.origin, flat + 500, atol=1e-6)
    full = read_shown(tmp_path / "a.npz", {"color", "normal", "strength"}, units="mm").scene
    assert (full.color == 128).all()
    np.testing.assert_allclose(np.abs(full.normal), [[0, 0, 1]] * 200, atol=1e-4)
    np.testing.assert_allclose(full.strength[:, 0], np.arange(200) / 255, rtol=1e-6)
    np.savez(tmp_path / "b.npz", coord=flat)
    with raises("missing-column", "b.npz", "strength"):
        read_shown(tmp_path / "b.npz", {"strength"})


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense", '{"a": {"name": "b", "color": [0, 0, 0]}}', '{"1": "chair"}'])
def test_a_broken_legend_gets_a_line(text: str, tmp_path: Path) -> None:
    labeled(tmp_path, "a.xyz")
    (tmp_path / "out" / "classes.json").write_text(text)
    with raises("damaged-file" if text == "nonsense" else "malformed", "classes.json", "taxonomy="):
        read_legend(tmp_path / "out" / "classes.json")
    if text == "nonsense":
        assert_mistake(
            visualize(tmp_path, "prediction=out/a.xyz", "html=a.html", code=2),
            "damaged-file",
            "classes.json",
            "taxonomy=",
        )


def test_columns_that_the_user_names_are_not_named_again(tmp_path: Path) -> None:
    labeled(tmp_path, "a.npy")
    names = [f"c{i}" for i in range(np.load(tmp_path / "out" / "a.npy").shape[1])]
    names[:3] = "x", "y", "z"
    assert open_shown(tmp_path / "out" / "a.npy", names).names() == names
