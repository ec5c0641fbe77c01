"""Which files a user means."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

from omegaconf import ListConfig

from pointnc.clouds.formats import SUFFIXES
from pointnc.errors import UserError


def find_inputs(value: Any) -> list[Path]:
    """Return the files that ``input=`` names, each once, in order.

    Args:
        value: a path, a glob pattern, a folder (all point clouds in it; a scene of a store is one), or several of
            these, as a list or parted by commas.

    Raises:
        UserError: something names no file at all.
    """
    texts = list(value) if isinstance(value, ListConfig | list) else [str(value)]
    found: list[Path] = []
    for text in texts:
        parts = [text] if Path(text).exists() else [part for part in str(text).split(",") if part]
        for part in parts:
            found += _files(part)
    return list(dict.fromkeys(found))


def size_of(path: Path) -> float:
    """Return the bytes of a file or of a scene's files: about what labeling it costs; 0 for what is not there."""
    try:
        parts = list(path.iterdir()) if path.is_dir() else [path]
        return float(sum(part.stat().st_size for part in parts))
    except OSError:
        return 0.0


def _files(text: str) -> list[Path]:
    path = Path(text).expanduser()
    if path.is_dir() and not (path / "coord.npy").is_file():
        inside = sorted(one for one in path.iterdir() if not one.name.startswith("."))  # not what is half written
        files = [one for one in inside if one.suffix.lower() in SUFFIXES or (one / "coord.npy").is_file()]
        if not files:
            raise UserError(
                f"input={text}: no point cloud is in this folder; known are {', '.join(SUFFIXES)}",
                code="nothing-there",
            )
        return files
    if path.exists():
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 (patterns may be absolute)
    if not matches and glob.has_magic(text):
        raise UserError(f"input={text}: no file matches", code="missing-file")
    return matches or [path]  # a missing file is reported when its turn comes
