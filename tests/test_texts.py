"""Settings that are text are what was typed, to the letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from pointnc.entry import config_folder
from pointnc.texts import TEXTS, to_the_letter
from tests.commands import run
from tests.data_prep.labeled_rooms import columns, write, write_root
from tests.untrained import write_checkpoint

VALUES = [
    "2021_05_03", "2024", "null", "true", "0x10", "1e5", "runs/epoch=3-step=99.ckpt", "room (1).ply", "it's [a] {b}.ply",
    "C:\\data\\x", "end\\", "a\\'b", "scans/*.las", "Größe, 日本", "~/a b", "[ab]*.ply", "*", "x:y", "a,b.ply",
]  # fmt: skip

NO_TEXT = {
    "overwrite", "workers", "ignore", "beta", "pairs", "limit", "units", "up", "color_bits", "normals", "unknown", "tta",
    "shard", "half", "engine", "accelerator", "interpolation", "convention", "format", "backend", "layers",
    "view", "source", "kernel_order", "head", "features", "voxel_size", "action", "launcher", "rungs", "contact_size", "license",
    "nearest", "notes", "common", "methods", "submitit", "ray", "seeds",
}  # fmt: skip
"""Settings of the commands that are one of a few words, numbers or lists of something else."""


def read_back(argument: str) -> object:
    return OverridesParser.create().parse_override(argument).value()


@pytest.mark.parametrize("value", VALUES)
def test_hydra_reads_what_was_typed(value: str) -> None:
    assert str(read_back(to_the_letter(f"out={value}"))) == value
    assert isinstance(read_back(to_the_letter(f"+run_dir={value}")), str)


def test_lists_sweeps_quotes_and_other_settings() -> None:
    assert read_back(to_the_letter("splits=[2021_05,007]")) == ["2021_05", "007"]
    assert read_back(to_the_letter("trust=a.B,c.D")) == ["a.B", "c.D"]
    assert to_the_letter("data_root=2021_05,2022_05", sweep=True) == "data_root='2021_05','2022_05'"
    for same in ("workers=2", "out='x y'", "splits={train: [a]}", "input=['a,b']", "--help", "out=", "seed=1,2"):
        assert to_the_letter(same) == same


def test_every_setting_of_every_command_is_known_as_text_or_not() -> None:
    for file in (config_folder() / "tools").glob("*.yaml"):
        for key, value in OmegaConf.to_container(OmegaConf.load(file), resolve=False).items():  # type: ignore[union-attr]
            if value is None or isinstance(value, str):
                assert (key in TEXTS) != (key in NO_TEXT), f"{file.name}: {key} in pointnc/texts.py or above"


def test_a_folder_called_like_a_number_is_used_and_made(tmp_path: Path) -> None:
    write_root(tmp_path / "2021_05_03", train=1)
    run("data_prep.taxonomy", "root=2021_05_03", "out=2021.yaml", "workers=1", folder=tmp_path)
    run("data_prep.custom", "root=2021_05_03", "out=2024_06_01", "workers=1", "files=*", folder=tmp_path)
    assert not (tmp_path / "20240601").exists() and (tmp_path / "2021.yaml").is_file()
    assert json.loads((tmp_path / "2024_06_01" / "manifest.json").read_text())["splits"]["train"]["points"] == 300


def test_names_with_signs_of_a_grammar_are_files(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "epoch=3-step=99.ckpt", tmp_path / "store")
    write(tmp_path / "room (1).ply", columns())
    run(
        "pointnc.predict", "checkpoint=epoch=3-step=99.ckpt", "input=room (1).ply", "out=2024", "accelerator=cpu",
        folder=tmp_path,
    )  # fmt: skip
    assert (tmp_path / "2024" / "room (1).ply").is_file()
