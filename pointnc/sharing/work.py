"""A list of work, done by one process, shared out among the ranks of ``torchrun``, or among the jobs of an array."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pointnc.errors import UserError, printable
from pointnc.runtime import distributed
from pointnc.sharing.parts import Shard, check_enough, cut, read_shard
from pointnc.sharing.records import Results, merge, open_record, place_of, remove
from pointnc.version import __version__

Do = Callable[[str], Any]
"""Does one item and returns its result, of types that json knows.

Where that is a mapping with a "failure", a part that is run again tries the item again.
"""


class Work:
    """All of the work, done by this process.

    Args:
        items: name to size.
    """

    leads = True
    """Whether this process is the one that talks."""

    failed = False
    """Whether what :meth:`do` did here holds failures."""

    def __init__(self, items: Mapping[str, float]) -> None:
        self.items = items

    def do(self, function: Do, description: str | None = None) -> Results | None:
        """Do what is this process's to do; return the results of all, in the order of the items.

        Args:
            function: does one item.
            description: of a bar of progress; None for no bar.

        Returns:
            None where another process, or a later command, has them.

        Raises:
            UserError: what the function raised, in this process or another rank.
        """
        return {name: function(name) for name in self._track(list(self.items), description)}

    def finish(self) -> None:
        """Remove what was kept for a merge, now that what it was for is written."""

    def _track(self, names: list[str], description: str | None) -> Iterable[str]:
        from rich.progress import track

        if description is None:
            return names
        return track(names, description=description, disable=not (names and self.leads))


class RankWork(Work):
    """The work of the ranks of ``torchrun``; rank 0 gets all results."""

    def __init__(self, items: Mapping[str, float], together: Mapping[str, str] | None, what: str) -> None:
        super().__init__(items)
        rank, total = distributed.rank(), distributed.world_size()
        check_enough(len(items), total, f"torchrun started {total} processes", what)
        self.leads = rank == 0
        self._mine = cut(items, total, together)[rank]

    def do(self, function: Do, description: str | None = None) -> Results | None:
        """Do this rank's part; see :meth:`Work.do`."""
        distributed.start("cpu")  # numbers and texts are exchanged, no gradients: gloo will do on any device
        try:
            mine: Results = {}
            failure = None
            try:
                for name in self._track(self._mine, description):
                    mine[name] = function(name)
            except UserError as error:
                failure = UserError(str(error), code=error.code)
            except OSError as error:
                failure = UserError(str(error), code="file-access")
            gathered = distributed.gather((failure, mine))
        finally:
            distributed.stop()
        failures = [failure for failure, _ in gathered if failure is not None]
        if failures:
            raise failures[0]
        if not self.leads:
            return None
        results = {name: result for _, part in gathered for name, result in part.items()}
        return {name: results[name] for name in self.items}


class ShardWork(Work):
    """One part of a job array, which leaves its results in a file."""

    def __init__(
        self, items: Mapping[str, float], together: Mapping[str, str] | None, shard: Shard, place: Path, key: str
    ) -> None:
        super().__init__(items)
        self._mine = cut(items, shard.total, together)[shard.number - 1]
        self._shard, self._place, self._key = shard, place, key

    def do(self, function: Do, description: str | None = None) -> Results | None:
        """Do what this part has not done before, note it, and say what is next."""
        with open_record(self._place, self._shard, self._key) as (done, put):
            todo = [name for name in self._mine if name not in done or failure_of(done[name]) is not None]
            print(f"shard {self._shard}: {len(self._mine)} of {len(self.items)}, {len(self._mine) - len(todo)} done")
            sys.stdout.flush()
            for name in self._track(todo, description):
                done[name] = function(name)
                put(name, done[name])
            self.failed = any(failure_of(done[name]) is not None for name in self._mine)
        print(f"shard {self._shard} is done, in {self._place}; when all are: the same command with shard=merge")
        return None


class MergeWork(Work):
    """The end of a job array: nothing is done but the parts put together."""

    def __init__(self, items: Mapping[str, float], together: Mapping[str, str] | None, place: Path, key: str) -> None:
        super().__init__(items)
        self._together, self._place, self._key = together, place, key

    def do(self, function: Do, description: str | None = None) -> Results | None:
        """Return the results that the parts have left; see :func:`pointnc.sharing.records.merge`."""
        results = merge(self._place, self._key, lambda total: cut(self.items, total, self._together))
        return {name: results[name] for name in self.items}

    def finish(self) -> None:
        """Remove the files of the parts."""
        remove(self._place)


def share_work(
    shard: object,
    out: str | Path | None,
    items: Mapping[str, float],
    settings: Callable[[], Any],
    what: str,
    together: Mapping[str, str] | None = None,
) -> Work:
    """Return the work of this process.

    Args:
        shard: ``K/N``, "merge", or None: all of it, or under ``torchrun`` this rank's part.
        out: what the command writes; the parts meet beside it. None where it writes nothing.
        items: name to size; largest first they are shared out.
        settings: returns whatever the results depend on, in types that json knows; called for shards alone, since a
            hash of the weights may be in it.
        what: the items, in the plural, for messages.
        together: name to a group of items that one process must do.

    Raises:
        UserError: ``shard`` makes no sense, or there are more parts than items.
    """
    if shard is None:
        return RankWork(items, together, what) if distributed.world_size() > 1 else Work(items)
    chosen = read_shard(shard)
    if distributed.world_size() > 1:
        raise UserError(
            f"shard={shard} under torchrun: its processes share the {what} out by themselves; leave one out",
            code="conflicting-settings",
        )
    if out is None:
        raise UserError(f"shard={shard} needs out=, beside which the shards meet", code="missing-setting")
    text = json.dumps([__version__, settings(), dict(items), dict(together or {})], sort_keys=True, default=str)
    place, key = place_of(Path(out)), hashlib.sha256(text.encode()).hexdigest()[:32]
    if chosen is None:
        return MergeWork(items, together, place, key)
    check_enough(len(items), chosen.total, f"shard={shard}", what)
    return ShardWork(items, together, chosen, place, key)


def failure_of(result: Any) -> str | None:
    """Return why an item failed, None where it did not."""
    failure = result.get("failure") if isinstance(result, Mapping) else None
    return None if failure is None else printable(str(failure))
