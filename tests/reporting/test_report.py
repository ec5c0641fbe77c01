import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.image
import numpy as np
import pytest

from pointnc.reporting import Report, SceneView, write_report
from pointnc.reporting.report import render_report
from pointnc.scenes import Taxonomy
from tests.helpers.synthetic_room import corrupted, synthetic_room

VOID = {"meta", "img", "br", "hr", "link", "input", "path", "rect", "circle", "polyline", "image"}


class Checker(HTMLParser):
    """Keeps the open elements, the text and every attribute."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.attributes, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, key, value) for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, key, value) for key, value in attrs]

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(html):
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    return checker


@pytest.fixture(scope="module")
def report():
    scene, taxonomy = synthetic_room(spacing=0.09)
    scenes = [SceneView(scene, corrupted(scene, taxonomy, seed)) for seed in (1, 2)]
    K = len(taxonomy)
    rng = np.random.default_rng(0)
    names = list(taxonomy.names)
    names[7] = '<b>&"'
    taxonomy = replace(taxonomy, names=tuple(names))
    histogram = np.where(rng.random(K) < 0.4, rng.integers(1, 10**6, K), 0)
    histogram[[7, 9]] = 1234
    per_class = {n: (float(rng.uniform(0, 99)) if histogram[k] else None) for k, n in enumerate(names)}
    per_class[names[9]] = None
    features = rng.normal(size=(20, 8))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return Report(
        title="minkunet_tiny <on> rooms",
        summary={"Data set": "rooms & more", "Model": "minkunet_tiny"},
        metrics={
            "convention": "scannet",
            "miou": 23.45,
            "head": 41.26,
            "common": 17.03,
            "tail": None,
            "overall_accuracy": 78.91,
            "mean_accuracy": 35.55,
            "majority_miou": 1.37,
            "per_class": per_class,
            "seconds": {"train": 301.0, "evaluate": 12.34},
        },
        taxonomy=taxonomy,
        train_histogram=histogram,
        history={"loss/total": [(0, 3.0), (10, 1.0)], "val/miou": [(10, 23.4)]},
        centers_cosine=features @ features.T,
        center_classes=np.flatnonzero(histogram)[:20],
        scenes=scenes,
        config_yaml="model:\n  name: </pre><script>alert(1)</script>\n",
    )


@pytest.fixture(scope="module")
def html(report):
    return render_report(report)


def test_is_well_formed_and_needs_nothing_else(html):
    checker = parse(html)
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert not {"script", "link", "iframe", "object", "embed"} & set(checker.tags)
    for _, key, value in checker.attributes:
        assert not key.startswith("on")
        if key in ("src", "href", "xlink:href", "srcset", "action"):
            assert value.startswith("data:image/png;base64,")


def test_holds_one_png_a_picture(html):
    checker = parse(html)
    pictures = [value for tag, key, value in checker.attributes if (tag, key) == ("img", "src")]
    assert len(pictures) == 8
    for picture in pictures:
        pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(picture.split(",", 1)[1])))
        assert pixels.shape == (480, 640, 4)
        assert 0.2 < (pixels[..., 3] > 0.5).mean() < 0.95
    assert sum(1 for tag, key, _ in checker.attributes if (tag, key) == ("image", "href")) == 2
    assert len(html) < 4_000_000


def test_every_class_and_every_number_is_there(report, html):
    text = " ".join(parse(html).text)
    rows = {}
    for row in re.findall(r"<tr>(.*?)</tr>", html):
        cells = parse(row)
        rows["".join(cells.text[:1] if len(cells.text) < 3 else cells.text[:-2]).strip()] = cells.text[-1]
    for index, name in enumerate(report.taxonomy.names):
        assert name in text
        value = report.metrics["per_class"][name]
        if report.train_histogram[index]:
            assert rows[name] == ("–" if value is None else f"{value:.1f}")
    for key in ("miou", "head", "common", "overall_accuracy", "mean_accuracy", "majority_miou"):
        assert f"<dd>{report.metrics[key]:.1f}</dd>" in html
    assert "<dt>tail</dt>" not in html
    for word in ("scannet", "rooms & more", "5 min 01 s", "12.3 s", "5 min 13 s", "17.1 times"):
        assert word in text


def test_markup_in_names_and_config_stays_text(html):
    assert "&lt;b&gt;&amp;&quot;" in html
    assert '<b>&"' not in html
    assert "&lt;/pre&gt;&lt;script&gt;" in html
    assert "<title>minkunet_tiny &lt;on&gt; rooms</title>" in html


def test_missing_parts_leave_no_gap(report):
    taxonomy = Taxonomy.from_dict({"names": ["one", "two"]})
    bare = Report("bare", {}, {}, taxonomy, np.zeros(2, np.int64))
    html = render_report(bare)
    parse(html)
    assert "<section>" not in html
    unlabeled = replace(report.scenes[0].scene, semantic=None)
    some = replace(
        bare,
        metrics={"miou": 3.0, "majority_miou": 0.0, "per_class": {"one": 3.0}},
        train_histogram=np.array([5, 0]),
        scenes=[SceneView(unlabeled, np.zeros(len(unlabeled), int))],
        centers_cosine=np.ones((1, 1)),
        center_classes=np.array([0]),
    )
    html = render_report(some)
    text = " ".join(parse(html).text)
    assert [title in text for title in ("Input", "Truth", "Prediction", "Error")] == [True, False, True, False]
    assert "All classes" in text
    assert "Class centers" not in text
    assert "Training" not in text


def test_writes_the_file_whole_and_the_same_each_time(tmp_path, report):
    brief = replace(report, scenes=report.scenes[:1])
    write_report(tmp_path / "run" / "report.html", brief)
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8") == render_report(brief)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["report.html"]
