"""The notebooks of docs/notebooks run from the first cell to the last, on small settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

BOOKS = Path(__file__).parents[2] / "docs" / "notebooks"
SMALL: dict[str, dict[str, Any]] = {
    "label_a_scan": {"epochs": 1, "rooms": 2},
    "look_at_a_run": {"run": "runs/notebook"},
    "center_regularizer": {"steps": 30, "seeds": 1},
    "neural_collapse": {"steps": 30},
}
"""Values of the cell that is tagged "parameters"; the second goes on with what the first has left."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


def execute(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    book = nbformat.read(BOOKS / f"{name}.ipynb", as_version=4)
    (parameters,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    names = [line.split(" = ")[0] for line in parameters.source.splitlines()]
    assert names == list(SMALL[name])
    parameters.source = "\n".join(f"{key} = {value!r}" for key, value in SMALL[name].items())
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return book


def test_every_notebook_is_tried() -> None:
    assert {path.stem for path in BOOKS.glob("*.ipynb")} == set(SMALL)


@pytest.mark.slow
def test_a_scan_is_labeled_and_the_run_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (execute(name, folder, monkeypatch) for name in ("label_a_scan", "look_at_a_run"))
    for book in (first, second):  # the page stands below its cell
        frames = [
            output.data["text/html"]
            for cell in book.cells
            for output in cell.get("outputs", [])
            if "text/html" in output.get("data", {})
        ]
        assert len(frames) == 1 and frames[0].startswith("<iframe srcdoc=")
    assert (folder / "labeled.npz").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["center_regularizer", "neural_collapse"])
def test_loops_in_plain_torch(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = execute(name, folder, monkeypatch)
    assert any(output.output_type == "stream" for cell in book.cells for output in cell.get("outputs", []))
