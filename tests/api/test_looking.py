"""Points to look at: a page, a picture, a notebook's frame."""

from __future__ import annotations

import html
import re
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pointnc
from pointnc.error_codes import ErrorCode
from tests.helpers.mistakes import raises
from tests.viewer.test_visualize import read_page


@pytest.fixture(scope="module")
def scene(finished: Path) -> pointnc.Scene:
    return pointnc.SceneStore(finished / "store")["val"].labeled("segment200")[0]


def result_of(scene: pointnc.Scene, taxonomy: pointnc.Taxonomy) -> pointnc.Result:
    labels = np.arange(len(scene), dtype=np.int32) % len(taxonomy)
    return pointnc.Result(labels, np.linspace(0, 1, len(scene), dtype=np.float32), taxonomy)


@pytest.fixture(scope="module")
def taxonomy() -> pointnc.Taxonomy:
    from pointnc.benchmarks.scannet import taxonomy

    return taxonomy("scannet200")


def test_the_page_holds_what_was_given(scene: pointnc.Scene, taxonomy: pointnc.Taxonomy, tmp_path: Path) -> None:
    result = result_of(scene, taxonomy)
    view = pointnc.visualize(scene, result=result, show=False)
    assert view.save(tmp_path / "a.html") == tmp_path / "a.html"
    description, (columns,) = read_page(tmp_path / "a.html")
    np.testing.assert_array_equal(columns["prediction"], result.labels)
    np.testing.assert_array_equal(columns["truth"], scene.semantic)
    assert description["taxonomy"]["names"] == list(taxonomy.names)
    coord = scene.coord.astype(np.float64)
    coord[3] = np.inf
    given = pointnc.visualize(
        coord, scene.color, result.labels, truth=scene.semantic, taxonomy="scannet200", show=False
    )
    given.save(tmp_path / "b.html")
    _, (kept,) = read_page(tmp_path / "b.html")
    np.testing.assert_array_equal(kept["prediction"], np.delete(result.labels, 3))
    np.testing.assert_array_equal(kept["truth"], np.delete(scene.semantic, 3))


def test_colors_alone_and_a_picture(scene: pointnc.Scene, tmp_path: Path) -> None:
    view = pointnc.visualize(scene.coord, scene.color, show=False)
    with Image.open(view.save(tmp_path / "a.png")) as picture:
        assert picture.size[0] > 300
    assert view.labeled.prediction is None and view.labeled.truth is None


def test_a_notebook_gets_a_frame_and_a_script_a_tab(
    scene: pointnc.Scene, taxonomy: pointnc.Taxonomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)  # the only thing here that leaves the process
    view = pointnc.visualize(scene, result=result_of(scene, taxonomy))
    (address,) = opened
    page = Path(address.removeprefix("file://"))
    assert page.read_text(encoding="utf-8") == view.html
    frame = view._repr_html_()
    inside = re.search(r'srcdoc="([^"]*)"', frame)
    assert inside is not None and html.unescape(inside[1]) == view.html
    assert 'sandbox="allow-scripts"' in frame


def test_what_does_not_fit_is_said(scene: pointnc.Scene, taxonomy: pointnc.Taxonomy, tmp_path: Path) -> None:
    result = result_of(scene, taxonomy)
    bare = scene.replace(semantic=None)
    mistakes: list[tuple[tuple[Any, ...], dict[str, Any], ErrorCode, list[str]]] = [
        ((scene,), {}, "missing-setting", ["taxonomy="]),
        ((bare, None, result.labels), {}, "missing-setting", ["taxonomy="]),
        ((bare.coord[:9], None, result), {}, "other-length", ["result", "9"]),
        ((bare, None, ["wall"] * len(bare)), {"taxonomy": "scannet200"}, "dtype", ["result"]),
        ((bare, None, result.labels + 5), {"taxonomy": "scannet20"}, "unknown-label", ["scannet20", "20"]),
        ((bare,), {"taxonomy": "scannet2000"}, "unknown-name", ["scannet2000"]),
    ]
    for arguments, options, code, facts in mistakes:
        with raises(code, *facts):
            pointnc.visualize(*arguments, show=False, **options)
    with raises("wrong-format", "a.gif"):
        pointnc.visualize(bare, result=result, show=False).save(tmp_path / "a.gif")


def test_a_split_is_a_sequence(finished: Path) -> None:
    split = pointnc.SceneStore(finished / "store")["val"]
    assert len(split) == len(split.names) == len(list(split)) == 1
    assert split.segment == "segment200"
    assert split[0].name == split[split.names[0]].name == split[-1].name
    assert (split.labeled("segment20")[0].semantic != split[0].semantic).any()
    assert split.labeled(None)[0].semantic is None
    with pytest.raises(IndexError):
        split[1]
    assert split[:1].names == split.names and split[1:].names == [] and split.labeled(None)[:1].segment is None
    with raises("missing-scene", "scene9", split.names[0]):
        split["scene9"]
    assert len(repr(split[0])) < 120 and split[0].name in repr(split[0])
    with raises("nothing-there", "nowhere"):
        pointnc.SceneStore(finished / "store")["nowhere"]
    assert "val" in repr(split)
