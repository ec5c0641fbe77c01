"""Label values to a taxonomy: counts, groups, and that what somebody wrote stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.stats.frequency import frequency_groups
from data_prep.taxonomy.file import derive_taxonomy, quote, write_taxonomy
from pointnc.benchmarks import scannet
from pointnc.scenes import Taxonomy
from tests.helpers.commands import Done, run
from tests.helpers.labeled_rooms import IDS, columns, write, write_root
from tests.helpers.mistakes import assert_mistake


def count(folder: Path, *arguments: str, code: int = 0) -> Done:
    return run("data_prep.taxonomy", "root=root", "workers=1", *arguments, folder=folder, code=code)


def test_values_are_counted_and_grouped(tmp_path: Path) -> None:
    root = write_root(tmp_path / "root")
    (root / "taxonomy.yaml").unlink()
    done = count(tmp_path)
    found = Taxonomy.from_yaml(root / "taxonomy.yaml")
    assert found.ids == IDS and found.names == ("class 2", "class 5", "class 40")
    assert found.groups == ("head", "common", "tail") and len(set(found.colors)) == 3
    labels = np.concatenate([columns(seed)["label"] for seed in (0, 1, 2, 100)])
    text = (root / "taxonomy.yaml").read_text()
    for number in IDS:
        assert f"{(labels == number).sum()} points in 4 scenes" in text
    assert "3 names are to be filled in" in done.stdout


def test_what_was_written_is_kept(tmp_path: Path) -> None:
    root = write_root(tmp_path / "root")
    path = root / "taxonomy.yaml"
    path.write_text(
        "name: flat\ntrain_only: [1]\nclasses:\n  - {id: 40, name: 'lamp: tall', color: [1, 2, 3], group: head}\n"
        "  - {id: 9, name: window}\n  - {id: 5, name: class 5}\n"
    )
    write(root / "val/more.ply", columns(label=np.full(300, 7, np.int32)))
    done = count(tmp_path)
    found = Taxonomy.from_yaml(path)
    assert found.name == "flat" and found.train_only == (1,)
    assert found.ids == (40, 9, 5, 2, 7)
    assert found.names == ("lamp: tall", "window", "class 5", "class 2", "class 7")
    assert found.colors[0] == (1, 2, 3)
    assert found.groups == ("head", "common", "common", "head", "tail")
    assert "lamp: tall is head, by frequency it would be common" in done.stdout
    before = path.read_text()
    count(tmp_path)
    assert path.read_text() == before
    count(tmp_path, "regroup=true")
    assert Taxonomy.from_yaml(path).groups[0] == "common"


def test_names_of_a_benchmark(tmp_path: Path) -> None:
    root = write_root(tmp_path / "root")
    (root / "taxonomy.yaml").unlink()
    count(tmp_path, "names=scannet200", "out=classes.yaml")
    found, official = Taxonomy.from_yaml(tmp_path / "classes.yaml"), scannet.taxonomy("scannet200")
    for number, name, color in zip(found.ids, found.names, found.colors):
        index = official.ids.index(number)
        assert (name, color) == (official.names[index], official.colors[index])


def test_a_store_keeps_its_names(tmp_path: Path) -> None:
    write_root(tmp_path / "root")
    run("data_prep.custom", "root=root", "out=store", "workers=1", folder=tmp_path)
    run("data_prep.taxonomy", "root=store", "out=again.yaml", "workers=1", folder=tmp_path)
    found = Taxonomy.from_yaml(tmp_path / "again.yaml")
    assert found.names == ("floor", "chair", "lamp") and found.ids == (0, 1, 2)  # its labels are train indices


def test_mistakes(tmp_path: Path) -> None:
    root = write_root(tmp_path / "root", train=1)
    (root / "taxonomy.yaml").unlink()
    write(root / "train/objects.ply", columns(count=3000, label=np.arange(3000, dtype=np.int32)))
    write(root / "train/void.ply", columns(label=np.where(np.arange(300) < 9, -2, 5).astype(np.int32)))
    done = count(tmp_path, code=1)
    assert "more than 1000 different values" in done.stdout and "ignore=[-1,-2]" in done.stdout
    assert Taxonomy.from_yaml(root / "taxonomy.yaml").ids == IDS
    assert_mistake(count(tmp_path, "label=colour", code=2), "no-labels", "root", "'colour'", "label=NAME")
    assert_mistake(count(tmp_path, "out=root", code=2), "path-kind", "out=root")
    assert_mistake(count(tmp_path, "names=nowhere.yaml", code=2), "missing-file", "nowhere.yaml")


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_name_survives_the_yaml(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / "name.yaml"
    taxonomy = derive_taxonomy({3: 10, 4: 1})
    taxonomy = Taxonomy.from_dict({**taxonomy.to_dict(), "names": [name, name + "2"], "name": name})
    write_taxonomy(path, taxonomy, {3: 10}, {3: 1})
    assert Taxonomy.from_yaml(path) == taxonomy


@pytest.mark.parametrize("word", ["yes", "No", "null", "12", "1e3", "a: b", "# x", "~", "office chair", "TV"])
def test_words_that_yaml_would_take_for_something_else(word: str) -> None:
    import yaml

    assert yaml.safe_load(quote(word)) == word


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_groups_are_thirds_by_frequency(counts: list[int]) -> None:
    groups = frequency_groups(np.array(counts))
    order = {"head": 2, "common": 1, "tail": 0}
    for mine, group in zip(counts, groups):
        for other, its in zip(counts, groups):
            assert not (mine > other and order[group] < order[its])
    if len(counts) >= 3:
        assert groups.count("head") == groups.count("tail") == len(counts) // 3
    assert groups.count("head") >= 1


def test_groups_of_two_hundred_have_the_sizes_of_scannet200() -> None:
    groups = frequency_groups(np.arange(200))
    assert [groups.count(group) for group in ("head", "common", "tail")] == [66, 68, 66]
