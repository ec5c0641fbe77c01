"""The curves of a report: in words, groups together, none hidden; a legend of what is seen."""

import math
import re

import numpy as np
import pytest

from pointnc.reporting.curve_charts import MOST_POINTS, curve_figures, curve_panels
from pointnc.reporting.curves import COLLAPSE, FORCES, panel_of
from pointnc.reporting.pictures import SceneView, scene_raster
from pointnc.reporting.report import SMALL, Report, render_report
from tests.helpers.synthetic_room import corrupted, synthetic_room

GROUPS = ["head", "common", "tail"]


def test_curves_share_panels_and_steps_and_survive_nan():
    history = {
        "learning_rate": [(0, 0.1)],
        "val/overall_accuracy": [(10, 50.0)],
        "val/miou": [(10, 5.0), (20, 8.0)],
        "val/head": [(10, 9.0), (20, 12.0)],
        "val/tail": [(10, 0.0), (20, 1.0)],
        "loss/total": [(0, 3.0), (10, math.nan), (20, 1.0)],
        "loss/centers": [(0, 0.3), (20, 0.1)],
        "empty": [],
        "all_nan": [(0, math.inf)],
    }
    panels = curve_panels(history)
    assert [(panel.title, [label for label, _ in panel.keys]) for panel in panels] == [
        ("Loss", ["together", "of the centers"]),
        ("Validation mIoU (%)", ["all classes", "head", "tail"]),
        ("Validation accuracy (%)", ["share of points"]),
        ("Learning rate", ["Learning rate"]),
    ]
    assert [style for _, style in panels[1].keys] == ["all", "head", "tail"]
    for panel in panels:
        assert "nan" not in panel.svg
        assert "inf" not in panel.svg
    assert "together: 1 at step 20" in panels[0].svg
    assert curve_panels({}) == []


def test_no_key_of_a_training_is_shown_raw():
    """Every name that a training logs, with and without groups."""
    names = [f"val/{name}" for name in ("miou", *GROUPS, "overall_accuracy", "mean_accuracy")]
    names += [f"val/{measure}{group}" for measure in COLLAPSE for group in ("", *(f"_{name}" for name in GROUPS))]
    names += [f"{force}_{group}" for force in FORCES for group in ("all", *GROUPS)]
    names += ["loss/segmentation", "loss/distilled", "loss/centers", "loss/total", "learning_rate", "lr-AdamW/pg1"]
    html = curve_figures({name: [(0, 1.0), (5, 0.5 + number)] for number, name in enumerate(names)})
    text = " ".join(re.sub(r"<[^>]*>", " ", html).split())
    assert not re.search(r"\w/\w|_", text), text
    assert len(curve_panels({name: [(0, 1.0)] for name in names})) == len({panel_of(name) for name in names}) == 16


def test_a_curve_that_lies_on_another_is_dashed():
    curve = [(step, 3.0 / (1 + step)) for step in range(20)]
    apart = [(step, value + 0.5) for step, value in curve]
    ((panel),) = curve_panels({"loss/segmentation": curve, "loss/total": curve, "loss/centers": apart})
    assert [style.endswith(" over") for _, style in panel.keys] == [False, True, False]
    assert panel.svg.count('over"') == 1


def test_networks_keep_their_names():
    html = curve_figures({"ce: nc1": [(0, 1.0), (9, 2.0)], "ceco: nc1": [(0, 1.0), (9, 1.0)]})
    assert ">ce</li>" in html.replace("</svg>", "") or "</svg>ce</li>" in html
    assert html.count("<figure>") == 1 and COLLAPSE["nc1"] in html


def test_long_curves_are_thinned_to_means():
    rising = [(i, float(i)) for i in range(10_000)]
    (panel,) = curve_panels({"x": rising})
    points = panel.svg.split('points="')[1].split('"')[0].split()
    assert len(points) == MOST_POINTS
    x, y = np.array([point.split(",") for point in points], float).T
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(-1, abs=1e-3)  # svg counts y downwards


def test_the_legend_names_what_is_seen_by_area():
    scene, taxonomy = synthetic_room(spacing=0.08)
    view = SceneView(scene, corrupted(scene, taxonomy))
    html = render_report(Report("r", {}, {}, taxonomy, np.zeros(len(taxonomy), np.int64), scenes=[view]))
    named = re.findall(r"</span>([^<]+?) ([\d.e+]+) %</li>", html)
    shown = scene_raster(view).index
    truth, said = (np.bincount(labels[shown[shown >= 0]][labels[shown[shown >= 0]] >= 0], minlength=len(taxonomy))
                   for labels in (np.asarray(scene.semantic), view.prediction))  # fmt: skip
    area = np.maximum(truth, said) / (shown >= 0).sum()
    expected = [taxonomy.names[k] for k in np.argsort(-area, kind="stable") if area[k] >= SMALL]
    assert [name for name, _ in named] == expected
    for name, percent in named:
        assert float(percent) == pytest.approx(100 * area[taxonomy.names.index(name)], rel=0.06)
