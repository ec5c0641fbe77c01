"""All checks, one after the other, in a process of their own: a broken build may take its process with it.

Whenever it begins something it prints a line of json with the outcomes so far, and under ``doing`` what comes next; the
last line has nothing there.
"""

from __future__ import annotations

import json
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pointnc.proof.convolutions import check_convolutions
from pointnc.proof.networks import check_checkpointing, check_networks, check_steps
from pointnc.proof.runs import Runs
from pointnc.proof.subjects import Outcome, subjects
from pointnc.proof.throughput import check_throughput
from pointnc.proof.transforms import check_transforms

BUDGET = 330.0
"""Seconds after which no further check begins, so that all end within six minutes."""

Check = tuple[str, Callable[[], list[Outcome]]]


def prove(folder: Path, say: Callable[[dict[str, Any]], None]) -> None:
    """Run all checks; one that fails or raises keeps none of the others from being made.

    Args:
        folder: an empty one, for rooms and runs.
        say: called with the outcomes so far before each check and at the end.
    """
    outcomes: list[Outcome] = []
    start = time.monotonic()
    for name, check in checks(folder):
        say({"doing": name, "outcomes": [outcome.to_dict() for outcome in outcomes]})
        begun = time.monotonic()
        if begun - start > BUDGET:
            outcomes.append(Outcome(name, "", False, f"not tried: {BUDGET:.0f} seconds are over"))
            continue
        try:
            found = check()
        except Exception as error:  # whatever it raises is the finding
            line = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
            found = [Outcome(name, "", False, f"fails: {line}", {"traceback": traceback.format_exc()})]
        seconds = (time.monotonic() - begun) / max(len(found), 1)
        outcomes += [replace(outcome, seconds=round(seconds, 1)) for outcome in found]
    say({"doing": "", "outcomes": [outcome.to_dict() for outcome in outcomes]})


def checks(folder: Path) -> Iterator[Check]:
    """Yield the name of each check and the call that makes it; what users need most comes first."""
    found = subjects()
    device = found[0].device
    for subject in found:
        # Beside a GPU a CPU is examined as what the others are compared with, no further.
        thorough = subject.device == device
        yield f"convolutions on {subject.name}", partial(check_convolutions, subject)
        yield f"networks on {subject.name}", partial(check_networks, subject)
        if thorough:
            yield f"checkpointing on {subject.name}", partial(check_checkpointing, subject)
            yield f"training steps on {subject.name}", partial(check_steps, subject)
            yield f"throughput on {subject.name}", partial(check_throughput, subject)
    processes = torch.cuda.device_count() if device.type == "cuda" else 2 if device.type == "cpu" else 1
    runs = Runs(folder, device, processes)
    yield "a training, interrupted and resumed", runs.check_run
    yield "device transforms", lambda: check_transforms(device, runs.store, _taxonomy())
    yield "a training under torchrun", runs.check_torchrun
    yield "evaluate", runs.check_evaluate


def _taxonomy() -> Any:
    from pointnc.benchmarks import scannet

    return scannet.taxonomy("scannet200")


def main() -> None:
    """Print a line of json before each check and at the end."""
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory(prefix="pointnc-proof-") as folder:
        prove(Path(folder), lambda facts: print(json.dumps(facts), flush=True))


if __name__ == "__main__":
    main()
