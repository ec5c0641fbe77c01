"""Label sets: codes there and back, files, and the official sets."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointnc.benchmarks import scannet
from pointnc.scenes.taxonomy import Taxonomy
from tests.helpers.mistakes import raises


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=40, unique=True), st.lists(st.integers(-5, 2100)))
def test_encode_is_a_search_and_decode_its_inverse(ids: list[int], values: list[int]) -> None:
    taxonomy = Taxonomy.from_dict({"names": [f"c{i}" for i in ids], "ids": ids})
    index = taxonomy.encode(np.array(values, int))
    assert index.tolist() == [ids.index(value) if value in ids else -1 for value in values]
    assert taxonomy.encode(taxonomy.decode(np.arange(len(ids)))).tolist() == list(range(len(ids)))
    assert taxonomy.decode(np.array([-1]), ignore_id=7).tolist() == [7]


def test_official_sets() -> None:
    fine, coarse = scannet.taxonomy("scannet200"), scannet.taxonomy("scannet20")
    assert [len(fine.members(group)) for group in ("head", "common", "tail")] == [66, 68, 66]
    assert (len(fine), len(coarse)) == (200, 20)
    assert coarse.ids == (*range(1, 13), 14, 16, 24, 28, 33, 34, 36, 39)
    train_only = [fine.ids[i] for i in fine.train_only]
    assert train_only == [121, 221, 286, 331, 399, 572, 581, 1174, 1178, 1183, 1190]
    assert [len(scannet.split_scenes(split)) for split in scannet.SPLITS] == [1201, 312, 100]
    assert not set(scannet.split_scenes("train")) & set(scannet.split_scenes("val"))
    assert scannet.instance_counts()["wall"] == 8277
    with raises("unknown-name", "'scannet40'", "scannet200, scannet20"):
        scannet.taxonomy("scannet40")


def test_dictionary_and_yaml_round_trip(tmp_path: Path) -> None:
    import yaml

    taxonomy = scannet.taxonomy("scannet200")
    assert Taxonomy.from_dict(taxonomy.to_dict()) == taxonomy
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(taxonomy.to_dict()))
    assert Taxonomy.from_yaml(tmp_path / "t.yaml") == taxonomy


@pytest.mark.parametrize(
    "data, mistake",
    [
        ({}, ("taxonomy", "'names'")),
        ({"names": []}, ("taxonomy", "custom", "no classes")),
        ({"names": "abc"}, ("taxonomy", "'names'")),
        ({"names": ["a", "a"]}, ("taxonomy", "'a'")),
        ({"names": ["a", "b"], "ids": [1, 1]}, ("taxonomy", "ids", 1)),
        ({"names": ["a", "b"], "ids": [1]}, ("taxonomy", "1 ids", "2 names")),
        ({"names": ["a"], "groups": ["rare"]}, ("taxonomy", "'rare'", "head, common, tail")),
        ({"names": ["a"], "colors": [[1, 2]]}, ("taxonomy", "custom", "expected 3, got 2")),
        ({"names": ["a"], "ids": [-3]}, ("taxonomy", "id -3")),
    ],
)
def test_malformed_sets_are_refused(data: dict, mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        Taxonomy.from_dict(data)


def test_difference_names_the_first_class() -> None:
    one = Taxonomy.from_dict({"names": ["a", "b"]})
    assert one.difference(Taxonomy.from_dict({"names": ["a", "b"], "name": "other"})) is None
    assert "class 1 is 'b' (id 1) against 'c' (id 1)" in str(one.difference(Taxonomy.from_dict({"names": ["a", "c"]})))


def test_class_by_class_is_the_same_as_list_by_list() -> None:
    rows = [{"id": 4, "name": "wall", "color": [1, 2, 3], "group": "head"}, {"id": 0, "name": "lamp", "group": "tail"}]
    found = Taxonomy.from_dict({"name": "mine", "segment": "segment_fine", "classes": rows})
    assert found.ids == (4, 0) and found.names == ("wall", "lamp") and found.groups == ("head", "tail")
    assert found.colors[0] == (1, 2, 3) and found.segment == "segment_fine"
    assert Taxonomy.from_dict(found.to_dict()) == found
    assert Taxonomy.from_dict({"classes": [{"name": "a"}, {"name": "b"}]}).ids == (0, 1)


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        ({"classes": "wall"}, ("taxonomy", "'classes'")),
        ({"classes": [{"id": 1}]}, ("taxonomy", "class 0")),
        ({"classes": [{"name": "a", "colour": [1, 2, 3]}]}, ("taxonomy", "'colour'")),
        ({"classes": [{"name": "a", "id": 1}, {"name": "b"}]}, ("taxonomy", "'b'")),
        ({"classes": [{"name": "a", "color": [1, 2]}]}, ("taxonomy", "custom", "expected 3, got 2")),
        ({"classes": [{"name": "a", "color": [1, 2, 300]}]}, ("taxonomy", "[1, 2, 300]", "'a'", "0 to 255")),
        ({"classes": [{"name": "a", "id": 2**24}]}, ("taxonomy", f"id {2**24}", 2**24 - 1)),
        ({"names": ["a"], "segment": "../segment"}, ("taxonomy", "'../segment'")),
        ({"names": ["a"], "segment": "coord"}, ("taxonomy", "'coord'", "'segment'")),
        ({"classes": []}, ("taxonomy", "custom", "no classes")),
    ],
)
def test_mistakes_in_a_file(data: dict, mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        Taxonomy.from_dict(data)
