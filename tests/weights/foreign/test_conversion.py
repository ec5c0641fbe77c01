"""Imported networks against their own code base's convolutions, computed by definition on dense grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pointnc.models.segmentor import Segmentor
from pointnc.weights.foreign import Converted, convert, recognize
from tests.helpers.mistakes import raises
from tests.helpers.voxels import random_voxels
from tests.oracles import minkowski, spunet

EXTENT = 16


class Batch:
    """Voxels as a segmentor takes them."""

    def __init__(self, channels: int, samples: int = 1) -> None:
        self.coord = random_voxels(samples, EXTENT, share=0.15)
        self.features = torch.randn(len(self.coord), channels, generator=torch.Generator().manual_seed(1))
        self.batch_size = samples


def outputs(converted: Converted, batch: Batch) -> Tensor:
    """What the imported network computes: logits, or features where it has no classifier."""
    model = Segmentor(converted.architecture.build(), converted.outputs or 1)
    state = dict(converted.state)
    if converted.outputs is None:
        state |= {f"head.{name}": value for name, value in model.head.state_dict().items()}
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        out = model.eval()(batch)
    return out.features if converted.outputs is None else out.logits


MINKOWSKI: dict[str, dict[str, Any]] = {
    "as published": {},
    "stem of 3": {"stem": 3},
    "6 channels": {"inputs": 6},
    "9 channels": {"inputs": 9},
    "bottleneck": {"bottleneck": True, "planes": (2, 2, 3, 3, 3, 2, 2, 3)},
    "no affine": {"affine": False},
    "96 outputs": {"outputs": 96},
    "512 outputs": {"outputs": 512},
}


@pytest.mark.parametrize("kind", MINKOWSKI)
def test_an_imported_minkowski_network_computes_what_it_did(kind: str) -> None:
    state = minkowski.random_state(**MINKOWSKI[kind])
    batch = Batch(MINKOWSKI[kind].get("inputs", 3))
    converted = convert(state)
    expected = minkowski.DenseRes16UNet(state)(batch.coord[:, 1:], batch.features, EXTENT)
    torch.testing.assert_close(outputs(converted, batch), expected, rtol=1e-4, atol=1e-4)
    assert converted.outputs == expected.shape[1]
    assert any("1 and 0 were filled in" in note for note in converted.notes) == (kind == "no affine")


ORDERS: dict[str, tuple[list[minkowski.Offset] | None, list[minkowski.Offset] | None]] = {
    "cube": (None, None),
    "hybrid": (minkowski.HYBRID, None),
    "hybrid_product": (minkowski.HYBRID, minkowski.PRODUCT),
}


@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_networks_of_older_engines_compute_what_they_did(order: str, bottleneck: bool) -> None:
    state = minkowski.random_state(pointwise_dimensions=3, bottleneck=bottleneck, planes=(4, 5, 6, 7, 6, 5, 4, 8))
    batch = Batch(3)
    results = {name: outputs(convert(state, kernel_order=name), batch) for name in ORDERS}  # type: ignore[arg-type]
    block, even = ORDERS[order]
    expected = minkowski.DenseRes16UNet(state, block=block, even=even)(batch.coord[:, 1:], batch.features, EXTENT)
    for name, result in results.items():
        if name == order:
            torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)
        else:
            assert (result - expected).abs().max() > 1e-3, name


def test_an_order_that_nothing_tells_is_noted_or_asked_for() -> None:
    (note,) = convert(minkowski.random_state()).notes
    assert "CSC" in note and "SpatioTemporalSegmentation" in note and "kernel_order=hybrid" in note
    assert convert(minkowski.random_state(), kernel_order="cube").notes == ()
    with raises("ambiguous", "0.4", "kernel_order=hybrid"):
        convert(minkowski.random_state(pointwise_dimensions=3))
    with raises("option", "kernel_order=sphere", "auto, cube"):
        convert(minkowski.random_state(), kernel_order="sphere")  # type: ignore[arg-type]
    with raises("conflicting-settings", "kernel_order=hybrid", "MinkowskiEngine"):
        convert(spunet.random_state(), kernel_order="hybrid")


def test_the_order_of_offsets_matters_to_this_test() -> None:
    """Without the permutation, or with the axes reversed in one kernel only, the numbers are others."""
    state = minkowski.random_state()
    batch = Batch(3)
    expected = minkowski.DenseRes16UNet(state)(batch.coord[:, 1:], batch.features, EXTENT)
    for name in ("conv0p1s1", "block3.0.conv1", "conv1p1s2", "convtr7p2s2"):
        kernel = state[f"{name}.kernel"]
        edge = round(len(kernel) ** (1 / 3))
        cube = kernel.reshape(edge, edge, edge, *kernel.shape[1:]).transpose(0, 2)
        wrong = convert({**state, f"{name}.kernel": cube.reshape(kernel.shape)})
        assert (outputs(wrong, batch) - expected).abs().max() > 1e-3, name  # ten times what is allowed


@pytest.mark.parametrize("width", [512, 96])
def test_a_last_layer_can_be_features(width: int) -> None:
    state = minkowski.random_state(outputs=width)
    batch = Batch(3)
    converted = convert(state, head="features")
    assert converted.outputs is None and converted.architecture.arguments["out_channels"] == width
    expected = minkowski.DenseRes16UNet(state)(batch.coord[:, 1:], batch.features, EXTENT)
    torch.testing.assert_close(outputs(converted, batch), expected, rtol=1e-4, atol=1e-4)


SPUNET: dict[str, dict[str, Any]] = {
    "6 channels": {},
    "3 channels": {"inputs": 3},
    "9 channels": {"inputs": 9},
    "no last layer": {"outputs": None},
    "512 outputs": {"outputs": 512},
    "four levels": {"planes": (4, 5, 6, 7, 6, 5, 4, 3), "layers": (1,) * 8},
}


@pytest.mark.parametrize("kind", SPUNET)
def test_an_imported_spunet_computes_what_it_did(kind: str) -> None:
    state = spunet.random_state(**SPUNET[kind])
    batch = Batch(SPUNET[kind].get("inputs", 6), samples=2)
    expected = spunet.DenseSpUNet(state)(batch.coord, batch.features, 2, EXTENT)
    torch.testing.assert_close(outputs(convert(state), batch), expected, rtol=1e-4, atol=1e-4)


def test_a_segmentors_own_head_is_taken_with_its_backbone() -> None:
    state = spunet.random_state(outputs=None)
    head = {"module.seg_head.weight": torch.randn(7, 4), "module.seg_head.bias": torch.randn(7)}
    wrapped = {f"module.backbone.{name}": value for name, value in state.items()} | head
    batch = Batch(6)
    converted = convert(wrapped)
    features = spunet.DenseSpUNet(state)(batch.coord, batch.features, 1, EXTENT)
    expected = features @ head["module.seg_head.weight"].T + head["module.seg_head.bias"]
    torch.testing.assert_close(outputs(converted, batch), expected, rtol=1e-4, atol=1e-4)
    assert converted.outputs == 7 and not converted.notes


def test_a_head_without_bias_has_one_of_zeros() -> None:
    state = spunet.random_state(outputs=None)
    head = torch.randn(7, 4)
    converted = convert({f"backbone.{name}": value for name, value in state.items()} | {"seg_head.weight": head})
    assert torch.equal(converted.state["head.weight"], head) and converted.outputs == 7
    assert torch.equal(converted.state["head.bias"], torch.zeros(7))


@pytest.mark.parametrize("name", ["bn0.bn.running_mean", "block1.0.conv1.kernel", "final.bias"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_not_finite_are_noted(name: str, value: float) -> None:
    state = minkowski.random_state()
    state[name] = state[name].clone()
    state[name].view(-1)[0] = value
    (note,) = convert(state, kernel_order="cube").notes
    assert "1 tensors" in note and "not finite" in note and name in note


def test_prefixes_are_known_and_other_networks_are_told_apart() -> None:
    state = {f"model.net.{name}": value for name, value in minkowski.random_state().items()}
    state["criterion.weight"] = torch.ones(3)
    converted = convert(state)
    assert recognize(state) == "minkowski"
    assert converted.notes[-1] == "1 tensors outside the network were left out, such as criterion.weight."
    assert all(
        torch.equal(value, converted.state[name]) for name, value in convert(minkowski.random_state()).state.items()
    )


def without(state: dict[str, Tensor], *words: str) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not any(word in name for word in words)}


def instance_norm() -> dict[str, Tensor]:
    state = minkowski.random_state()
    return without(state, ".bn.") | {"bn0.weight": torch.ones(1, 6), "bn0.bias": torch.zeros(1, 6)}


def with_one(name: str, change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    state = minkowski.random_state()
    return {**state, name: change(state[name])}


def with_head(**tensors: Tensor) -> dict[str, Tensor]:
    state = {f"backbone.{name}": value for name, value in spunet.random_state(outputs=None).items()}
    return state | {f"seg_head.{name}": value for name, value in tensors.items()}


REFUSED: dict[str, tuple[dict[str, Tensor], tuple[str, ...]]] = {
    "instance norm": (instance_norm(), ("unsupported", "bn0.bn.running_mean", "instance norm")),
    "truncated": (without(minkowski.random_state(), "convtr6"), ("missing-tensor", "convtr6p4s2.kernel")),
    "a block short": (without(minkowski.random_state(), "block7"), ("missing-tensor", "block7")),
    "4-D": (
        {**minkowski.random_state(), "conv0p1s1.kernel": torch.zeros(81, 3, 6)},
        ("unsupported", "conv0p1s1.kernel", "81 offsets"),
    ),
    "another stride": (
        {**minkowski.random_state(), "conv1p1s2.kernel": torch.zeros(27, 6, 6)},
        ("unsupported", "conv1p1s2.kernel", "27 offsets", "8"),
    ),
    "with more": ({**minkowski.random_state(), "glu.weight": torch.zeros(3)}, ("unsupported", "glu.weight")),
    "two networks": (
        {f"{k}.{n}": v for k in ("student", "teacher") for n, v in minkowski.random_state().items()},
        ("ambiguous", "2 networks", "'student.'", "'teacher.'"),
    ),
    "resunet": ({"conv1.kernel": torch.zeros(27, 3, 8)}, ("unsupported", "MinkowskiEngine", "other than Res16UNet")),
    "ppt": ({"backbone.conv_input.conv.weight": torch.zeros(8, 5, 5, 5, 6)}, ("unsupported", "SpUNet-v1m3")),
    "ptv3": (
        {"module.backbone.embedding.stem.conv.weight": torch.zeros(8, 5, 5, 5, 6)},
        ("unsupported", "Point Transformer V3"),
    ),
    "spconv 1": (
        {**spunet.random_state(), "conv_input.0.weight": torch.zeros(5, 5, 5, 6, 4)},
        ("unsupported", "conv_input.0.weight", "spconv 1"),
    ),
    "biased": (
        {**spunet.random_state(), "enc.0.block0.conv1.bias": torch.zeros(5)},
        ("unsupported", "enc.0.block0.conv1.bias"),
    ),
    "no decoder": (without(spunet.random_state(outputs=None), "dec."), ("missing-tensor", "dec.1")),
    "mixed channels": (
        {**minkowski.random_state(), "bn1.bn.bias": torch.zeros(9)},
        ("unsupported", "bn1.bn.bias", "9 channels", "6"),
    ),
    "sparse": (with_one("conv0p1s1.kernel", Tensor.to_sparse), ("unsupported", "conv0p1s1.kernel", "sparse_coo")),
    "complex": (
        with_one("block1.0.conv1.kernel", lambda t: t + 1j),
        ("unsupported", "block1.0.conv1.kernel", "complex64"),
    ),
    "whole numbers": (with_one("final.kernel", Tensor.long), ("unsupported", "final.kernel", "int64")),
    "no count": (
        with_one("bn0.bn.num_batches_tracked", lambda t: torch.zeros(2)),
        ("unsupported", "bn0.bn.num_batches_tracked"),
    ),
    "head of two layers": (
        with_head(**{"0.weight": torch.zeros(4, 4), "0.bias": torch.zeros(4), "2.weight": torch.zeros(7, 4)}),
        ("unsupported", "seg_head.0.bias", "seg_head.*"),
    ),
    "head with a norm": (
        with_head(weight=torch.zeros(7, 4), bias=torch.zeros(7), **{"norm.weight": torch.ones(7)}),
        ("unsupported", "seg_head.norm.weight", "seg_head.*"),
    ),
    "head with a bias alone": (with_head(bias=torch.zeros(7)), ("unsupported", "seg_head.bias", "seg_head.*")),
    "something else": ({"layer.weight": torch.zeros(3)}, ("unsupported", "1 tensors", "layer.weight")),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_supported_is_refused_by_name(kind: str) -> None:
    state, mistake = REFUSED[kind]
    with raises(*mistake):
        convert(state)
