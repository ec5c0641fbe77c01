"""``import pointnc``: cheap, complete, and its functions stay functions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pointnc

HEAVY = ("torch", "numpy", "numba", "hydra", "omegaconf", "rich")


def test_the_import_loads_nothing_heavy() -> None:
    code = f"import sys, pointnc; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_there_and_typed() -> None:
    assert set(pointnc.__all__) <= set(dir(pointnc))
    assert all(getattr(pointnc, name) is not None for name in pointnc.__all__)
    assert (Path(pointnc.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError):
        pointnc.nothing_of_this_name  # noqa: B018


def test_commands_of_the_same_name_leave_the_functions_alone() -> None:
    code = (
        "import pointnc, pointnc.visualize, pointnc.evaluate\n"
        "from pointnc.visualize import Visualize\n"
        "print(type(pointnc.visualize).__name__, type(pointnc.evaluate).__name__, pointnc.train.__name__)"
    )
    code = code.replace("print", "import pointnc.train\nprint")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["function", "function", "pointnc.train"]
