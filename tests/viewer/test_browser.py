"""The page in a real browser: what is drawn, and what keys, clicks and fingers do to it."""

import numpy as np

from pointnc.viewer.layers import layer_colors
from tests.viewer.browser import Browser
from tests.viewer.pixels import STAGE, covered, near
from tests.viewer.rooms import room


def names(page: Browser) -> list[str]:
    return page.run("[...document.querySelectorAll('#list li:not([hidden]) .name')].map((node) => node.textContent)")


def color_of(name: str) -> tuple[int, int, int]:
    classes = room().taxonomy
    return classes.colors[classes.names.index(name)]


def row(name: str, part: str) -> str:
    return f"#list li[data-class='{room().taxonomy.names.index(name)}'] {part}"


def test_page_shows_the_scene(page: Browser) -> None:
    picture = page.picture()
    share = covered(picture).mean()
    assert 0.25 < share < 0.9
    # The truth's colors are there, the floor's above all.
    page.key("2")
    picture = page.picture()
    assert near(picture[STAGE], color_of("floor"), 0.06) > 8000
    assert near(picture[STAGE], color_of("bed"), 0.06) > 800
    assert page.run("document.title") == "pointnc"
    assert page.run("document.querySelectorAll('#scenes option')[1].textContent") == "scene0001_00 </script><b>"


def test_layers_differ(page: Browser) -> None:
    pictures = []
    for key in "12345":
        page.key(key)
        pictures.append(page.picture()[STAGE])
    for i in range(5):
        for j in range(i):
            assert (pictures[i] != pictures[j]).any(-1).mean() > 0.02, (i, j)
    assert near(pictures[3], (214, 48, 49), 0.06) > 200
    page.key("1")
    np.testing.assert_array_equal(page.picture()[STAGE], pictures[0])


def test_toggling_a_class_changes_the_picture_and_back(page: Browser) -> None:
    page.key("2")
    before = page.picture()
    page.click(row("bed", ".toggle"))
    hidden = page.picture()
    assert near(before[STAGE], color_of("bed"), 0.06) > 800
    assert near(hidden[STAGE], color_of("bed"), 0.06) < 40
    assert page.run(f"document.querySelector(\"{row('bed', '.toggle')}\").getAttribute('aria-pressed')") == "false"
    page.click(row("bed", ".toggle"))
    page.mouse("Moved", 5, 5)
    np.testing.assert_array_equal(page.picture()[STAGE], before[STAGE])


def test_a_class_alone_and_all_again(page: Browser) -> None:
    page.key("2")
    whole = covered(page.picture()).sum()
    page.click(row("office chair", ".only"))
    page.mouse("Moved", 5, 5)
    alone = page.picture()
    assert 50 < covered(alone).sum() < whole / 10
    page.key("g")  # the others come back, pale
    assert covered(page.picture()).sum() > whole / 2
    page.key("g")
    page.key("a")
    assert covered(page.picture()).sum() == whole


def test_hidden_classes_follow_the_layer(page: Browser) -> None:
    """What is hidden in the prediction are the points that were predicted so, in the truth those that are so."""
    labeled = room()
    chair, truth = labeled.taxonomy.names.index("chair"), np.asarray(labeled.scene.semantic)
    assert (truth == chair).sum() == 0 < (labeled.prediction == chair).sum()
    page.click(row("chair", ".only"))
    page.key("2")
    assert covered(page.picture()).sum() == 0
    page.key("3")
    assert covered(page.picture()).sum() > 30


def test_search_filters_and_enter_isolates(page: Browser) -> None:
    everything = names(page)
    assert everything[0] == "wall"
    page.key("/")
    for letter in "chair":
        page.key(letter)
    assert set(names(page)) == {name for name in everything if "chair" in name} == {"chair", "office chair"}
    assert page.run("document.getElementById('count').textContent") == f"2 of {len(everything)}"
    page.key("Enter")
    shown = page.run("viewer.classes.shown.flatMap((shown, k) => shown ? [k] : [])")
    assert sorted(room().taxonomy.names[k] for k in shown) == ["chair", "office chair"]
    page.key("Escape")
    assert names(page) == everything
    assert page.run("document.getElementById('search').value") == ""


def test_order_of_the_legend_and_figures(page: Browser) -> None:
    labeled = room()
    figures = labeled.figures
    assert figures.iou is not None and figures.truth_points is not None
    page.run(
        "(() => { const o = document.getElementById('order'); o.value = 'iou'; o.dispatchEvent(new Event('change')); })()"
    )
    listed = [labeled.taxonomy.names.index(name) for name in names(page) if name != "no class"]
    scores = [figures.iou[k] for k in listed]
    assert scores == sorted(scores)
    text = page.run(f'document.querySelector("{row("bed", ".iou")}").textContent')
    assert text == f"{figures.iou[labeled.taxonomy.names.index('bed')]:.1f}"
    shown = page.run("document.getElementById('figures').textContent")
    assert f"{len(labeled.scene):,}" in shown
    assert f"{figures.accuracy:.1f} %" in shown
    assert f"{figures.miou:.1f} %" in shown


def test_hover_says_what_is_there(page: Browser) -> None:
    labeled = room()
    page.key("2")
    page.settle()
    page.mouse("Moved", 270, 300)
    page.wait("!document.getElementById('tip').hidden")
    text = page.run("document.getElementById('tip').innerText").replace("\n", " ")
    number = int(text.split("point ")[1].split(" at")[0].replace(",", ""))
    names_ = (*labeled.taxonomy.names, "no class")
    assert names_[labeled.truth[number]] in text
    assert names_[labeled.prediction[number]] in text
    assert f"{round(100 * float(labeled.confidence[number]))} %" in text or "%" in text
    place = np.array(text.split("(")[1].split(")")[0].split(","), float)
    np.testing.assert_allclose(place, labeled.scene.coord[number], atol=0.006)
    # And it is what the eye sees there.
    page.mouse("Moved", 5, 5)
    pixel = page.picture()[270, 300]
    expected = layer_colors(labeled, "truth")[number]
    assert near(pixel[None], tuple(int(c) for c in expected), 0.15) == 1
    assert page.run("document.getElementById('tip').hidden")


def halves(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two views, without the line between them."""
    return picture[150:480, 2:265], picture[150:480, 272:535]


def test_side_by_side_shares_the_camera(page: Browser) -> None:
    page.key("s")
    picture = page.picture()
    assert page.run("viewer.panes.map((pane) => pane.layer)") == ["truth", "prediction"]
    left, right = halves(picture)
    assert (np.abs(left.astype(int) - right) > 8).any(-1).mean() > 0.005  # other labels
    page.key("!", "Digit1", modifiers=8)  # shift 1: the second view in color
    assert page.run("viewer.panes.map((pane) => pane.layer)") == ["truth", "color"]
    page.key("1")
    both = page.picture()
    left, right = halves(both)
    assert (np.abs(left.astype(int) - right) > 8).any(-1).mean() < 0.001  # the same layer: the same picture
    page.key("s")
    assert page.run("viewer.panes.length") == 1
