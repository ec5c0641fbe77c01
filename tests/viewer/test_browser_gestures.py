"""The page in a real browser: mouse, fingers, downloads, other scenes, dark and small screens."""

import io
import time
from pathlib import Path

import numpy as np
import pytest

from tests.viewer.browser import Browser
from tests.viewer.pixels import LIGHT, STAGE, covered, near


def test_mouse_turns_moves_and_zooms(page: Browser) -> None:
    camera = "[viewer.camera.azimuth, viewer.camera.elevation, viewer.camera.distance, ...viewer.camera.target]"
    before = np.array(page.run(camera))

    def drag(button: str, buttons: int) -> np.ndarray:
        page.mouse("Pressed", 250, 300, button=button, buttons=buttons, clickCount=1)
        page.mouse("Moved", 310, 330, button=button, buttons=buttons)
        page.mouse("Released", 310, 330, button=button, clickCount=1)
        return np.array(page.run(camera))

    turned = drag("left", 1)
    assert turned[0] < before[0] and turned[1] > before[1]
    np.testing.assert_array_equal(turned[2:], before[2:])
    moved = drag("right", 2)
    np.testing.assert_array_equal(moved[:3], turned[:3])
    assert np.linalg.norm(moved[3:] - turned[3:]) > 0.1
    page.call("Input.dispatchMouseEvent", type="mouseWheel", x=200, y=250, deltaX=0, deltaY=-240)
    assert page.run("viewer.camera.distance") < before[2]
    page.key("f")
    np.testing.assert_allclose(page.run(camera), before)


def test_screenshot_is_what_is_seen(page: Browser, tmp_path: Path) -> None:
    from PIL import Image

    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.key("2")
    seen = page.picture()
    page.click("#shot")
    file = tmp_path / "scene0000_00_truth.png"
    until = time.monotonic() + 20
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    saved = np.array(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))
    height, width = saved.shape[:2]
    assert (width, height) == tuple(page.run("[viewer.canvas.width, viewer.canvas.height]"))
    # The canvas begins below the bar of 52 pixels; what floats over it is not saved.
    assert (np.abs(seen[STAGE].astype(int) - saved[124 - 52 : 500 - 52, :530]) > 3).any(-1).mean() < 0.001
    assert (np.abs(saved.astype(int) - LIGHT) > 6).any(-1).mean() > 0.2


def test_other_scene_has_the_layers_it_has(page: Browser) -> None:
    page.key("n")
    page.settle()
    assert page.run("viewer.scene.header.name") == "scene0001_00 </script><b>"
    visible = "[...document.querySelectorAll('.layers button')].filter((b) => !b.hidden).map((b) => b.dataset.layer)"
    assert page.run(visible) == ["color", "truth"]
    assert page.run("getComputedStyle(document.querySelector('.heads .iou')).display") == "none"
    page.key("4")  # no error layer: nothing happens
    assert page.run("viewer.panes[0].layer") == "color"
    page.key("2")
    assert covered(page.picture()).mean() > 0.2


def test_errors_alone(page: Browser) -> None:
    page.key("4")
    everything = covered(page.picture()).sum()
    page.key("e")
    picture = page.picture()
    assert 100 < covered(picture).sum() < everything / 2
    red = near(picture[STAGE][covered(picture)], (214, 48, 49), 0.12)
    assert red > 0.8 * covered(picture).sum()


def test_dark_is_dark(page: Browser) -> None:
    light = page.picture()
    page.key("d")
    dark = page.picture()
    assert light[5, 500].mean() > 240
    assert dark[5, 500].mean() < 50
    assert dark[490, 8].mean() < 50  # the ground behind the points too


@pytest.fixture
def phone(browser: Browser, page_file: Path):
    browser.size(390, 780, 2, mobile=True)
    browser.log.clear()
    browser.open(page_file)
    yield browser
    browser.size(860, 560)
    assert browser.log == []


def test_phone(phone: Browser) -> None:
    assert phone.run("document.documentElement.scrollWidth") == 390
    assert phone.run("getComputedStyle(document.getElementById('panel')).display") == "none"
    assert phone.run("viewer.canvas.width") == 780
    before = phone.run("[viewer.camera.azimuth, viewer.camera.distance]")
    phone.touch("Start", (200, 400))
    phone.touch("Move", (260, 400))
    phone.touch("End")
    turned = phone.run("[viewer.camera.azimuth, viewer.camera.distance]")
    assert turned[0] < before[0] and turned[1] == before[1]
    phone.touch("Start", (180, 400), (220, 400))
    phone.touch("Move", (140, 400), (260, 400))
    phone.touch("End")
    assert phone.run("viewer.camera.distance") < 0.6 * before[1]
    phone.click("#fit")
    phone.settle()
    assert phone.run("viewer.pickAt(195, 382)") >= 0
    now = time.time()
    phone.touch("Start", (195, 430), seconds=now)
    phone.touch("End", seconds=now + 0.05)  # a tap is short, however slow the machine
    phone.wait("!document.getElementById('tip').hidden")
    phone.click("#fold")
    assert phone.run("document.getElementById('panel').getBoundingClientRect().width") == 390
    assert phone.run("document.getElementById('stage').getBoundingClientRect().height") > 300
