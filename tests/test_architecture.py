"""Who imports whom: the tables of docs/architecture.md against the code."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
BELOW = "everything below"


def table(head: str) -> list[tuple[list[str], str]]:
    """Return the rows under a head: what the first column names, and what the last one says."""
    lines = TEXT[TEXT.index(head) :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return [(re.findall(r"`(?:pointnc/)?([\w.]+?)(?:\.py|/)?`", first), last) for first, *_, last in cells]


ROOMS = [(names, last) for names, last in table("| Place | Holds")]
GROUND = [name for names, _ in table("| Place | Purpose") for name in names]
ORDER = [name for names, _ in ROOMS for name in names]


def room_of(module: str) -> str | None:
    """Return the room of a module of ours; None for the package itself and for what is not ours."""
    package, _, rest = module.partition(".")
    if package == "data_prep":
        return package
    return rest.split(".")[0] or None if package == "pointnc" else None


def imports(path: Path) -> Iterator[str]:
    """Yield the rooms that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            top = node.module in ("pointnc", "data_prep")
            names = [f"{node.module}.{alias.name}" for alias in node.names] if top else [node.module]
        yield from (room for room in map(room_of, names) if room is not None and not room.startswith("__"))


def edges() -> dict[tuple[str, str], str]:
    """Return importing and imported room to a file that does so."""
    found = {}
    for path in [*(ROOT / "pointnc").rglob("*.py"), *(ROOT / "data_prep").rglob("*.py")]:
        own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts)) or "pointnc"
        for other in imports(path):
            if other != own and own != "__init__":
                found[own, other] = str(path.relative_to(ROOT))
    return found


def test_every_room_stands_in_the_tables() -> None:
    places = {path.name for path in (ROOT / "pointnc").iterdir() if path.is_dir() and not path.name.startswith("__")}
    files = {path.stem for path in (ROOT / "pointnc").glob("*.py") if not path.stem.startswith("__")}
    assert places | files | {"data_prep"} == set(ORDER) | set(GROUND)


def test_rooms_import_what_the_table_lets_them() -> None:
    allowed = {}
    for names, last in ROOMS:
        below = set(ORDER[ORDER.index(names[-1]) + 1 :])
        listed = below if last == BELOW else set(re.findall(r"`(\w+)`", last))
        assert listed <= below, f"{names} may import only what stands below"
        allowed |= dict.fromkeys(names, listed)
    for number, name in enumerate(GROUND):
        allowed[name] = set(GROUND[number:])
    wrong = {
        f"{path}: {own} imports {other}"
        for (own, other), path in edges().items()
        if own in allowed and other not in allowed[own] | (set(GROUND) if own in ORDER else set())
    }
    assert not wrong


def test_the_table_allows_nothing_that_is_not_used() -> None:
    used = edges()
    for names, last in ROOMS:
        if last != BELOW:
            assert set(re.findall(r"`(\w+)`", last)) == {
                other for own, other in used if own in names and other not in GROUND
            }, names


def test_the_whole_configuration_of_a_training_is_seen_in_three_files() -> None:
    sees = set()
    for path in (ROOT / "pointnc" / "training").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            typed = isinstance(node, ast.arg) and node.annotation and ast.unparse(node.annotation)
            if typed == "DictConfig" and node.arg in ("config", "merged"):
                sees.add(path.name)
    assert sees == {"run.py", "building.py", "resumed.py"}


def imported_files(path: Path) -> Iterator[Path]:
    """Yield the files of ours that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        for name in names:
            place = ROOT.joinpath(*name.split("."))
            found = (place.with_suffix(".py"), place / "__init__.py", place.parent.with_suffix(".py"))
            yield from [one for one in (*found, place.parent / "__init__.py") if one.is_file()][:1]


def test_no_files_import_one_another_in_a_circle() -> None:
    files = [*(ROOT / "pointnc").rglob("*.py"), *(ROOT / "data_prep").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    graphlib.TopologicalSorter(
        {path: {one for one in imported_files(path) if one in files} for path in files}
    ).prepare()
