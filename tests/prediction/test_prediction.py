"""From a file to a labeled file: nothing lost, nothing moved, whatever the size, unit and frame."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from pointnc.clouds import PointCloud, open_cloud, read_cloud
from pointnc.clouds.normals import estimate_normals
from pointnc.clouds.survey import survey
from pointnc.inference.predictor import Predictor
from pointnc.models.segmentor import Segmentor
from pointnc.prediction import Conditions, label_file
from pointnc.prediction import blocks as blocks_module
from pointnc.prediction import results as results_module
from pointnc.prediction.blocks import Columns, count_columns, cut_blocks, points
from pointnc.prediction.results import Results
from pointnc.prediction.targets import Targets
from pointnc.scenes.ply import write_ply
from pointnc.scenes.taxonomy import Taxonomy
from tests.helpers.mistakes import raises
from tests.helpers.scenes import ColorBackbone

TAXONOMY = Taxonomy.from_dict({"name": "colors", "names": ["red", "green", "blue"], "ids": [7, 40, 3]})
UTM = np.array([431_234.5, 5_412_345.25, 412.125])


def predictor(features: tuple[str, ...] = ("color",)) -> Predictor:
    """A network that says which color a point has."""
    model = Segmentor(ColorBackbone(), 3)
    model.head = nn.Linear(3, 3)
    with torch.no_grad():
        model.head.weight.copy_(100 * torch.eye(3))
        model.head.bias.zero_()
    return Predictor(model, features, 0.05, halo=0.2)


def colored(count: int, seed: int = 0) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Points with voxels of their own, red, green or blue, and the ids of their classes."""
    rng = np.random.default_rng(seed)
    cells = rng.permutation(60 * 50 * 8)[:count]
    coord = np.stack([cells % 60, cells // 60 % 50, cells // 3000], 1) * 0.2 + rng.uniform(0, 0.01, (count, 3))
    which = rng.integers(0, 3, count)
    color = np.full((count, 3), 20, np.uint8)
    color[np.arange(count), which] = 220
    columns: dict[str, NDArray[Any]] = {axis: coord[:, i] for i, axis in enumerate("xyz")}
    columns |= {name: color[:, i] for i, name in enumerate(("red", "green", "blue"))}
    return columns, np.array(TAXONOMY.ids)[which]


def write(path: Path, columns: dict[str, NDArray[Any]]) -> Path:
    table = np.empty(len(columns["x"]), [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        table[name] = values
    np.save(path, table)
    return path


@pytest.mark.parametrize("block_points", [10_000, 700])
def test_every_point_gets_its_label_in_its_place(
    tmp_path: Path, block_points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "WINDOW", 1_000)
    columns, ids = colored(5_000)
    columns = {**columns, "time": np.arange(5_000.0)}
    for i, axis in enumerate("xyz"):
        columns[axis] = columns[axis] + UTM[i]
    seen = []
    outcome = label_file(
        open_cloud(write(tmp_path / "a.npy", columns)), Targets.of(Path("a.npy"), tmp_path / "out", colors=True), predictor(), TAXONOMY,
        block_points=block_points, progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    after = read_cloud(tmp_path / "out" / "a.npy")
    np.testing.assert_array_equal(after.attributes["label"], ids)
    assert (after.attributes["confidence"] > 0.99).all()
    np.testing.assert_array_equal(after.coord, np.stack([columns[axis] for axis in "xyz"], 1))
    np.testing.assert_array_equal(after.attributes["time"], columns["time"])
    assert outcome.points == 5_000 and outcome.counts.sum() == 5_000
    assert seen[-1] == (5_000, 5_000) and (len(seen) > 5) == (block_points == 700)
    picture = read_cloud(tmp_path / "out" / "a.npy_labels.ply")
    np.testing.assert_array_equal(picture.coord, after.coord)
    palette = dict(zip(TAXONOMY.ids, TAXONOMY.colors))
    assert picture.color is not None and tuple(picture.color[3]) == palette[int(ids[3])]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.npy", "a.npy_labels.ply"]


def test_points_without_coordinates_get_minus_one(tmp_path: Path) -> None:
    columns, ids = colored(300)
    columns["y"][[3, 299]] = np.nan
    outcome = label_file(
        open_cloud(write(tmp_path / "a.npy", columns)), Targets(tmp_path / "b.npy"), predictor(), TAXONOMY
    )
    ids[[3, 299]] = -1
    np.testing.assert_array_equal(read_cloud(tmp_path / "b.npy").attributes["label"], ids)
    assert any("2 points" in remark for remark in outcome.remarks)


@pytest.mark.parametrize("far", [1e7, 1e30, 1e300])
@pytest.mark.parametrize("block_points", [10_000, 700])
def test_stray_points_do_not_spoil_a_file(tmp_path: Path, far: float, block_points: int) -> None:
    columns, ids = colored(2_000)
    columns["x"][1999], columns["z"][5] = far, -far
    path = write(tmp_path / "a.npy", columns)
    outcome = label_file(
        open_cloud(path), Targets(tmp_path / "b.npy"), predictor(), TAXONOMY, "auto", block_points=block_points
    )
    ids[[5, 1999]] = -1
    np.testing.assert_array_equal(read_cloud(tmp_path / "b.npy").attributes["label"], ids)
    assert any("2 stray points" in one or "2 points without" in one for one in outcome.remarks)
    assert any("taken as m" in one for one in outcome.remarks)


@pytest.mark.parametrize("column", ["x", "z"])
def test_no_finite_point_is_a_line(tmp_path: Path, column: str) -> None:
    columns, _ = colored(30)
    columns[column][:] = np.nan
    with raises("not-finite", "30 points", "a.npy"):
        label_file(open_cloud(write(tmp_path / "a.npy", columns)), Targets(tmp_path / "b.npy"), predictor(), TAXONOMY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_a_label_that_is_there_is_kept(tmp_path: Path) -> None:
    columns, ids = colored(50)
    path = write(tmp_path / "a.npy", {**columns, "label": np.arange(50)})
    outcome = label_file(open_cloud(path), Targets(tmp_path / "b.npy"), predictor(), TAXONOMY)
    attributes = read_cloud(tmp_path / "b.npy").attributes
    np.testing.assert_array_equal(attributes["label"], np.arange(50))
    np.testing.assert_array_equal(attributes["predicted_label"], ids)
    assert any("already" in remark for remark in outcome.remarks)


def test_earlier_predictions_are_kept_and_so_are_arrays_of_another_length(tmp_path: Path) -> None:
    columns, ids = colored(50)
    coord = np.stack([columns[axis] for axis in "xyz"], 1)
    color = np.stack([columns[name] for name in ("red", "green", "blue")], 1)
    np.savez(tmp_path / "0.npz", coord=coord, color=color, label=np.arange(3))
    for number in range(3):
        label_file(
            open_cloud(tmp_path / f"{number}.npz"), Targets(tmp_path / f"{number + 1}.npz"), predictor(), TAXONOMY
        )
    with np.load(tmp_path / "3.npz") as after:
        np.testing.assert_array_equal(after["label"], np.arange(3))
        for name in ("predicted_label", "predicted_label_2", "predicted_label_3"):
            np.testing.assert_array_equal(after[name], ids)


class NormalBackbone(nn.Module):
    """Whose features are the normals, taken as absolute values."""

    out_channels = 3

    def forward(self, coord: torch.Tensor, features: torch.Tensor, batch_size: int) -> torch.Tensor:
        return features.abs()


def test_vertices_without_faces_get_normals_of_their_own(tmp_path: Path) -> None:
    """A wall across x of which one half has no faces, and whose faces have none beside them."""
    y, z = np.meshgrid(np.arange(20), np.arange(20), indexing="ij")
    coord = np.stack([np.zeros(400), y.ravel() * 0.1, z.ravel() * 0.1], axis=1)
    a = np.arange(400).reshape(20, 20)[:9, :-1].ravel()
    faces = np.concatenate([np.stack([a, a + 20, a + 21], 1), np.stack([a, a + 21, a + 1], 1)])
    write_ply(tmp_path / "a.ply", {axis: coord[:, i] for i, axis in enumerate("xyz")}, faces)
    network = predictor(("normal",))
    network.model.backbone = NormalBackbone()
    label_file(open_cloud(tmp_path / "a.ply"), Targets(tmp_path / "b.ply"), network, TAXONOMY)
    assert set(read_cloud(tmp_path / "b.ply").attributes["label"].tolist()) == {TAXONOMY.ids[0]}


@pytest.mark.parametrize(("scale", "dtype"), [(1 / 255, np.float32), (257, np.uint16), (1, np.float64)])
def test_colors_in_other_ranges_are_recognized(tmp_path: Path, scale: float, dtype: Any) -> None:
    columns, ids = colored(200)
    for name in ("red", "green", "blue"):
        columns[name] = (columns[name].astype(np.float64) * scale).astype(dtype)
    outcome = label_file(
        open_cloud(write(tmp_path / "a.npy", columns)), Targets(tmp_path / "b.npy"), predictor(), TAXONOMY
    )
    np.testing.assert_array_equal(read_cloud(tmp_path / "b.npy").attributes["label"], ids)
    assert len(outcome.remarks) == (scale != 1)


def test_missing_colors_are_said_and_gray(tmp_path: Path) -> None:
    columns, _ = colored(20)
    path = write(tmp_path / "a.npy", {axis: columns[axis] for axis in "xyz"})
    outcome = label_file(open_cloud(path), Targets(tmp_path / "b.npy"), predictor(), TAXONOMY)
    assert any("no colors" in remark for remark in outcome.remarks)
    assert len(set(read_cloud(tmp_path / "b.npy").attributes["label"])) == 1


def conditions(coord: NDArray[np.float64], **settings: Any) -> tuple[Conditions, list[str]]:
    class Cloud:
        path = Path("a")

        def chunks(self) -> Any:
            yield PointCloud(coord)

    return Conditions.of(survey(Cloud()), ("coord",), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("unit", "factor"), [("m", 1), ("cm", 100), ("mm", 1000)])
@pytest.mark.parametrize("asked", [True, False])
def test_units(unit: Any, factor: float, asked: bool) -> None:
    meters = np.random.default_rng(0).uniform(0, [8, 6, 3], (100, 3))
    meters[:2] = [0, 0, 0], [8, 6, 3]
    made, remarks = conditions(meters * factor, unit=unit if asked else "auto")
    np.testing.assert_allclose(made.coord(PointCloud(meters * factor)), meters, atol=1e-5)
    assert bool(remarks) != asked
    if not asked:
        assert f"taken as {unit}" in remarks[0]


def test_millimeters_taken_for_meters_are_noticed() -> None:
    _, remarks = conditions(np.array([[0.0, 0, 0], [8000, 6000, 3000]]))
    assert "units=" in remarks[0]


def test_y_up_is_turned_upright() -> None:
    made, _ = conditions(np.array([[0.0, 0, 0], [4, 2.5, 3]]), up="y")
    np.testing.assert_allclose(made.coord(PointCloud(np.array([[4, 2.5, 3.0]])))[0], [4, -3, 2.5])
    turned = made.turned(np.array([[0, 2, 0], [np.nan, 0, 0], [0, 0, 0]], np.float32))
    np.testing.assert_allclose(turned, [[0, 0, 1], [np.nan] * 3, [np.nan] * 3], atol=1e-7)


@pytest.mark.parametrize("setting", [{"unit": "inch"}, {"up": "x"}])
def test_unknown_settings_are_named(setting: dict[str, str]) -> None:
    with raises("option", *setting.values()):
        conditions(np.array([[0.0, 0, 0], [4, 2.5, 3]]), **setting)


class StrengthBackbone(nn.Module):
    """Whose features are 1 - s, s - 0.5, 0: the head's classes are weak, strong and never."""

    out_channels = 3

    def forward(self, coord: torch.Tensor, features: torch.Tensor, batch_size: int) -> torch.Tensor:
        return torch.cat([0.5 - features, features - 0.5, torch.full_like(features, -1)], dim=1)


@pytest.mark.parametrize(("name", "most", "remark"), [("strength", 1, None), ("Intensity", 65535, "divided by 65535")])
def test_strength_of_laser_pulses_reaches_the_network(tmp_path: Path, name: str, most: int, remark: str | None) -> None:
    columns, _ = colored(400)
    strong = np.random.default_rng(0).random(400) < 0.5
    columns["z"][7] = np.nan
    columns[name] = np.where(strong, 0.9 * most, 0.1 * most).astype(np.float32)
    network = predictor(("strength",))
    network.model.backbone = StrengthBackbone()
    outcome = label_file(open_cloud(write(tmp_path / "a.npy", columns)), Targets(tmp_path / "b.npy"), network, TAXONOMY)
    expected = np.where(strong, TAXONOMY.ids[1], TAXONOMY.ids[0])
    expected[7] = -1
    np.testing.assert_array_equal(read_cloud(tmp_path / "b.npy").attributes["label"], expected)
    assert [one for one in outcome.remarks if "strength" in one] == (
        [] if remark is None else [f"strengths go up to {np.float32(0.9 * most):.6g}: {remark}"]
    )


def test_missing_strength_is_a_line(tmp_path: Path) -> None:
    cloud = open_cloud(write(tmp_path / "a.npy", colored(40)[0]))
    with raises("missing-column", "a.npy", "strength", "remission"):
        label_file(cloud, Targets(tmp_path / "b.npy"), predictor(("strength",)), TAXONOMY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_utm_coordinates_keep_millimeters() -> None:
    local = np.random.default_rng(0).uniform(0, 50, (1000, 3))
    made, _ = conditions(local + UTM)
    seen = made.coord(PointCloud(local + UTM)).astype(np.float64)
    assert np.abs((seen - seen[0]) - (local - local[0])).max() < 1e-5


@pytest.mark.parametrize("margin", [0.0, 0.7])
@pytest.mark.parametrize("most", [300, 1500])
def test_blocks_share_out_the_points_and_see_their_surroundings(tmp_path: Path, most: int, margin: float) -> None:
    columns, _ = colored(4_000)
    cloud = open_cloud(write(tmp_path / "a.npy", columns))
    seen = survey(cloud)
    made, _ = Conditions.of(seen, ("color",))
    grid = count_columns(cloud, made, seen)
    assert grid.counts.sum() == 4_000
    blocks = cut_blocks(grid, most, margin, "a")
    everything = np.concatenate(list(points(cloud, made)))
    from pointnc.prediction.blocks import RECORD, sort_into

    files = sort_into(tmp_path, cloud, made, grid, blocks, margin)
    owned = np.zeros(4_000, int)
    for file in files:
        records = np.fromfile(file, RECORD)
        assert len(records) <= most
        inner = records[records["inner"]]
        owned[inner["row"]] += 1
        np.testing.assert_array_equal(records["coord"], everything["coord"][records["row"]])
        low, high = inner["coord"][:, :2].min(0) - margin, inner["coord"][:, :2].max(0) + margin
        near = ((everything["coord"][:, :2] > low) & (everything["coord"][:, :2] < high)).all(1)
        assert set(np.flatnonzero(near)) <= set(records["row"])
    assert (owned == 1).all()


def test_blocks_may_be_more_than_files_that_may_be_open(tmp_path: Path) -> None:
    columns, ids = colored(6_000)
    cloud = open_cloud(write(tmp_path / "a.npy", columns))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 20, before[1]))
    try:
        seen = []
        label_file(
            cloud, Targets(tmp_path / "b.npy"), predictor(), TAXONOMY, block_points=250,
            progress=lambda done, total: seen.append(done),
        )  # fmt: skip
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(seen) > 40
    np.testing.assert_array_equal(read_cloud(tmp_path / "b.npy").attributes["label"], ids)


def test_blocks_are_sorted_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are the same whatever the pieces are."""
    columns, _ = colored(1_000)
    cloud = open_cloud(write(tmp_path / "a.npy", columns))
    seen = survey(cloud)
    made, _ = Conditions.of(seen, ())
    grid = count_columns(cloud, made, seen)
    blocks = cut_blocks(grid, 300, 0.7, "a")
    contents = []
    for piece in (1_000_000, 130):
        monkeypatch.setattr(blocks_module, "CHUNK", piece)
        (tmp_path / str(piece)).mkdir()
        files = blocks_module.sort_into(tmp_path / str(piece), cloud, made, grid, blocks, 0.7)
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1] and len(blocks) > 4


def test_a_spot_with_too_many_points_is_a_line() -> None:
    columns = Columns(0.1, np.zeros(2), np.full((4, 4), 50))
    with raises("too-dense", "block_points=30"):
        cut_blocks(columns, 30, 0.0, "a")


def test_results_keep_what_is_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_module, "WINDOW", 7)
    rng = np.random.default_rng(0)
    results = Results(tmp_path / "r.bin", 40)
    expected = np.full(40, -1), np.zeros(40, np.float32)
    for part in np.array_split(rng.permutation(40)[:33], 4):
        rows = np.sort(part)
        labels, confidence = rng.integers(0, 9, len(rows)), rng.random(len(rows), np.float32)
        results.put(rows, labels, confidence)
        expected[0][rows], expected[1][rows] = labels, confidence
    whole = np.concatenate(list(results.windows()))
    np.testing.assert_array_equal(whole["label"], expected[0])
    np.testing.assert_array_equal(whole["confidence"], expected[1])


def test_normals_of_a_room_point_inwards() -> None:
    rng = np.random.default_rng(0)
    coord = rng.uniform(0, 1, (3000, 3)).astype(np.float32) * np.float32([4, 3, 2.5])
    side = rng.integers(0, 6, 3000)
    coord[np.arange(3000), side // 2] = np.where(side % 2, np.float32([4, 3, 2.5])[side // 2], 0)
    inwards = np.zeros((3000, 3))
    inwards[np.arange(3000), side // 2] = np.where(side % 2, -1, 1)
    cosine = (estimate_normals(coord) * inwards).sum(1)
    assert np.median(cosine) > 0.999 and np.quantile(cosine, 0.05) > 0.7  # at edges, two planes meet


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_points_have_normals_too(count: int) -> None:
    normal = estimate_normals(np.random.default_rng(0).random((count, 3), np.float32))
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-5)
