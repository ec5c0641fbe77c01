"""The window of Open3D on a screen that nobody sees: keys and clicks are sent, pixels and printed lines are checked.

Needs Xvfb, xdotool, a software driver (``.ci/window`` installs them where it may) and ``pip install 'pointnc[view]'``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pointnc.benchmarks.predictions import write_labels
from pointnc.environment.window import try_window
from pointnc.reporting.colors import RIGHT, UNLABELED, WRONG
from pointnc.scenes.ply import write_ply
from pointnc.scenes.writing import write_scene
from pointnc.viewer.labeled_scene import LabeledScene
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake
from tests.viewer.display import HEIGHT, WIDTH, Display, display, find_display, wait_until
from tests.viewer.rooms import room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
PANEL = 400  # pixels at the right
STAGE, LEGEND = np.s_[80 : HEIGHT - 60, 5 : WIDTH - PANEL - 5], np.s_[130:, WIDTH - PANEL :]
CORNER = np.s_[HEIGHT - 60 : HEIGHT - 20, 20:160]
GROUND = (243, 243, 240)


class Session:
    """A window that the command has opened."""

    def __init__(self, screen: Display, folder: Path, *arguments: str) -> None:
        self.screen, self.folder = screen, folder
        environment = {**os.environ, "DISPLAY": screen.name, "PYTHONUNBUFFERED": "1"}
        self.out, self.err = folder / "out.txt", folder / "err.txt"
        with self.out.open("w") as out, self.err.open("w") as err:
            command = [sys.executable, "-m", "pointnc.visualize", *arguments]
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        try:
            self.until(self.screen.title)
            self.until(lambda: 10000 < self.count(GROUND) < 0.95 * self.stage()[..., 0].size)
        except BaseException:
            self.process.kill()
            raise

    def until(self, condition: Callable[[], object]) -> None:
        def met() -> object:
            assert self.process.poll() is None, self.out.read_text() + self.err.read_text()
            return condition()

        wait_until(met)

    def stage(self) -> np.ndarray:
        return self.screen.picture()[STAGE]

    def count(self, color: tuple[int, ...], where: tuple[slice, slice] = STAGE) -> int:
        """How many pixels have exactly this color."""
        return int((self.screen.picture()[where] == color).all(-1).sum())

    def place_of(self, color: tuple[int, ...], clear: int = 4) -> tuple[int, int]:
        """A pixel of the stage that has a color, and all around it too."""
        same = (self.stage() == color).all(-1)
        whole = np.lib.stride_tricks.sliding_window_view(same, (2 * clear + 1, 2 * clear + 1)).all((-1, -2))
        y, x = (int(values[len(values) // 2]) for values in np.nonzero(whole))
        return x + clear + STAGE[1].start, y + clear + STAGE[0].start

    def row_of(self, color: tuple[int, ...]) -> tuple[int, int]:
        """Where the swatch of a class is in the legend."""
        y, x = np.nonzero((self.screen.picture()[LEGEND] == color).all(-1))
        first = y < y.min() + 12
        return int(x[first].mean()) + LEGEND[1].start, int(y[first].mean()) + LEGEND[0].start

    def lines(self) -> list[str]:
        return self.out.read_text().splitlines()

    def end(self) -> int:
        return self.process.wait(60)


def save(store: Path, labeled: LabeledScene) -> None:
    """Write a scene as a store has it."""
    scene = labeled.scene
    arrays = {"coord": scene.coord, "color": scene.color, "normal": scene.normal, "segment200": scene.semantic}
    write_scene(store / "val" / scene.name, {name: np.asarray(array) for name, array in arrays.items()})


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Display]:
    lack = find_display()
    if lack is None and find_spec("open3d") is None:
        lack = "no Open3D here: pip install 'pointnc[view]'"
    if lack:
        pytest.skip(lack)
    with display(tmp_path_factory.mktemp("screen")) as screen:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DISPLAY", screen.name)
            finding = try_window()
        if finding.level != "ok":
            pytest.skip(f"{finding.text}: {finding.remedy}")
        yield screen


@pytest.fixture(scope="module")
def rooms() -> list[LabeledScene]:
    return [room(), replace(room(0.12, 3, "scene0001_00"), confidence=None)]


@pytest.fixture(scope="module")
def store(rooms: list[LabeledScene], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    for labeled in rooms:
        save(folder / "store", labeled)
    first, second = rooms
    vertex = {axis: first.scene.coord[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    said = {"label": first.taxonomy.decode(first.prediction), "confidence": first.confidence}
    write_ply(folder / "said" / f"{first.scene.name}.ply", {**vertex, **said})
    write_labels(folder / "said" / f"{second.scene.name}.txt", second.taxonomy.decode(second.prediction))
    return folder


@pytest.fixture(scope="module")
def session(screen: Display, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One window for the tests below, each of which leaves it as it was."""
    arguments = [f"store={store / 'store'}", f"prediction={store / 'said'}", "limit=2"]
    session = Session(screen, tmp_path_factory.mktemp("window"), *arguments)
    yield session
    if session.process.poll() is None:
        session.process.kill()
        session.process.wait()


