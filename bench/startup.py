"""How long a command takes to say what it can do: ``python -m bench startup``."""

from __future__ import annotations

import subprocess
import sys

from bench.measure import REPEATS, medians
from bench.rows import Row


def rows(quick: bool = False) -> list[Row]:
    """Measure ``--help`` of the training, against the import of torch alone."""

    def command(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    ways = {
        "help": lambda: command("-m", "pointnc.train", "--help"),
        "import torch": lambda: command("-c", "import torch"),
    }
    repeats = 1 if quick else REPEATS
    taken = medians(ways, repeats)
    beside = "import torch"
    return [Row("train --help", "one process", taken["help"], "ms", beside, taken[beside], 2000, repeats=repeats)]
