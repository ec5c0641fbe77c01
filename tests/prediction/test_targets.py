"""No result harms an input, another result, or what a user did not give up."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointnc.prediction.targets import OutputFolder, Targets
from pointnc.scenes.taxonomy import Taxonomy
from tests.helpers.mistakes import raises


def taxonomy(*names: str) -> Taxonomy:
    return Taxonomy.from_dict({"name": "some", "names": list(names), "ids": list(range(len(names)))})


def scene(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "coord.npy").touch()
    return folder


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize("spelling", [".", "..", "../s1", "inner/.."])
def test_a_scene_is_called_what_its_folder_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    inside = scene(tmp_path / "s1") / "inner"
    inside.mkdir()
    monkeypatch.chdir(inside if spelling == ".." else inside.parent)
    assert Targets.of(Path(spelling), tmp_path / "out").labeled == tmp_path / "out" / "s1"


def test_pictures_are_called_after_the_whole_name_of_the_file() -> None:
    names = [Targets.of(Path(name), Path("out"), colors=True).picture for name in ("a.las", "a.npz", "a.e57", "s1")]
    assert names == [Path("out") / f"{name}_labels.ply" for name in ("a.las", "a.npz", "a.ply", "s1")]


@pytest.mark.parametrize("out", ["s1", "s1/inner", "s1/inner/deeper"])
def test_an_output_folder_within_a_scene_is_refused(tmp_path: Path, out: str) -> None:
    source = scene(tmp_path / "s1")
    with raises("overwrites-input", f"out={tmp_path / out}", source):
        OutputFolder(tmp_path / out, [source], overwrite=True)


@pytest.mark.parametrize("out", ["file", "file/inner"])
def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path, out: str) -> None:
    touch(tmp_path / "file")
    with raises("path-kind", f"out={tmp_path / out}", tmp_path / "file"):
        OutputFolder(tmp_path / out, [])


def test_only_a_scene_gives_way_to_a_scene(tmp_path: Path) -> None:
    source, out = scene(tmp_path / "s1"), tmp_path / "out"
    touch(out / "s1" / "thesis.tex")
    folder = OutputFolder(out, [source], overwrite=True)
    with raises("not-ours", out / "s1", "coord.npy"):
        folder.targets(source)
    touch(out / "s1" / "coord.npy")
    assert folder.targets(source).labeled == out / "s1"
    touch(out / "s1" / "photos" / "a.jpg")
    with raises("not-ours", out / "s1", "coord.npy"):
        folder.targets(source)
    (out / "a.ply").mkdir()
    with raises("not-ours", out / "a.ply"):
        folder.targets(touch(tmp_path / "a.ply"))


@pytest.mark.parametrize("colors", [False, True])
def test_no_input_is_overwritten_whatever_it_is_called(tmp_path: Path, colors: bool) -> None:
    """Not the input itself, not another one, not under another name, not by a picture."""
    out = tmp_path / "out"
    mine, other = touch(out / "a.ply"), touch(tmp_path / "b.ply")
    (out / "b.ply").hardlink_to(other)
    elsewhere = touch(tmp_path / "in" / "a.ply")
    inputs = [mine, other, elsewhere, touch(out / "c.las_labels.ply"), touch(tmp_path / "c.las")]
    folder = OutputFolder(out, inputs, overwrite=True)
    for source in (mine, other, elsewhere, *([inputs[4]] if colors else [])):
        with raises("overwrites-input", tmp_path, "out="):
            folder.targets(source, colors)


def test_no_input_is_inside_of_what_is_replaced(tmp_path: Path) -> None:
    source = scene(tmp_path / "s1" / "s1")
    touch(tmp_path / "s1" / "coord.npy")
    with raises("overwrites-input", tmp_path / "s1", source):
        OutputFolder(tmp_path, [source], overwrite=True).targets(source)


def test_pictures_are_asked_for_too(tmp_path: Path) -> None:
    """A user's file stays; two results of one name are refused."""
    source, out = touch(tmp_path / "a.las"), tmp_path / "out"
    touch(out / "a.las_labels.ply")
    folder = OutputFolder(out, [source])
    assert folder.targets(source).picture is None
    with raises("exists", out / "a.las_labels.ply", "out=", "overwrite=true"):
        folder.targets(source, colors=True)
    folder = OutputFolder(out, [source], overwrite=True)
    first = folder.targets(source, colors=True)
    touch(first.labeled)
    folder.note(first)
    with raises("name-taken", tmp_path / "in" / "a.las_labels.ply", out / "a.las_labels.ply"):
        folder.targets(touch(tmp_path / "in" / "a.las_labels.ply"))


@pytest.mark.parametrize("there", [True, False])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.ply").symlink_to(touch(tmp_path / "precious.ply") if there else tmp_path / "nothing")
    source = touch(tmp_path / "in" / "a.ply")
    with raises("bad-name", source, out / "a.ply"):
        OutputFolder(out, [source], overwrite=True).targets(source)


def test_a_missing_input_is_left_to_its_turn(tmp_path: Path) -> None:
    OutputFolder(tmp_path / "out", [tmp_path / "none" / "a.ply", tmp_path / "b.ply"])


def test_other_classes_are_not_lost(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path, [])
    folder.check_classes(taxonomy("wall"))
    folder.write_classes(taxonomy("wall"))
    folder.check_classes(taxonomy("wall"))
    with raises("other-taxonomy", tmp_path / "classes.json", "overwrite=true"):
        folder.check_classes(taxonomy("wall", "floor"))
    OutputFolder(tmp_path, [], overwrite=True).check_classes(taxonomy("wall", "floor"))
    (tmp_path / "classes.json").write_text("mine")
    with raises("other-taxonomy", "classes.json"):
        folder.check_classes(taxonomy("wall"))