def color_of(labeled: LabeledScene, name: str) -> tuple[int, int, int]:
    return labeled.taxonomy.colors[labeled.taxonomy.names.index(name)]


def test_points_and_swatches_have_the_colors_of_the_classes(session: Session, rooms: list[LabeledScene]) -> None:
    first = rooms[0]
    picture = session.stage().reshape(-1, 3)
    seen = picture[(picture != GROUND).any(-1)]
    palette = np.array(first.taxonomy.colors)[np.unique(first.prediction)]
    exact = (seen[:, None] == palette[None]).all(-1).any(-1)
    assert exact.mean() > 0.75  # the others are edges, smoothed
    for name in ("floor", "wall", "table", "bookshelf", "mat"):
        color = color_of(first, name)
        assert session.count(color) > 150, name
        assert 100 < session.count(color, LEGEND) < 600, name  # a square as high as letters


def test_the_room_opens_from_above_without_its_ceiling(session: Session, rooms: list[LabeledScene]) -> None:
    ceiling, floor, wall = (color_of(rooms[0], name) for name in ("ceiling", "floor", "wall"))
    session.until(lambda: session.count(ceiling) == 0 and session.count(floor) > 5000)
    open_floor, high_wall = session.count(floor), session.count(wall)
    session.screen.key("h")  # walls from behind hide the floor
    session.until(lambda: session.count(floor) < 0.8 * open_floor and session.count(wall) > high_wall)
    session.screen.key(*["bracketright"] * 4)
    session.until(lambda: session.count(ceiling) > 20000)
    session.screen.key("h", *["bracketleft"] * 3)
    session.until(lambda: session.count(ceiling) == 0 and session.count(floor) > 0.95 * open_floor)
    session.screen.key(*["bracketleft"] * 6)
    session.until(lambda: 0 < session.count(wall) < 0.8 * high_wall)
    session.screen.key(*["bracketright"] * 6)
    session.until(lambda: session.count(wall) > 0.9 * high_wall)


def test_number_keys_choose_the_layer(session: Session, rooms: list[LabeledScene]) -> None:
    session.screen.key("4")
    session.until(lambda: session.count(WRONG) > 500 and session.count(RIGHT) > 10000)
    session.screen.key("5")
    session.until(lambda: session.count(WRONG) == 0 and session.count(RIGHT) == 0)
    session.screen.key("2")  # a trash can that the network took for nothing else, an office chair that it did
    session.until(lambda: session.count(color_of(rooms[0], "office chair")) > 100)
    session.screen.key("3")
    session.until(lambda: session.count(color_of(rooms[0], "office chair")) == 0)
    session.screen.key("1")
    session.until(lambda: session.count(color_of(rooms[0], "floor")) < 200)
    session.screen.key("3")
    session.until(lambda: session.count(color_of(rooms[0], "floor")) > 5000)


