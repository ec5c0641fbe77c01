"""What runs have reached, a line of json each: a file to commit, so that no other machine trains them again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointnc.errors import UserError
from pointnc.files.atomic import write_text
from pointnc.files.locks import hold
from pointnc.scenes.taxonomy import SCORES
from pointnc.studies.plan import Run
from pointnc.untrusted.json_file import LARGE, parse_json, read_json_object
from pointnc.untrusted.sizes import one_line, read_bounded

METRICS = "metrics.json"
BEFORE = "before_refit_"
"""Before the name of a score: what it was before the classifier was fitted again, in runs that have done so."""

REMEDY = "remove the folder, or give folder=NEW"


@dataclass(frozen=True)
class Result:
    """What one run reached.

    Attributes:
        method: its method.
        seed: its seed.
        values: column to figure; NaN where the run has none.
        per_class: class to IoU in percent, of the classes that the truth has.
        model: the network's name, "" where the run does not say.
        steps: of the optimizer, 0 where the run does not say.
    """

    method: str
    seed: int
    values: dict[str, float]
    per_class: dict[str, float]
    model: str = ""
    steps: int = 0


class Record:
    """The results of runs that are done, by their overrides and their seed.

    Args:
        path: of the file, one line a run; it need not exist.

    Raises:
        UserError: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = _read(path)

    def __contains__(self, run: Run) -> bool:
        return (run.overrides, run.seed) in self._lines

    def result(self, run: Run) -> Result | None:
        """Return what a run reached, None where it is not known; under the name that it has in this study."""
        entry = self._lines.get((run.overrides, run.seed))
        return None if entry is None else _result(entry, run.method, run.seed)

    def add(self, run: Run) -> bool:
        """Take in a run whose folder has its metrics, all of them, and write the file; return whether it has them.

        Runs that another study has added to the file meanwhile are kept.

        Raises:
            OSError: the file cannot be written.
        """
        if not has_metrics(run):
            return False
        result = read_metrics(run)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with hold(self.path.parent, wait=True, doing="records a run"):
            self._lines = _read(self.path) | self._lines  # what another study has added meanwhile
            self._take(run, result)
            write_text(self.path, "".join(f"{json.dumps(entry)}\n" for entry in self._ordered()))
        return True

    def _take(self, run: Run, result: Result) -> None:
        self._lines[run.overrides, run.seed] = {
            "method": run.method,
            "seed": run.seed,
            "model": result.model,
            "steps": result.steps,
            "overrides": list(run.overrides),
            "values": {name: None if math.isnan(v) else round(v, 6) for name, v in result.values.items()},
            "per_class": {name: round(value, 3) for name, value in result.per_class.items()},
        }

    def _ordered(self) -> Iterator[dict[str, Any]]:
        yield from (self._lines[key] for key in sorted(self._lines))


def _read(path: Path) -> dict[tuple[tuple[str, ...], int], dict[str, Any]]:
    """Return overrides and seed to what the file says of the run; empty where there is no file."""
    lines: dict[tuple[tuple[str, ...], int], dict[str, Any]] = {}
    if not path.is_file():
        return lines
    hint = "restore the file, or give another out="
    for number, line in enumerate(read_bounded(path, LARGE, hint).splitlines(), 1):
        place = f"{path}, line {number}: it"
        entry = parse_json(line, place, hint)
        try:
            _result(entry, "", 0)
            lines[tuple(entry["overrides"]), int(entry["seed"])] = entry
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise UserError(f"{place} is no result of a run ({one_line(error)}); {hint}", code="damaged-file") from None
    return lines


def has_metrics(run: Run) -> bool:
    """Whether a run's folder says what it reached, in full: a run that is killed in its report has done so in part."""
    return (run.folder / METRICS).is_file() and not _metrics(run).get("unfinished", False)


def read_metrics(run: Run) -> Result:
    """Return what a run's folder says that it reached.

    Raises:
        UserError: it says nothing that a run says.
    """
    metrics = _metrics(run)
    try:
        values = {name: _number(metrics[name]) for name in SCORES}
        values["seconds"] = _number(metrics["seconds"]["train"])
        values |= {name: _number(value) for name, value in metrics.get("collapse", {}).get("all", {}).items()}
        before = metrics.get("before_refit", metrics if "rejected_refit" in metrics else None)
        values |= {} if before is None else {f"{BEFORE}{name}": _number(before[name]) for name in SCORES}
        per_class = {name: float(value) for name, value in metrics["per_class"].items() if value is not None}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(
            f"{run.folder / METRICS} holds no metrics of a run ({one_line(error)}); {REMEDY}", code="malformed"
        ) from None
    return Result(run.method, run.seed, values, per_class, metrics.get("model", ""), metrics.get("steps", 0))


def _metrics(run: Run) -> dict[str, Any]:
    return read_json_object(run.folder / METRICS, REMEDY)


def _result(entry: dict[str, Any], method: str, seed: int) -> Result:
    values = {str(name): _number(value) for name, value in entry["values"].items()}
    if missing := set(SCORES) - values.keys():
        raise KeyError(f"no {min(missing)}")
    per_class = {str(name): float(value) for name, value in entry["per_class"].items()}
    return Result(method, seed, values, per_class, str(entry["model"]), int(entry["steps"]))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
