"""What importing may not do: compile, or load what training alone needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import importlib, pkgutil, sys
from numba.core import event

compiled = []

class Listener(event.Listener):
    def on_start(self, event): compiled.append(str(event.data.get("dispatcher", event.data)))
    def on_end(self, event): pass

event.register("numba:compile", Listener())
import data_prep, pointnc
names = [m.name for p in (pointnc, data_prep) for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")]
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in ("ray", "submitit"):  # extras, each with a module that is its launcher
            raise
print(len(names), *compiled)
import pointnc.data.loops, numba
numba.njit(lambda x: x + 1)(1)
print(len(compiled))
"""


def test_no_module_compiles_while_it_is_imported(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}  # an empty cache: what is compiled is compiled now
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    modules, heard = done.stdout.splitlines()[-2:]
    assert modules.isdigit() and int(modules) > 100, f"compiled at import: {modules}"
    assert int(heard) > 0, "the listener hears nothing"


def test_labeling_and_scoring_load_nothing_of_training() -> None:
    """Lightning and torchmetrics take longer to load than torch."""
    code = (
        "import sys, pointnc.evaluate, pointnc.submit, pointnc.evaluation.counting, pointnc.scoring.tables\n"
        "import pointnc.prediction.labeling, pointnc.weights.trained, pointnc.api\n"
        "print([name for name in ('pytorch_lightning', 'torchmetrics', 'scipy.signal') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
