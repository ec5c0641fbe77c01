"""Codes of mistakes: each is explained, documented and used, and travels with the mistake."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path
from typing import get_args

import pytest

from pointnc.checks import OptionError, of_node
from pointnc.commands.entry import entry
from pointnc.error_codes import MEANINGS, ErrorCode
from pointnc.errors import UserError
from pointnc.predict import Predict
from tests.helpers.mistakes import raises

ROOT = Path(__file__).parents[1]


def test_every_code_is_explained_and_stands_in_the_table_of_the_page() -> None:
    assert list(MEANINGS) == list(get_args(ErrorCode))
    text = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    table = text[text.index("| Code | Means |") :].split("\n\n")[0].splitlines()[2:]
    assert table == [f"| `{code}` | {meaning} |" for code, meaning in MEANINGS.items()]


FILES = [path for place in ("pointnc", "data_prep") for path in (ROOT / place).rglob("*.py")]


def test_every_mistake_has_a_code() -> None:
    without = [
        f"{path.relative_to(ROOT)}, line {node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "UserError"
        if [one.arg for one in node.keywords] != ["code"]
    ]
    assert without == []


def test_every_code_is_used() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES if path.name != "error_codes.py"]
    used = {word for text in texts for word in re.findall(r"code(?:: [\w\[\]]+)? ?= ?\"([\w-]+)\"", text)}
    assert used == set(MEANINGS)


def test_a_code_travels_between_processes_and_through_the_name_of_a_node() -> None:
    mistake = pickle.loads(pickle.dumps(UserError("a.ply is short", code="damaged-file")))
    assert (type(mistake), str(mistake), mistake.code) == (UserError, "a.ply is short", "damaged-file")
    with raises("dtype", "loss.gamma=x"), of_node("loss"):
        raise OptionError("gamma=x: a number is needed", code="dtype")
    assert (OptionError("").code, UserError("").code) == ("option", "bad-input")


def test_the_code_is_the_cause_of_a_commands_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def task(config: object) -> None:
        raise UserError("a.ply is short", code="damaged-file")

    monkeypatch.setattr("sys.argv", ["predict"])
    with pytest.raises(SystemExit) as end:
        entry(Predict, "pointnc.predict")(task)()
    assert end.value.code == 2 and isinstance(end.value.__cause__, UserError)
    assert (str(end.value.__cause__), end.value.__cause__.code) == ("a.ply is short", "damaged-file")


@pytest.mark.parametrize(
    ("code", "facts"),
    [("shape", ["a.ply"]), ("damaged-file", ["b.ply"]), ("damaged-file", [3]), ("damaged-file", ["a.pl"])],
)
def test_the_check_of_a_mistake_fails_where_code_or_fact_is_another(code: ErrorCode, facts: list[object]) -> None:
    with pytest.raises(AssertionError), raises(code, *facts):
        raise UserError("at/a.ply has 13 points", code="damaged-file")
    with raises("damaged-file", 13, "a.ply", "at/a.ply"):
        raise UserError("at/a.ply has 13 points", code="damaged-file")
