"""What the terminal shows."""

from __future__ import annotations

import numpy as np
from rich.console import Console

from pointnc.benchmarks.scannet import taxonomy
from pointnc.scenes import Taxonomy
from pointnc.scoring import Scores, score, scores_table


def _render(scores: Scores, **options: object) -> list[str]:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(scores_table(scores, **options))  # type: ignore[arg-type]
    return capture.get().splitlines()


def _line(lines: list[str], name: str) -> str:
    return next(line for line in lines if f"│ {name} " in line)


def test_summary_and_classes_from_common_to_rare() -> None:
    names = Taxonomy.from_dict({"names": ["mug", "wall", "lamp"], "groups": ["tail", "head", "common"]})
    counts = np.array([[1, 1, 0, 0], [0, 30, 10, 0], [0, 0, 0, 0]])
    lines = _render(score(counts, names))
    assert "convention: official" in lines[0]
    assert [cell.strip() for cell in lines[4].strip("│").split("│")] == [
        "41.1", "73.2", "0.0", "50.0", "73.8", "62.5",
    ]  # fmt: skip
    rows = [next(i for i, line in enumerate(lines) if f"│ {name} " in line) for name in ("wall", "mug", "lamp")]
    assert rows == sorted(rows)
    assert _line(lines, "wall").count("█") > _line(lines, "mug").count("█") > 0
    assert "73.2" in _line(lines, "wall")
    by_training = _render(score(counts, names), frequency=np.array([9, 1, 5]))
    rows = [next(i for i, line in enumerate(by_training) if f"│ {name} " in line) for name in ("mug", "lamp", "wall")]
    assert rows == sorted(rows)


def test_absent_classes_have_a_dash() -> None:
    names = Taxonomy.from_dict({"names": ["wall", "lamp"]})
    lines = _render(score(np.array([[5, 0, 0], [0, 0, 0]]), names))
    assert "–" in _line(lines, "lamp")
    assert "nan" not in "\n".join(lines)
    assert not any("head" in line or "group" in line for line in lines)


def test_long_lists_show_both_ends() -> None:
    benchmark = taxonomy("scannet200")
    points = np.r_[np.arange(189, 0, -1), np.zeros(11, int)]
    counts = np.zeros((200, 201), np.int64)
    counts[np.arange(200), np.arange(200)] = points
    lines = _render(score(counts, benchmark), limit=10)
    assert len(lines) < 30
    first_cells = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    shown = [name for name in first_cells if name in benchmark.names]
    assert shown == [*benchmark.names[:5], *benchmark.names[184:189]]
    assert any("… 179 more classes" in line for line in lines)
    assert any("– 11 classes without points" in line for line in lines)
