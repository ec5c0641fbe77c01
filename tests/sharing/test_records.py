"""Parts that are stopped, missing, there twice or of other settings; and what is left when all is well."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pointnc.sharing import share_work
from pointnc.sharing.parts import Shard
from pointnc.sharing.records import open_record
from tests.helpers.mistakes import raises

ITEMS = {f"item{number}": float(number) for number in range(7)}


def times_two(name: str) -> dict[str, Any]:
    return {"value": 2 * ITEMS[name]}


def do(folder: Path, shard: str | None, function: Callable[[str], Any] = times_two, settings: Any = "s") -> Any:
    return share_work(shard, folder / "out", ITEMS, lambda: settings, "items").do(function)


def merged(folder: Path) -> Any:
    return do(folder, "merge", lambda name: pytest.fail("a merge does nothing again"))


def test_parts_make_the_whole(tmp_path: Path) -> None:
    for shard in ("2/3", "1/3", "3/3"):
        assert do(tmp_path, shard) is None
    whole = do(tmp_path, None)
    results = merged(tmp_path)
    assert results == whole and list(results) == list(ITEMS)
    work = share_work("merge", tmp_path / "out", ITEMS, lambda: "s", "items")
    work.finish()
    assert not list(tmp_path.iterdir())


def test_a_part_that_is_stopped_goes_on(tmp_path: Path) -> None:
    seen: list[str] = []

    def stop_at_third(name: str) -> dict[str, Any]:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(name)
        return times_two(name)

    with pytest.raises(KeyboardInterrupt):
        do(tmp_path, "1/2", stop_at_third)
    record = tmp_path / "out.shards" / "shard-1-of-2.jsonl"
    with record.open("ab") as stream:
        stream.write(b'{"item": "item5", "resu')  # a kill in the middle of a line
    do(tmp_path, "2/2")
    with raises("shards", "shard 1/2", "has 2 of", "shard=1/2"):
        merged(tmp_path)
    seen.clear()
    do(tmp_path, "1/2", lambda name: seen.append(name) or times_two(name))
    assert 0 < len(seen) <= 2 and merged(tmp_path) == do(tmp_path, None)


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    work = share_work("1/1", tmp_path / "out", ITEMS, lambda: "s", "items")
    work.do(lambda name: {"failure": "no" if name == "item3" else None})
    assert work.failed
    again: list[str] = []
    work.do(lambda name: again.append(name) or {"failure": None})
    assert again == ["item3"] and not work.failed


def test_missing_parts_are_named(tmp_path: Path) -> None:
    with raises("shards", "out.shards", "shard=1/N"):
        merged(tmp_path)
    do(tmp_path, "2/4")
    with raises("shards", "3 of 4 shards", "1, 3, 4", "out.shards"):
        merged(tmp_path)


def test_a_part_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    for shard in ("1/2", "2/2"):
        do(tmp_path, shard)
    place = tmp_path / "out.shards"
    shutil.copy(place / "shard-1-of-2.jsonl", place / "shard-1-of-2 (copy).jsonl")
    with raises("shards", "shard 1/2", "shard-1-of-2 (copy).jsonl"):
        merged(tmp_path)
    (place / "shard-1-of-2 (copy).jsonl").unlink()
    do(tmp_path, "1/3")
    with raises("shards", "shards of 2", "shards of 3", "out.shards"):
        merged(tmp_path)


def test_parts_of_other_settings_are_refused(tmp_path: Path) -> None:
    do(tmp_path, "1/2")
    do(tmp_path, "2/2", settings="others")
    with raises("other-settings", "shard 2/2", "shard-2-of-2.jsonl"):
        merged(tmp_path)
    do(tmp_path, "2/2")  # begins again
    assert merged(tmp_path) == do(tmp_path, None)


@pytest.mark.parametrize(
    "content", [b"", b"[]\n", b"nonsense", b'{"format": 1}\n', b"[" * 100_000 + b"\n", b"\xff\xfe\n"]
)
def test_a_damaged_record_is_named(tmp_path: Path, content: bytes) -> None:
    do(tmp_path, "1/1")
    record = tmp_path / "out.shards" / "shard-1-of-1.jsonl"
    record.write_bytes(content)
    with raises("damaged-file", "shard-1-of-1.jsonl"):
        merged(tmp_path)
    do(tmp_path, "1/1")
    assert merged(tmp_path) == do(tmp_path, None)


def test_two_processes_do_not_do_the_same_part(tmp_path: Path) -> None:
    with (
        open_record(tmp_path / "out.shards", Shard(1, 2), "key"),
        raises("in-use", "shard 1/2", "shard-1-of-2.jsonl"),
    ):
        do(tmp_path, "1/2")


@pytest.mark.parametrize(
    "line", [b'{"item": ["item5"]}', b'{"item": {"a": 1}}', b'{"item": null}', b"[1]", b"[" * 9000, b"\xff"]
)
def test_lines_that_are_no_results_end_a_record(tmp_path: Path, line: bytes) -> None:
    for shard in ("1/2", "2/2"):
        do(tmp_path, shard)
    record = tmp_path / "out.shards" / "shard-1-of-2.jsonl"
    whole = record.read_bytes()
    record.write_bytes(whole + line + b"\n")
    assert merged(tmp_path) == do(tmp_path, None)
    record.write_bytes(whole[: whole.index(b"\n") + 1] + line + b"\n")
    with raises("shards", "shard 1/2", "has 0 of"):
        merged(tmp_path)
    do(tmp_path, "1/2")
    assert record.read_bytes() == whole
