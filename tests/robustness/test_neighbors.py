"""Two processes at the same work, one of them held at a chosen point while the other goes on."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.rooms import generate as rooms
from data_prep.rooms.scanner import Scanner
from data_prep.scannet.preparation import prepare
from pointnc.files import atomic
from pointnc.scenes import scene_arrays, writing
from pointnc.scenes.store import SceneStore
from pointnc.scenes.writing import write_scene
from tests.helpers.mistakes import raises
from tests.helpers.synthetic import write_raw_root

COARSE = Scanner(poses=12, width=48, height=36, voxel_size=0.15)


class Held:
    """A forked process that stops once, where ``here`` is called, until it is let go.

    Args:
        folder: for the files by which the two talk.
        work: what it does; it gets this object.
    """

    def __init__(self, folder: Path, work: Callable[[Held], None]) -> None:
        self._there, self._go = folder / "there", folder / "go"
        self._passed = False
        self.child = os.fork()
        if self.child == 0:
            code = 1
            try:
                work(self)
                code = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        self._wait(self._there)

    def here(self) -> None:
        """In the child: stop."""
        if not self._passed:
            self._passed = True
            self._there.touch()
            self._wait(self._go)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """In the child: return a function that stops before it works."""

        def call(*arguments: Any, **options: Any) -> Any:
            self.here()
            return function(*arguments, **options)

        return call

    def go(self) -> None:
        """Let it go on."""
        self._go.touch()

    def end(self) -> int:
        """Let it go on and return its exit code."""
        self.go()
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    @staticmethod
    def _wait(path: Path) -> None:
        end = time.monotonic() + 60
        while not path.exists():
            assert time.monotonic() < end
            time.sleep(0.01)


@contextmanager
def held(folder: Path, work: Callable[[Held], None]) -> Iterator[Held]:
    process = Held(folder, work)
    try:
        yield process
    finally:
        process.go()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_raw_root(tmp_path_factory.mktemp("scans") / "raw", train=2, val=1)


@pytest.fixture(scope="module")
def whole(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "store"
    prepare(raw, out, workers=1)
    return contents(out)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_two_that_prepare_the_same_scenes_finish_the_same_store(
    raw: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """The slow one has a scene ready when the other has finished the store: it leaves that one in its place."""
    out = tmp_path / "store"

    def slow(process: Held) -> None:
        atomic._place_folder = process.before(atomic._place_folder)  # type: ignore[assignment]
        prepare(raw, out, workers=1)

    with held(tmp_path, slow) as process:
        prepare(raw, out, workers=1)
        scenes = {path: path.stat().st_ino for path in out.glob("*/scene*")}
        assert process.end() == 0
    assert contents(out) == whole
    assert {path: path.stat().st_ino for path in out.glob("*/scene*")} == scenes
    assert not (out / "failed.json").exists()


def test_two_that_prepare_other_splits_give_the_manifest_of_both(
    raw: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """One has summed up what there is and has not written it: the other one waits for it."""
    out = tmp_path / "store"

    def first(process: Held) -> None:
        real = writing.sum_up

        def sums(*arguments: Any) -> Any:
            found = real(*arguments)
            process.here()
            return found

        writing.sum_up = sums
        prepare(raw, out, splits=["train"], workers=1)

    with held(tmp_path, first) as process:
        threading.Timer(0.5, process.go).start()
        prepare(raw, out, splits=["val", "test"], workers=1)
        assert process.end() == 0
    assert json.loads((out / "manifest.json").read_text()) == json.loads(whole["manifest.json"])


def test_rooms_are_not_swept_away_under_anothers_hands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The second command waits for the first one, and then finds the rooms made; be it that it makes all again."""
    out = tmp_path / "rooms"
    asked = {"train": 1, "val": 1, "seed": 3, "workers": 1, "scanner": COARSE}

    def first(process: Held) -> None:
        rooms.write_scan = process.before(rooms.write_scan)  # type: ignore[assignment]
        assert len(rooms.generate(out, **asked)) == 2  # type: ignore[arg-type]

    with held(tmp_path, first) as process:
        threading.Timer(0.5, process.go).start()
        assert rooms.generate(out, **asked) == []  # type: ignore[arg-type]
        assert process.end() == 0
    assert f"waiting: process {process.child}" in capfd.readouterr().out
    assert len(list(out.glob("scans/scene*"))) == 2 and not list(out.rglob(".*"))


def scene(folder: Path, value: int, count: int = 50) -> None:
    coord = np.full((count, 3), value, np.float32)
    write_scene(folder, {"coord": coord, "color": coord, "segment200": np.full(count, value)}, {"points": count})


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("count", [50, 3, 5000])
def test_a_scene_that_is_prepared_again_while_it_is_loaded_is_never_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, able: bool
) -> None:
    """Between any two arrays, also where both states have the same number of points."""
    if not able:
        monkeypatch.setattr(atomic, "swap", lambda first, second: False)
    real = scene_arrays.map_array
    for moment in range(7):
        folder = tmp_path / f"{moment}-{count}" / "train" / "a"
        scene(folder, 1)
        left = [moment]

        def again(path: Path, hint: str, folder: Path = folder, left: list[int] = left, **asked: Any) -> Any:
            if left[0] == 0:
                scene(folder, 2, count)
            left[0] -= 1
            return real(path, hint, **asked)

        monkeypatch.setattr(scene_arrays, "map_array", again)
        opened = SceneStore(folder.parent.parent)
        if left[0] >= 6:  # more than there are arrays
            assert opened.load("train", "a", "segment200").semantic is not None
            continue
        with raises("changed-meanwhile", folder):
            opened.load("train", "a", "segment200")


def test_a_training_does_not_go_on_with_scenes_that_were_prepared_again(tmp_path: Path) -> None:
    scene(tmp_path / "train" / "a", 1)
    scene(tmp_path / "train" / "b", 1)
    opened, other = SceneStore(tmp_path), SceneStore(tmp_path)
    opened.remember("train")
    other.load("train", "a")
    shutil.copytree(tmp_path / "train" / "b", tmp_path / "train" / "c")
    scene(tmp_path / "train" / "b", 2)
    assert len(opened.load("train", "a")) == len(opened.load("train", "c")) == 50
    with raises("changed-meanwhile", tmp_path / "train" / "b"):
        opened.load("train", "b")
    assert other.load("train", "b").coord[0, 0] == 2  # it has not seen the first state
