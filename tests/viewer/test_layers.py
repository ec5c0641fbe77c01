"""Colors of the layers, and which points they show: what picture and window draw."""

from dataclasses import replace

import numpy as np

from pointnc.reporting.colors import RIGHT, UNLABELED, WRONG
from pointnc.viewer.layers import (
    RAMP,
    confidence_colors,
    describe_point,
    labels_of,
    layer_colors,
    layers_of,
    shown_points,
)
from tests.helpers.mistakes import raises
from tests.viewer.rooms import room


def test_colors_of_each_layer() -> None:
    labeled = room()
    truth, prediction, colors = labeled.scene.semantic, labeled.prediction, labeled.taxonomy.colors
    layers = {layer: layer_colors(labeled, layer) for layer in layers_of(labeled)}
    assert list(layers) == ["color", "truth", "prediction", "error", "confidence"]
    np.testing.assert_array_equal(layers["color"], labeled.scene.color)
    for i in np.random.default_rng(0).integers(0, len(truth), 300):
        assert tuple(layers["truth"][i]) == (UNLABELED if truth[i] < 0 else colors[truth[i]])
        assert tuple(layers["prediction"][i]) == colors[prediction[i]]
        if truth[i] >= 0:
            assert tuple(layers["error"][i]) == (RIGHT if truth[i] == prediction[i] else WRONG)


def test_ramp_of_confidence() -> None:
    shown = confidence_colors(np.array([0, 0.25, 0.5, 0.75, 1, 2, -1, np.nan]))
    np.testing.assert_allclose(shown[:5], RAMP, atol=1)
    np.testing.assert_array_equal(shown[5], shown[4])
    np.testing.assert_array_equal(shown[6:], shown[[0, 0]])
    weight = np.array([0.299, 0.587, 0.114])
    assert (np.diff(confidence_colors(np.linspace(0, 1, 50)) @ weight) > 0).all()


def test_hidden_classes_are_those_of_the_layers_own_labels() -> None:
    labeled = room()
    bed = labeled.taxonomy.names.index("bed")
    np.testing.assert_array_equal(shown_points(labeled, "truth", {bed}), labeled.scene.semantic != bed)
    np.testing.assert_array_equal(shown_points(labeled, "prediction", {bed}), labeled.prediction != bed)
    np.testing.assert_array_equal(shown_points(labeled, "truth", {-1}), labeled.scene.semantic != -1)
    assert labels_of(labeled, "error") is labels_of(labeled, "color") is labeled.truth
    without = replace(labeled, scene=labeled.scene.replace(semantic=None))
    assert labels_of(without, "color") is labeled.prediction
    assert layers_of(without) == ["color", "prediction", "confidence"]
    with raises("missing-array", "error", "color, prediction, confidence"):
        layer_colors(without, "error")


def test_a_point_in_words() -> None:
    labeled = room()
    text = describe_point(labeled.thinned(1000), 10)
    number = int(text.split()[1])
    assert number == labeled.thinned(1000).point_number[10]
    names = (*labeled.taxonomy.names, "no class")
    assert f"truth: {names[labeled.scene.semantic[number]]}; prediction: {names[labeled.prediction[number]]}" in text
