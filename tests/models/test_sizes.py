"""The named sizes: their parameters to the last one, counted from the plans as they were published.

The plans stand here a second time, on purpose: they are those of ``Res16UNet*`` in the authors' code (MinkowskiEngine)
and of SpUNet-v1m1 in Pointcept; Volt's are those of its paper. All with 3 input channels and 20 classes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from pointnc.models import Segmentor

CONFIGS = Path(__file__).parents[2] / "conf" / "model"
ENCODER = (32, 64, 128, 256)
DEEP, DEEPER = (2, 3, 4, 6, 2, 2, 2, 2), (2, 3, 4, 23, 2, 2, 2, 2)

# Decoder planes, layers, expansion of the block, parameters.
MINKUNETS = {
    "minkunet14": ((256, 256, 256, 256), (1,) * 8, 1, 22_140_980),
    "minkunet14a": ((128, 128, 96, 96), (1,) * 8, 1, 8_024_500),
    "minkunet14b": ((128, 128, 128, 128), (1,) * 8, 1, 8_961_588),
    "minkunet14c": ((192, 192, 128, 128), (1,) * 8, 1, 11_919_924),
    "minkunet14d": ((384, 384, 384, 384), (1,) * 8, 1, 43_315_764),
    "minkunet18": ((256, 256, 256, 256), (2,) * 8, 1, 41_002_932),
    "minkunet18a": ((128, 128, 96, 96), (2,) * 8, 1, 15_493_172),
    "minkunet18b": ((128, 128, 128, 128), (2,) * 8, 1, 17_204_660),
    "minkunet18d": ((384, 384, 384, 384), (2,) * 8, 1, 79_874_484),
    "minkunet34": ((256, 256, 256, 256), DEEP, 1, 57_154_740),
    "minkunet34a": ((256, 128, 64, 64), DEEP, 1, 36_607_412),
    "minkunet34b": ((256, 128, 64, 32), DEEP, 1, 36_226_484),
    "minkunet34c": ((256, 128, 96, 96), DEEP, 1, 37_856_052),
    "minkunet50": ((256, 256, 256, 256), DEEP, 4, 48_125_300),
    "minkunet101": ((256, 256, 256, 256), DEEPER, 4, 87_171_444),
}


def normed(kernel_volume: int, ci: int, co: int) -> int:
    return kernel_volume * ci * co + 2 * co


def blocks(ci: int, planes: int, count: int, expansion: int) -> int:
    co = planes * expansion
    total = 0
    for channels in [ci] + [co] * (count - 1):
        if expansion == 1:
            total += normed(27, channels, planes) + normed(27, planes, planes)
        else:
            total += normed(1, channels, planes) + normed(27, planes, planes) + normed(1, planes, co)
        total += normed(1, channels, co) if channels != co else 0
    return total


def res16unet(decoder: tuple[int, ...], layers: tuple[int, ...], expansion: int, inputs: int, classes: int) -> int:
    """Parameters of a Res16UNet with a stem of 32 channels and 5³ offsets, by its published description."""
    total, width = normed(125, inputs, 32), 32
    for planes, count in zip(ENCODER, layers[:4]):
        total += normed(8, width, width) + blocks(width, planes, count, expansion)
        width = planes * expansion
    skips = [planes * expansion for planes in ENCODER[2::-1]] + [32]
    for planes, count, skip in zip(decoder, layers[4:], skips):
        total += normed(8, width, planes) + blocks(planes + skip, planes, count, expansion)
        width = planes * expansion
    return total + (width + 1) * classes


def parameters(name: str) -> int:
    inputs = 9 if name == "sonata" else 3
    with torch.device("meta"):
        model = Segmentor(instantiate(OmegaConf.load(CONFIGS / f"{name}.yaml"), in_channels=inputs), num_classes=20)
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", MINKUNETS)
def test_a_named_size_has_the_parameters_of_its_plan(name: str) -> None:
    decoder, layers, expansion, expected = MINKUNETS[name]
    assert res16unet(decoder, layers, expansion, inputs=3, classes=20) == expected
    assert parameters(name) == expected


def test_spunet_has_the_parameters_of_its_plan() -> None:
    total, width = normed(125, 3, 32), 32
    for planes, count in zip(ENCODER, DEEP[:4]):
        total += normed(8, width, planes) + blocks(planes, planes, count, 1)
        width = planes
    for planes, count, skip in zip((256, 128, 96, 96), DEEP[4:], (128, 64, 32, 32)):
        total += normed(8, width, planes) + blocks(planes + skip, planes, count, 1)
        width = planes
    assert parameters("spunet") == total + (96 + 1) * 20 == 39_145_844


VOLTS = {
    "volt_tiny": ((128, 6, 64), 1_761_364),
    "volt_small": ((384, 12, 128), 23_542_164),
    "volt_base": ((768, 12, 256), 93_742_868),
}
"""Channels, blocks, features; parameters."""


@pytest.mark.parametrize("name", VOLTS)
def test_a_volt_has_the_parameters_of_its_plan(name: str) -> None:
    (width, depth, features), expected = VOLTS[name]

    def linear(ci: int, co: int) -> int:
        return ci * co + co

    total = linear(125 * 3, width)
    total += depth * (2 * 2 * width + linear(width, 3 * width) + 2 * 2 * 64 + linear(width, width))
    total += depth * (linear(width, 4 * width) + linear(4 * width, width))
    total += 2 * width + width * features + 2 * features + features * 125 * features + features + 2 * features
    assert parameters(name) == total + linear(features, 20) == expected


def test_the_encoder_has_the_parameters_that_were_counted_in_its_file() -> None:
    """There, with a mask token of 48 numbers that serves pretraining alone."""
    assert parameters("sonata") == 108_461_376 - 48 + (1232 + 1) * 20


def test_the_table_in_the_documentation_is_this_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    for name in [*MINKUNETS, *VOLTS, "spunet", "minkunet_tiny", "sonata"]:
        assert f"| `{name}` |" in text and f"{parameters(name):,} |" in text


def test_every_size_has_a_file_and_every_file_is_listed() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == {*MINKUNETS, *VOLTS, "spunet", "minkunet_tiny", "sonata"}
