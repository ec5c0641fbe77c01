"""What people type, as Hydra reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from pointnc.commands.arguments import HYDRA, SHORT, read_arguments
from pointnc.commands.entry import config_folder
from pointnc.commands.settings import quoted, setting
from tests.helpers.commands import run
from tests.helpers.labeled_rooms import columns, write, write_root
from tests.helpers.mistakes import assert_mistake
from tests.helpers.untrained import write_checkpoint

FIXED = [f"{key}={value}" for key, value in HYDRA.items()]
FROM_ELSEWHERE = st.text(st.characters(exclude_categories=["C"]), max_size=12)


@dataclass
class Some:
    """Settings of nothing."""

    path: str | None = setting(None, "a text")
    files: Any = setting(None, "one or several", text=True)
    names: Any = setting(None, "A,B", several=True)
    split: str = setting("val", "a text that is never none")
    count: int = setting(3, "a number", least=1)
    import_: str | None = setting(None, "Python's own word")


def own(*arguments: str, words: str | None = None) -> list[str]:
    return [one for one in read_arguments(arguments, Some, words) if one not in FIXED]


@given(FROM_ELSEWHERE)
def test_a_quoted_text_is_read_as_it_was(text: str) -> None:
    (override,) = OverridesParser.create().parse_overrides([f"path={quoted(text)}"])
    assert override.value() == text


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("path=2021_05_03", "path='2021_05_03'"),
        ("path=epoch=3-step=99.ckpt", "path='epoch=3-step=99.ckpt'"),
        ("files=room (1).ply", "files='room (1).ply'"),
        ("files=[a.ply,007]", "files=['a.ply','007']"),
        ("files=[ab]*.ply", "files='[ab]*.ply'"),
        ("files={train: [a]}", "files={train: [a]}"),
        ("split=null", "split='null'"),
        ("path=null", "path=null"),
        ("path=", "path="),
        ("path='a b'", "path='a b'"),
        ("names=a,b", "names=['a','b']"),
        ("names=a", "names='a'"),
        ("count=4", "count=4"),
        ("import=x.pth", "import_='x.pth'"),
        ("other=1_0", "other=1_0"),
    ],
)
def test_texts_are_taken_to_the_letter(typed: str, read: str) -> None:
    assert own(typed) == [read]


def test_a_sweep_stays_one() -> None:
    assert own("-m", "path=2021_05,b") == ["-m", "path='2021_05','b'"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [("run_dir=2021_05_03", "run_dir='2021_05_03'"), ("+weights=a=b", "+weights='a=b'"), ("resume=null", "resume=null"),
     ("trust=a.B,c.D", "trust=['a.B','c.D']"), ("seed=1_0", "seed=1_0"), ("loss.weights=3", "loss.weights=3")],
)  # fmt: skip
def test_texts_of_the_training(typed: str, read: str) -> None:
    assert [one for one in read_arguments([typed], None) if one not in FIXED] == [read]


def test_a_folder_called_like_a_number_is_used_and_made(tmp_path: Path) -> None:
    write_root(tmp_path / "2021_05_03", train=1)
    run("data_prep.taxonomy", "root=2021_05_03", "out=2021.yaml", "workers=1", folder=tmp_path)
    run("data_prep.custom", "root=2021_05_03", "out=2024_06_01", "workers=1", "files=*", folder=tmp_path)
    assert not (tmp_path / "20240601").exists() and (tmp_path / "2021.yaml").is_file()
    assert json.loads((tmp_path / "2024_06_01" / "manifest.json").read_text())["splits"]["train"]["points"] == 300


def test_words_are_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert own("store", words="path") == ["path='store'"]
    assert own("a=b", words="path") == ["path='a=b'"]
    assert own("count=1", words="path") == ["count=1"]
    assert own("count=1", "a", "b c", words="files") == ["files=['a','b c']", "count=1"]
    assert own("--cfg", "job", "a", words="path") == ["path='a'", "--cfg", "job"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["--path", "a b", "--count=4"], ["path='a b'", "count=4"]),
        (["--some-switch", "--count", "4"], ["some_switch=true", "count=4"]),
        (["--some-switch", "count=4"], ["some_switch=true", "count=4"]),
        (["--cfg", "job", "--multirun"], ["--cfg", "job", "--multirun"]),
        (["--help"], ["--help"]),
    ],
)
def test_dashes_are_taken_for_settings(typed: list[str], read: list[str]) -> None:
    assert own(*typed) == read


def test_hydras_settings_stand_beside_the_others_and_can_be_given() -> None:
    assert read_arguments(["-m", "count=1"], Some) == ["-m", *FIXED, "count=1"]
    assert read_arguments(["count=1", "--cfg", "job"], Some) == [*FIXED, "count=1", "--cfg", "job"]
    assert read_arguments(["--cfg", "job"], Some) == ["--cfg", "job", *FIXED]
    given_one = read_arguments(["hydra.run.dir=x"], Some)
    assert [one for one in given_one if one.startswith("hydra.run.dir")] == ["hydra.run.dir=x"]


@pytest.mark.parametrize("short", SHORT)
def test_short_names_are_choices_of_old(short: str) -> None:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", [*SHORT[short], "choice={}"])
    loss = OmegaConf.to_container(config.loss)
    assert isinstance(loss, dict) and loss["_target_"].startswith("pointnc.losses.")
    assert [one for one in read_arguments([short], None) if one not in FIXED] == list(SHORT[short])


@pytest.mark.parametrize("dataset", ["scannet200", "scannet20", "s3dis", "semantickitti"])
def test_a_data_set_brings_its_recipe_and_no_length_of_its_own(dataset: str) -> None:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", [f"dataset={dataset}", "choice={}"])
        quick = compose("train", [f"dataset={dataset}", "trainer=quick", "model=spunet", "choice={}"])
    assert (config.steps, config.trainer.max_epochs, config.batch_size) == (60_000, None, 6)
    assert config.model.planes[-1] == 96 and config.optimizer._target_ == "torch.optim.SGD"
    assert (quick.steps, quick.trainer.max_epochs) == (None, 30) and quick.model._target_.endswith("SpUNet")


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["max_point=3"], ("unknown-setting", "max_point;", "max_points=?")),
        (["max_points=many"], ("option", "max_points=many")),
        (["overwrite=perhaps"], ("option", "overwrite=perhaps")),
        (["halo=-1"], ("option", "halo=-1.0", 0)),
        (["interpolation=cubic"], ("option", "nearest, fragments", "interpolation=cubic")),
        (["tta=many"], ("unknown-name", "tta=many", "fast, full or none")),
    ],
)
def test_mistakes(arguments: list[str], mistake: tuple[str, ...], tmp_path: Path) -> None:
    assert_mistake(run("pointnc.predict", *arguments, folder=tmp_path, code=2), *mistake)


@pytest.mark.parametrize("module", ["pointnc.predict", "pointnc.weights", "pointnc.study", "data_prep.rooms"])
def test_help_says_every_setting_once(module: str, tmp_path: Path) -> None:
    text = run(module, "--help", folder=tmp_path).stdout
    names = [line[2:].partition("=")[0].split()[0] for line in text.splitlines() if line[:2] == "  " and line[2] != " "]
    settings = [name for name in names if name.isidentifier()]
    assert len(settings) == len(set(settings)) > 5
    assert "Hydra" not in text and max(map(len, text.splitlines())) <= 120


def test_names_with_signs_of_a_grammar_are_files(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "epoch=3-step=99.ckpt", tmp_path / "store")
    write(tmp_path / "room (1).ply", columns())
    run(
        "pointnc.predict", "room (1).ply", "checkpoint=epoch=3-step=99.ckpt", "out=2024", "accelerator=cpu",
        folder=tmp_path,
    )  # fmt: skip
    assert (tmp_path / "2024" / "room (1).ply").is_file()


def test_a_flag_that_needs_a_value_says_so(tmp_path: Path) -> None:
    assert_mistake(run("pointnc.train", "--resume", folder=tmp_path, code=2), "missing-setting", "--resume=VALUE")
