"""Temporary files and folders: their names, and what becomes of those whose process is gone.

``.<name>.<token>.tmp`` is being written, or what was replaced and waits to be removed; ``.<name>.<token>.old`` is
what stood at ``<name>`` and stepped aside, on systems that cannot exchange two paths at once.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from pointnc.files.owners import TOKEN, Owner

AGE = 24 * 3600
"""Seconds without any change after which a leftover of another machine, or of an earlier version, counts as dead."""

_LONGEST = 255
"""Bytes that a file's name may have."""

_OURS = re.compile(rf"\.(?P<name>.+)\.{TOKEN}\.(?P<kind>tmp|old)", re.DOTALL)
_FORMER = re.compile(r"\.(?P<name>.+)\.\d+\.(?P<kind>tmp|old|former)", re.DOTALL)
"""As earlier versions called theirs: with the process id alone."""


def temporary_beside(path: Path, kind: str = "tmp") -> Path:
    """Return a path beside ``path`` that nothing has ever had, and that tells whose it is."""
    end = f".{Owner.current().token()}.{kind}"
    name = path.name.encode("utf-8", "surrogateescape")[: _LONGEST - len(end) - 1].decode("utf-8", "ignore")
    return path.with_name(f".{name}{end}")


def sweep(*folders: Path) -> None:
    """Remove what dead processes have left directly in some folders, and put back what had stepped aside.

    What a living process owns is left alone; so is, for a day, what cannot be told.
    """
    for folder in folders:
        try:
            entries = [path for path in folder.iterdir() if path.name.startswith(".")]
        except OSError:  # not there, or not to be read: nothing to sweep
            continue
        for path in entries:
            match = _OURS.fullmatch(path.name) or _FORMER.fullmatch(path.name)
            if match and _is_dead(path, match.groupdict()):
                _settle(path, folder / match["name"], match["kind"])


def _is_dead(path: Path, parts: dict[str, str]) -> bool:
    owner = Owner(parts["machine"], int(parts["pid"]), int(parts["start"])) if "machine" in parts else None
    if owner is not None and owner.is_here():
        return owner.is_dead()
    try:
        changes = [one.stat().st_mtime for one in (path, *path.rglob("*"))]
    except OSError:  # it is changing now
        return False
    return time.time() - max(changes) > AGE


def _settle(path: Path, target: Path, kind: str) -> None:
    if kind != "tmp" and not target.exists() and not target.is_symlink():
        try:
            path.rename(target)
        except OSError:  # another process was faster
            return
    remove(path)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, as far as that is possible."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        pass