def test_a_click_prints_the_classes_of_the_point_under_it(session: Session, rooms: list[LabeledScene]) -> None:
    first = rooms[0]
    for name in ("table", "bookshelf", "floor", "mat"):
        x, y = session.place_of(color_of(first, name))
        said = len(session.lines())
        session.screen.click(x, y)
        session.until(lambda said=said: len(session.lines()) > said)
        line = session.lines()[-1]
        found = re.fullmatch(r"point (\d+) at \((.*)\) m; truth: ([\w ]+); prediction: ([\w ]+) \((\d+) %\)", line)
        assert found, line
        point = int(found[1])
        np.testing.assert_allclose([float(v) for v in found[2].split(",")], first.scene.coord[point], atol=0.006)
        names = (*first.taxonomy.names, "no class")
        assert found[3] == names[first.truth[point]] and found[4] == names[first.prediction[point]] == name
        assert int(found[5]) == round(100 * float(first.confidence[point]))
        # The tip is a dark card in a corner, with two swatches of the classes.
        session.until(lambda: session.screen.picture()[CORNER].mean() < 120)
    session.screen.key("f")


def test_the_class_under_the_pointer_alone_or_hidden(session: Session, rooms: list[LabeledScene]) -> None:
    table, floor, wall = (color_of(rooms[0], name) for name in ("table", "floor", "wall"))
    session.screen.move(*session.place_of(table))
    session.screen.key("o")
    session.until(lambda: session.count(floor) == session.count(wall) == 0 and session.count(table) > 100)
    session.screen.key("i")
    session.until(lambda: session.count(floor) > 5000 and session.count(table) == 0)
    session.screen.key("a")
    session.until(lambda: session.count(table) > 100)
    session.screen.move(*session.place_of(wall))
    session.screen.key("x")
    session.until(lambda: session.count(wall) == 0 and session.count(floor) > 5000)
    session.screen.key("a")
    session.until(lambda: session.count(wall) > 5000)


def test_the_legend_hides_isolates_and_finds(session: Session, rooms: list[LabeledScene]) -> None:
    floor, wall = color_of(rooms[0], "floor"), color_of(rooms[0], "wall")
    x, y = session.row_of(wall)
    session.screen.click(x + 24, y)  # the box beside the swatch
    session.until(lambda: session.count(wall) == 0 and session.count(floor) > 5000)
    session.screen.click(x + 24, y)
    session.until(lambda: session.count(wall) > 5000)
    session.screen.click(x, y)  # the swatch: alone, and again: all
    session.until(lambda: session.count(wall) > 5000 and session.count(floor) == 0)
    session.screen.click(x, y)
    session.until(lambda: session.count(floor) > 5000)
    session.screen.key("slash", "o", "o", "BackSpace", "r", "Return")  # "or" is in floor and door
    session.until(lambda: session.count(wall) == 0 and session.count(floor) > 5000)
    session.screen.key("a")
    session.until(lambda: session.count(wall) > 5000)


