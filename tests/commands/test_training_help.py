"""``pointnc train --help``: every setting of every choice has a meaning, taken from where it is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pointnc.commands.entry import config_folder
from pointnc.commands.meanings import arguments_of, comments_of, comments_of_group, purpose
from pointnc.commands.training_help import training_help
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake

CHOICES = [
    f"{folder.name}={file.stem}"
    for folder in sorted(config_folder().iterdir())
    if folder.is_dir() and folder.name not in ("tools", "__pycache__")
    for file in sorted(folder.glob("*.yaml"))
]


def settings(text: str) -> dict[str, str]:
    """Return the settings of a help text, each with what is said behind it and below it."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        entry = re.match(r"  ([\w.]+)(?:=\S*| |$)(.*)", line)
        if entry is not None:
            last = entry[1]
            found[last] = entry[2].strip()
        elif line.startswith(" " * 40) and found:
            found[last] += line.strip()
    return found


@pytest.mark.parametrize("choice", CHOICES)
def test_every_setting_is_explained(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    said = settings(training_help("train", config_folder(), [choice, "hydra.run.dir=."]))
    assert len(said) > 40
    silent = []
    for name, meaning in said.items():
        parent, _, last = name.rpartition(".")
        if not meaning and f"``{last}``" not in said.get(parent, ""):
            silent.append(name)
    assert not silent


def test_comments_behind_above_and_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        '# @package _global_\n# The file,\n# in two lines.\na: 1 # one\nb: "#x" # "two"\n'
        "# above\nc:\n  d: [1, 2]\n  # e's\n  e: null # and this\n\nf: x\n"
    )
    assert comments_of(tmp_path / "a.yaml") == {
        "": "The file, in two lines.",
        "a": "one",
        "b": '"two"',
        "c": "above",
        "c.e": "e's and this",
    }


def test_the_file_that_is_extended_explains_before_its_neighbors(tmp_path: Path) -> None:
    """A note of another preset on its own value is no explanation of this one's."""
    (tmp_path / "a.yaml").write_text("# A.\nweight: 0.8 # theirs\nother: 1 # of a\n")
    (tmp_path / "base.yaml").write_text("# Base.\nweight: 1 # of the term\n")
    (tmp_path / "mine.yaml").write_text("# Mine.\ndefaults: [base]\nweight: 0.5\nother: 2\n")
    assert comments_of_group(tmp_path / "mine.yaml") == {"": "Mine.", "weight": "of the term", "other": "of a"}


def test_docstrings_are_read_without_an_import() -> None:
    assert purpose("pointnc.collapse.CenterRegularizer").startswith("Pulls the center of every class")
    assert arguments_of("pointnc.collapse.CenterOptions") == {}  # of another module, not exported
    assert "share of the target" in arguments_of("pointnc.losses.CrossEntropy")["label_smoothing"]
    assert purpose("pointnc.data.insertion.InstanceInsertion.of_groups")  # of a method
    swap = arguments_of("pointnc.data.transforms.instances.SwapInstances")
    assert "scene" in swap["p"]  # of its base
    assert purpose("torch.optim.AdamW") == "" and arguments_of("nothing.at.all") == {}


def test_the_help_shows_the_recipe_that_is_typed(tmp_path: Path) -> None:
    text = run("pointnc.train", "dataset=scannet200", "model=spunet", "--help", folder=tmp_path).stdout
    said = settings(text)
    assert "dataset=scannet200" in text and "dataset.voxel_size=0.02" in text and "model=spunet" in text
    assert "Powered by Hydra" not in text and "_target_" not in text.split("callbacks")[0]
    assert {"trainer.max_epochs", "optimizer.lr", "regularizer.weight", "seed"} <= set(said)


@pytest.mark.parametrize("wrong", ["model=5", "model=[1,2]"])
def test_a_choice_that_is_no_name_gets_a_line(wrong: str, tmp_path: Path) -> None:
    assert_mistake(run("pointnc.train", wrong, "--help", folder=tmp_path, code=2), "option", wrong)


def test_flags_of_hydra_do_not_disturb_the_help(tmp_path: Path) -> None:
    plain = run("pointnc.train", "--help", folder=tmp_path).stdout
    for flags in (["--cfg", "job"], ["-m", "model=spunet,minkunet_tiny"]):
        assert run("pointnc.train", *flags, "--help", folder=tmp_path).stdout == plain
