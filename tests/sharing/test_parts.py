"""Who does what: every item once, groups together, parts of about equal size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointnc.sharing import share_work
from pointnc.sharing.parts import Shard, cut, read_shard
from tests.helpers.mistakes import raises

NAMES = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(0, 1000), min_size=1, max_size=30)


@given(NAMES, st.integers(1, 9), st.data())
def test_every_item_is_in_one_part_and_groups_are_not_parted(
    items: dict[str, float], total: int, data: st.DataObject
) -> None:
    together = {name: data.draw(st.sampled_from("xyz")) for name in items if data.draw(st.booleans())}
    parts = cut(items, total, together)
    assert len(parts) == total and sorted(name for part in parts for name in part) == sorted(items)
    order = list(items)
    for part in parts:
        assert [order.index(name) for name in part] == sorted(order.index(name) for name in part)
    for group in "xyz":
        assert sum(any(together.get(name) == group for name in part) for part in parts) <= 1


@given(NAMES, st.integers(1, 9))
def test_no_part_is_longer_than_the_mean_and_the_largest_item(items: dict[str, float], total: int) -> None:
    loads = [sum(items[name] for name in part) for part in cut(items, total)]
    assert max(loads) <= sum(items.values()) / total + max(items.values())
    shuffled = dict(sorted(items.items(), reverse=True))
    assert [set(part) for part in cut(shuffled, total)] == [set(part) for part in cut(items, total)]


def test_items_without_a_size_are_counted() -> None:
    assert sorted(map(len, cut(dict.fromkeys("abcdef", 0), 3))) == [2, 2, 2]


def test_the_largest_is_alone_where_the_others_make_no_more() -> None:
    assert cut({"a": 1, "b": 2, "c": 9, "d": 3, "e": 3}, 2) == [["c"], ["a", "b", "d", "e"]]


def test_shards_are_read() -> None:
    assert read_shard("3/16") == Shard(3, 16) and str(Shard(3, 16)) == "3/16"
    assert read_shard("merge") is None


@pytest.mark.parametrize(
    ("value", "mistake"),
    [("17/16", ("option", "shard=17/16")), ("0/4", ("option", "shard=0/4", "1 to 4")), ("-1/4", ("option", "shard=-1/4", "shard=3/16")), ("3", ("option", "shard=3:", "shard=3/16")),
     (3, ("option", "shard=3:", "shard=3/16")), ("a/b", ("option", "shard=a/b", "shard=3/16")), ("1/0", ("option", "shard=1/0")), ("1/2/3", ("option", "shard=1/2/3", "shard=3/16")), ("", ("option", "shard=:", "shard=3/16"))],
)  # fmt: skip
def test_shards_without_sense_get_a_line(value: object, mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        read_shard(value)


def test_more_parts_than_items_get_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with raises("too-many-processes", "2 scenes", "shard=3/4"):
        share_work("3/4", "out", {"a": 1, "b": 1}, list, "scenes")
    with raises("missing-setting", "out=", "shard=1/2"):
        share_work("1/2", None, {"a": 1, "b": 1}, list, "scenes")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with raises("too-many-processes", "3 processes", "2 files"):
        share_work(None, "out", {"a": 1, "b": 1}, list, "files")
    with raises("conflicting-settings", "shard=1/2"):
        share_work("1/2", "out", {"a": 1, "b": 1, "c": 1}, list, "files")
