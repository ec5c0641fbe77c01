"""docs/python.md: its lines run, one block after the other."""

from __future__ import annotations

import re
import shutil
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pointnc
from pointnc.scenes.ply import write_ply

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_lines_of_the_page_run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(finished / "run", tmp_path / "runs" / "first")
    shutil.copytree(finished / "store", tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    scene = pointnc.SceneStore("store")["val"][0]
    write_ply("room.ply", dict(zip("xyz", 1000 * scene.coord.T)))
    names: dict[str, Any] = {"coord": np.asarray(scene.coord), "rgb": np.asarray(scene.color)}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert len(blocks) == 5 and len(opened) == 2
    assert names["view"].labeled.prediction is not None and (tmp_path / "room.png").is_file()
    assert len(names["file"]) == len(scene) and names["features"].grad.abs().sum() > 0