def test_the_camera_turns_moves_comes_nearer_and_back(session: Session) -> None:
    whole = session.screen.picture()[STAGE]
    middle = ((WIDTH - PANEL) // 2, HEIGHT // 2)

    def changed(before: np.ndarray) -> bool:
        return bool((session.stage() != before).any(-1).mean() > 0.05)

    session.screen.drag(middle, (middle[0] + 60, middle[1]), (middle[0] + 120, middle[1] + 20))
    session.until(lambda: changed(whole))
    turned = session.stage()
    session.screen.drag(middle, (middle[0] + 60, middle[1]), (middle[0] + 120, middle[1] + 20), button=3)
    session.until(lambda: changed(turned))
    moved = session.stage()
    session.screen.hands("click", "--repeat", 3, "--delay", 80, 4)
    session.until(lambda: changed(moved))
    said = len(session.lines())
    session.screen.key("t")
    session.until(lambda: changed(whole))
    session.screen.move(WIDTH - 30, 40)  # away from the points: no tip
    session.screen.key("f")
    session.until(lambda: (session.stage() != whole).any(-1).mean() < 0.001)
    assert len(session.lines()) == said  # a drag is no click


def test_help_lies_over_the_scene_until_escape(session: Session) -> None:
    card = np.s_[HEIGHT // 2 - 200 : HEIGHT // 2 + 200, (WIDTH - PANEL) // 2 - 150 : (WIDTH - PANEL) // 2 + 150]
    before = session.screen.picture()[card]
    for key in ("F1", "question"):
        session.screen.key(key)
        session.until(lambda: session.screen.picture()[card].mean() < 0.6 * before.mean())
        session.screen.key("Escape")
        session.until(lambda: (session.screen.picture()[card] == before).all())


def test_a_picture_is_saved_with_what_is_seen(session: Session, rooms: list[LabeledScene]) -> None:
    from PIL import Image

    floor = color_of(rooms[0], "floor")
    for name in ("scene0000_00_prediction.png", "scene0000_00_prediction_2.png"):
        session.screen.key("p")
        session.until(lambda name=name: f"written: {session.folder / name}" in session.lines())
        saved = np.array(Image.open(session.folder / name).convert("RGB"))
        whole = np.s_[:, : WIDTH - PANEL]
        assert (saved == floor).all(-1).sum() == session.count(floor, whole)
        assert (saved == GROUND).all(-1).sum() > 10000


def test_next_scene_and_back(session: Session, rooms: list[LabeledScene]) -> None:
    session.screen.key("4", "n")
    session.until(lambda: session.screen.title() == "pointnc: scene0001_00")
    session.until(lambda: session.count(WRONG) > 500)  # the layer stays
    session.screen.key("3")
    session.until(lambda: session.count(color_of(rooms[1], "floor")) > 2000)
    x, y = session.place_of(color_of(rooms[1], "floor"), clear=3)
    said = len(session.lines())
    session.screen.click(x, y)
    session.until(lambda: len(session.lines()) > said)
    assert session.lines()[-1].endswith("prediction: floor")  # no confidence is known here
    session.screen.key("n")  # behind the last comes the first
    session.until(lambda: session.screen.title() == "pointnc: scene0000_00")
    session.screen.key("b")
    session.until(lambda: session.screen.title() == "pointnc: scene0001_00")


def test_interrupted_in_one_line(session: Session) -> None:
    session.process.send_signal(signal.SIGTERM)  # not SIGINT, which jobs of a shell's background are deaf to
    assert session.end() == 130
    assert session.err.read_text().strip().splitlines()[-1] == "terminated"
    said = [line for line in session.lines() if not line.startswith(("point ", "written: "))]
    assert said == []  # libraries and drivers are silent where picks are printed


def test_a_bare_cloud_has_a_window_too(screen: Display, rooms: list[LabeledScene], tmp_path: Path) -> None:
    coord = rooms[0].scene.coord
    write_ply(tmp_path / "cloud.ply", {axis: coord[:, i].astype(np.float32) for i, axis in enumerate("xyz")})
    session = Session(screen, tmp_path, "scene=cloud.ply")
    session.until(lambda: session.count(UNLABELED) > 10000)
    session.screen.click(*session.place_of(UNLABELED))
    session.until(lambda: [line for line in session.lines() if re.fullmatch(r"point \d+ at \(.*\) m", line)])
    session.screen.key("2", "o", "n", "x", "h", "e", "Escape", "d")  # of no effect, or little
    session.until(lambda: session.count(GROUND) == 0)
    session.screen.key("q")
    assert session.end() == 0


def test_what_cannot_open_is_said_in_one_line(screen: Display, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", screen.name)
    monkeypatch.setenv("VK_ICD_FILENAMES", "/nowhere.json")  # of the loader of Vulkan, as if there were no driver
    monkeypatch.setenv("LIBGL_DRIVERS_PATH", "/nowhere")  # the same for OpenGL, which Open3D 0.19 draws by
    monkeypatch.setattr("webbrowser.get", no_browser)
    done = run("pointnc.visualize", f"store={store / 'store'}", folder=store, code=2)
    assert_mistake(done, "no-display", "driver", "apt-get install", "html=FILE.html")


def test_without_a_window_the_page_opens_in_the_browser(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-9")
    browser = webbrowser.GenericBrowser("true")
    browser.open = lambda url, *more: opened.append(url) or True
    monkeypatch.setattr("webbrowser.get", lambda: browser)
    done = run("pointnc.visualize", f"store={store / 'store'}", "limit=1", folder=store)
    assert "Wayland" in done.stderr and "xwayland" in done.stderr and "html=FILE.html" in done.stderr
    page = Path(opened[0].removeprefix("file://"))
    assert "scene0000_00" in page.read_text() and f"written: {page}" in done.stdout
    page.unlink()
    page.parent.rmdir()


def no_browser() -> None:
    raise webbrowser.Error("none")
