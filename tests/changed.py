"""``python -m tests.changed``: the test files that concern what differs from the branch ``main``, for ``make check-fast``.

These are the test files that were changed themselves, and those that mention a changed module (as an import or a
command), or another changed file by its name. Of a module that no test mentions it is the folder of its room.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALWAYS = "tests/test_architecture.py"


def differing() -> list[str]:
    """Return the files that differ from where ``main`` was left, committed or not, and those that git does not know."""
    base = _git("merge-base", "HEAD", "main") or ["HEAD"]
    return [*_git("diff", "--name-only", base[0]), *_git("ls-files", "--others", "--exclude-standard")]


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def concerned(changed: Iterable[str], root: Path = ROOT) -> list[str]:
    """Return the test files that concern changed files, all as paths below ``root``; none where nothing changed."""
    files = sorted(set(changed))
    texts = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in (root / "tests").rglob("test_*.py")
    }
    chosen = {ALWAYS} if files else set()
    for file in files:
        word = _mention(Path(file))
        found = {file} & texts.keys() or {name for name, text in texts.items() if word.search(text)}
        chosen |= found or {name for name in texts if name.startswith(_folder(Path(file)))}
    return sorted(chosen)


def _folder(file: Path) -> tuple[str, ...]:
    """Return the beginning of the tests of a module that none of them mentions: the folder of its room."""
    if file.suffix != ".py" or len(file.parts) < 2:
        return ()
    return (f"tests/{file.parts[1] if file.parts[0] == 'pointnc' else file.parts[0]}/",)


def _mention(file: Path) -> re.Pattern[str]:
    """Return what finds a mention of a file: of a module its dotted name, also behind ``from``; of others their name.

    A file of a group of the configuration is chosen as ``loss=focal``.
    """
    if file.parts[0] == "conf" and file.suffix == ".yaml":
        return re.compile(rf"\b{re.escape(file.parent.name)}={re.escape(file.stem)}\b")
    if file.suffix != ".py" or file.name == "conftest.py":
        return re.compile(rf"(?<![\w.]){re.escape(file.name)}\b")
    parts = file.with_suffix("").parts
    package, name = ".".join(parts[:-1]), parts[-1]
    if name in ("__init__", "__main__"):
        return re.compile(rf"(?<![\w.]){re.escape(package)}(?! *\.\w)\b")
    behind = rf"from {re.escape(package)} import [^\n]*\b{name}\b"
    return re.compile(rf"(?<![\w.]){re.escape('.'.join(parts))}(?!\w)|{behind}")


if __name__ == "__main__":
    print("\n".join(concerned(differing())))
