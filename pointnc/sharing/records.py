"""What the parts of a job array leave for the merge: a file of json lines each.

The first line says which part of what it is; each further one holds an item and its result, written as soon as it is
there. So a part that was stopped goes on where it was, and a merge knows what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pointnc.errors import UserError
from pointnc.files.locks import lock
from pointnc.sharing.parts import Shard

FORMAT = 1
_LONGEST = 1 << 26
"""Bytes of a line: more than any result needs."""

Results = dict[str, Any]


def place_of(out: Path) -> Path:
    """Return the folder in which the parts of a result meet: beside it, ``<out>.shards``."""
    return out.with_name(f"{out.name}.shards")


def record_path(place: Path, shard: Shard) -> Path:
    """Return the file of a part."""
    return place / f"shard-{shard.number}-of-{shard.total}.jsonl"


@contextmanager
def open_record(place: Path, shard: Shard, key: str) -> Iterator[tuple[Results, Callable[[str, Any], None]]]:
    """Give what a part has done already, and a function that notes a further item and its result.

    A record of other settings or other work begins again.

    Raises:
        UserError: another process works on the same part.
    """
    place.mkdir(parents=True, exist_ok=True)
    path = record_path(place, shard)
    with path.open("a+b") as stream:
        if lock(stream.fileno()) is False:
            raise UserError(f"shard {shard} is being done by another process, which writes {path}", code="in-use")
        stream.seek(0)
        head = {"format": FORMAT, "shard": shard.number, "of": shard.total, "key": key}
        done: Results = {}
        whole = 0  # bytes: a line that a kill has cut off is written again
        lines = _lines(stream)
        found = next(lines, None)
        if found is not None and found[0] == head:
            whole = found[1]
            for entry, length in lines:
                if "item" not in entry:
                    break
                whole += length
                done[entry["item"]] = entry.get("result")
        stream.truncate(whole)

        def put(name: str, result: Any) -> None:
            _append(stream, {"item": name, "result": result})

        if not whole:
            _append(stream, head)
        yield done, put


def _append(stream: Any, entry: Mapping[str, Any]) -> None:
    stream.write(f"{json.dumps(entry, allow_nan=False)}\n".encode())
    stream.flush()


def _lines(stream: Any) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each whole line and its length in bytes, up to the first that is none."""
    while line := stream.readline(_LONGEST):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not line.endswith(b"\n") or not isinstance(entry, dict) or not isinstance(entry.get("item", ""), str):
            return
        yield entry, len(line)


def merge(place: Path, key: str, parts: Callable[[int], Sequence[Sequence[str]]]) -> Results:
    """Return the results of all parts.

    Args:
        place: the folder with their files.
        key: of settings and work, as the parts have it.
        parts: number of parts to the items of each.

    Raises:
        UserError: a part is missing, incomplete, there twice, or of other settings; the message names it.
    """
    files: dict[Shard, Path] = {}
    done: dict[Shard, Results] = {}
    for path in sorted(place.glob("*.jsonl")):
        with path.open("rb") as stream:
            lines = _lines(stream)
            head = next(lines, ({}, 0))[0]
            if head.get("format") != FORMAT or not all(type(head.get(name)) is int for name in ("shard", "of")):
                raise UserError(
                    f"{path} is no record of a shard or is damaged; remove it and run that shard again",
                    code="damaged-file",
                )
            shard = Shard(head["shard"], head["of"])
            if shard in files:
                raise UserError(
                    f"shard {shard} is there twice, as {files[shard].name} and {path}: remove one", code="shards"
                )
            if head.get("key") != key:
                raise UserError(
                    f"{path} was made of other files, another checkpoint or with other settings: run shard {shard} "
                    "again as this command says, or remove the file",
                    code="other-settings",
                )
            files[shard] = path
            done[shard] = {entry["item"]: entry.get("result") for entry, _ in lines if "item" in entry}
    totals = sorted({shard.total for shard in files})
    if not files:
        raise UserError(f"no shards at {place}: run this command with shard=1/N to shard=N/N first", code="shards")
    if len(totals) > 1:
        raise UserError(
            f"{place} holds shards of {totals[0]} and shards of {totals[1]}: remove those of one", code="shards"
        )
    absent = [number for number in range(1, totals[0] + 1) if Shard(number, totals[0]) not in files]
    if absent:
        listed = ", ".join(map(str, absent[:10])) + (", ..." if len(absent) > 10 else "")
        raise UserError(f"{place} lacks {len(absent)} of {totals[0]} shards: {listed}; run them first", code="shards")
    results: Results = {}
    for shard, names in zip(sorted(files, key=lambda shard: shard.number), parts(totals[0])):
        missing = [name for name in names if name not in done[shard]]
        if missing:
            raise UserError(
                f"shard {shard} has {len(names) - len(missing)} of {len(names)}, the first that it lacks is "
                f"{missing[0]}: it goes on with shard={shard}",
                code="shards",
            )
        results |= {name: done[shard][name] for name in names}
    return results


def remove(place: Path) -> None:
    """Remove the files of merged parts, and the folder if nothing else is in it."""
    for path in place.glob("shard-*-of-*.jsonl"):
        path.unlink(missing_ok=True)
    if not any(place.iterdir()):
        place.rmdir()
