"""A training step on the synthetic rooms, the loader in it, on one thread: ``python -m bench training``.

``python -m bench.training CHECKOUT [FOLDER]`` measures this code and that of another checkout in turns.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.measure import product_peak
from bench.rows import Row

HERE = Path(__file__).parents[1]
TURNS = 3
SETTINGS = ("logger=none", "workers=0", "trainer.accelerator=cpu", "measure_collapse=false")


def measure(folder: Path, quick: bool, checkout: Path = HERE) -> tuple[list[float], list[float]]:
    """Train in a process of its own; return the CPU milliseconds of its steps and their losses.

    Args:
        folder: where the rooms are kept.
        quick: a few steps on few rooms.
        checkout: whose code trains.
    """
    rooms, epochs = (1, 8) if quick else (24, 6)
    # Modules are found where a process starts: there it has the clock, and nothing else of this checkout.
    with tempfile.TemporaryDirectory(dir=folder) as start:
        shutil.copy(HERE / "bench" / "clock.py", start)
        out = Path(start) / "clock.json"
        command = [
            sys.executable, "-m", "pointnc.train", f"data_root={folder}/rooms", f"run_dir={start}/run", *SETTINGS,
            f"dataset.prepare.train={rooms}", "dataset.prepare.val=1", f"trainer.max_epochs={epochs}",
            f"trainer.check_val_every_n_epoch={epochs}", f"+callbacks.clock={{_target_:clock.Clock,path:{out}}}",
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(checkout)}
        done = subprocess.run(command, cwd=start, env=environment, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")
        found = json.loads(out.read_text(encoding="utf-8"))
    return found["steps"], found["losses"]


def rows(quick: bool = False) -> list[Row]:
    """Measure the steps of a short training."""
    with tempfile.TemporaryDirectory() as folder:
        steps, _ = measure(Path(folder), quick)
    note = f"CPU time; a product of large dense matrices makes {product_peak(1) / 1e9:.0f} GFLOP/s on one thread"
    size = "minkunet_tiny, rooms at 8 cm, 2 scenes, K = 200, 1 thread"
    return [Row("training step with its data", size, float(np.median(steps)), "ms", repeats=len(steps), note=note)]


def main(checkout: str, folder: str | None = None) -> None:
    """Print the median step of both checkouts, turn by turn, and by how much their losses differ.

    Args:
        checkout: the other one.
        folder: where the rooms are made, or were made the last time; by default they are made again.
    """
    ways = {"this": HERE, "other": Path(checkout).resolve()}
    medians: dict[str, list[float]] = {way: [] for way in ways}
    losses: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(folder or temporary).resolve()
        place.mkdir(parents=True, exist_ok=True)
        for _ in range(TURNS):
            for way, code in ways.items():
                steps, losses[way] = measure(place, False, code)
                medians[way].append(float(np.median(steps)))
    for way, values in medians.items():
        print(f"{way:>5}: {' '.join(f'{value:.1f}' for value in values)} ms of CPU a step ({ways[way]})")
    ratios = [this / other for this, other in zip(*medians.values())]
    print(f"ratio: {np.median(ratios):.3f} ({' '.join(f'{ratio:.3f}' for ratio in ratios)})")
    apart = np.abs(np.subtract(losses["this"], losses["other"]))[:20]
    print(f"losses of the first 20 steps: largest difference {apart.max():.1e}, of the first step {apart[0]:.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
