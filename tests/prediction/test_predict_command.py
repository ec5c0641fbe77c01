"""``python -m pointnc.predict`` as a command: formats, failures, memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import read_cloud
from pointnc.scenes.ply import write_ply
from pointnc.weights.bundle import save_bundle
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_line
from tests.weights.test_weights import make


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "bundle"
    model, card = make(planes=[6, 6], layers=[1, 1])
    save_bundle(path, model.state_dict(), card)
    return path


predict = partial(run, "pointnc.predict")


def room(count: int = 2_000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    coord = rng.uniform(0, [4, 3, 2.5], (count, 3))
    columns = {axis: coord[:, i] for i, axis in enumerate("xyz")}
    return columns | {name: rng.integers(0, 256, count, np.uint8) for name in ("red", "green", "blue")}


def test_good_files_are_done_and_bad_ones_listed(tmp_path: Path, bundle: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_ply(folder / "a.ply", room())
    np.savetxt(folder / "b.txt", np.column_stack([*room(500).values()]), fmt="%g")
    (folder / "c.ply").write_bytes(b"")
    (folder / "d.las").write_bytes(b"nonsense")
    write_ply(folder / "e.ply", {axis: np.empty(0) for axis in "xyz"})
    done = predict(f"checkpoint={bundle}", f"input={folder}", "out=labeled", folder=tmp_path, code=1)
    assert "Traceback" not in done.stderr
    assert "3 of 5 failed" in done.stdout
    for name, reason in (("c.ply", "empty"), ("d.las", "no las file"), ("e.ply", "no points")):
        assert any(name in line and reason in line for line in done.stdout.splitlines())
    out = tmp_path / "labeled"
    assert sorted(path.name for path in out.iterdir()) == ["a.ply", "b.txt", "classes.json"]
    cloud = read_cloud(out / "a.ply")
    np.testing.assert_array_equal(cloud.coord, np.column_stack([room()[axis] for axis in "xyz"]))
    assert set(cloud.attributes["label"].tolist()) <= {0, 1, 2, 3}
    assert json.loads((out / "classes.json").read_text())["2"]["name"] == "chair"
    assert len(read_cloud(out / "b.txt")) == 500
    assert "a second" in done.stdout

    again = predict(f"checkpoint={bundle}", f"input={folder / 'a.ply'}", "out=labeled", folder=tmp_path, code=1)
    assert "overwrite=true" in again.stdout


def test_a_store_scene_and_two_files_of_one_name(tmp_path: Path, bundle: Path) -> None:
    scene = tmp_path / "store" / "val" / "scene1"
    scene.mkdir(parents=True)
    columns = room()
    np.save(scene / "coord.npy", np.column_stack([columns[axis] for axis in "xyz"]).astype(np.float32))
    np.save(scene / "color.npy", np.column_stack([columns[name] for name in ("red", "green", "blue")]))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_ply(tmp_path / name / "a.ply", columns)
    done = predict(
        f"checkpoint={bundle}", f"input=[{scene.parent},{tmp_path}/one/a.ply,{tmp_path}/two/a.ply]", "out=out",
        folder=tmp_path, code=1,
    )  # fmt: skip
    assert "another input was written" in done.stdout
    label = np.load(tmp_path / "out" / "scene1" / "label.npy")
    np.testing.assert_array_equal(label, read_cloud(tmp_path / "out" / "a.ply").attributes["label"])
    assert not (scene / "label.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        ([], ["pointnc predict FILES"]),
        (["checkpoint=nothing.ckpt", "input=a.ply", "out=out"], ["nothing.ckpt"]),
        (["checkpoint={bundle}", "input=*.ply", "out=out"], ["input=*.ply"]),
        (["checkpoint={bundle}", "input=.", "out=out"], ["input=.", ".ply, .pcd"]),
        (
            ["checkpoint={bundle}", "input=a.ply", "out=out", "block_points=0"],
            ["block_points=0", "at least 1"],
        ),
        (["checkpoint={bundle}", "input=[a.ply,b.ply]", "out=out", "units=foot"], ["units=foot"]),
    ],
)
def test_mistakes_get_one_line(tmp_path: Path, bundle: Path, arguments: list[str], facts: list[str]) -> None:
    done = predict(*(one.format(bundle=bundle) for one in arguments), folder=tmp_path, code=2)
    assert_line(done.stderr, *facts)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_not_written_over_itself(tmp_path: Path, bundle: Path) -> None:
    write_ply(tmp_path / "a.ply", room())
    before = (tmp_path / "a.ply").read_bytes()
    done = predict(f"checkpoint={bundle}", "input=a.ply", "out=.", "overwrite=true", folder=tmp_path, code=1)
    assert "would be overwritten" in done.stdout
    assert (tmp_path / "a.ply").read_bytes() == before


def test_folders_around_the_input_survive(tmp_path: Path, bundle: Path) -> None:
    """``input=..`` with an output folder within it once deleted the folder around the results."""
    scene = tmp_path / "s1"
    (scene / "inner").mkdir(parents=True)
    columns = room(200)
    np.save(scene / "coord.npy", np.column_stack([columns[axis] for axis in "xyz"]).astype(np.float32))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").touch()
    done = predict(f"checkpoint={bundle}", "input=..", "out=results", "overwrite=true", folder=scene / "inner", code=2)
    assert_line(done.stderr, "out=results", "scene")
    predict(f"checkpoint={bundle}", "input=..", "out=../../out", "overwrite=true", folder=scene / "inner")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["classes.json", "precious", "s1"]
    assert (tmp_path / "out" / "s1" / "label.npy").is_file() and (scene / "inner").is_dir()


def test_one_bad_file_does_not_end_the_run(tmp_path: Path, bundle: Path) -> None:
    """Neither one that cannot be read at all, nor one that no reader foresees."""
    (tmp_path / "a.ply").symlink_to("a.ply")  # a loop: an OSError even for root
    np.save(tmp_path / "b.npy", np.full((4, 3), "one"))
    write_ply(tmp_path / "c.ply", room(300))
    done = predict(f"checkpoint={bundle}", "input=[a.ply,b.npy,c.ply]", "out=out", folder=tmp_path, code=1)
    assert "Traceback" not in done.stderr and "2 of 3 failed" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["c.ply", "classes.json"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path, bundle: Path) -> None:
    """A file of 420 MB is labeled in an address space that has 400 MB more than a small file takes."""
    rng = np.random.default_rng(0)
    dtype = np.dtype([(axis, "<f4") for axis in "xyz"] + [(f"extra{i}", "<f4") for i in range(27)])
    count = 3_500_000
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    lines += [f"property float {name}" for name in dtype.names or ()]
    with (tmp_path / "large.ply").open("wb") as stream:
        stream.write(("\n".join([*lines, "end_header"]) + "\n").encode())
        for _ in range(10):
            part = np.zeros(count // 10, dtype)
            for axis, extent in zip("xyz", (20, 15, 0.2)):
                part[axis] = rng.random(len(part), np.float32) * np.float32(extent)
            stream.write(part.tobytes())
    assert (tmp_path / "large.ply").stat().st_size > 420e6
    limit = 2_200 * 2**20

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    command = [
        sys.executable, "-m", "pointnc.predict", f"checkpoint={bundle}", "input=large.ply", "out=out",
        "block_points=400000", "max_points=200000", "halo=0.5",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, preexec_fn=limited)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-1500:]
    assert (tmp_path / "out" / "large.ply").stat().st_size > 440e6
