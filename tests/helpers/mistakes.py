"""What a mistake of a user must say: its kind, by its code, and the facts, in any order; the prose is free."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pointnc.error_codes import ErrorCode
from pointnc.errors import UserError
from tests.helpers.commands import Done


@contextmanager
def raises(code: ErrorCode, *facts: object, kind: type[UserError] = UserError) -> Iterator[pytest.ExceptionInfo]:
    """Check that a mistake is raised, of this kind, in a line that names the facts.

    Args:
        code: the kind of mistake.
        facts: settings, values, names, paths, numbers: each stands in the line, as words of their own.
        kind: the class.
    """
    with pytest.raises(kind) as caught:
        yield caught
    assert_names(caught.value, code, *facts)


def assert_mistake(done: Done, code: ErrorCode, *facts: object) -> None:
    """Check that a command ended in one line about a mistake of this kind, and that it names the facts."""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0] == f"error: {done.mistake}"
    assert done.mistake is not None
    assert_names(done.mistake, code, *facts)


def assert_line(stderr: str, *facts: object) -> None:
    """Check that another process ended in one line about a mistake, and that it names the facts."""
    lines = stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), stderr
    _assert_facts(lines[0], *facts)


def assert_names(error: UserError, code: ErrorCode, *facts: object) -> None:
    """Check the code of a mistake, and that its line names each fact."""
    line = str(error)
    assert "\n" not in line
    assert error.code == code, line
    _assert_facts(line, *facts)


def _assert_facts(line: str, *facts: object) -> None:
    for fact in map(str, facts):
        # "3" is not named by "13", nor "wall" by "walls", but a path is by its end.
        before, after = (r"(?<!\w)" if fact[0].isalnum() else ""), (r"(?!\w)" if fact[-1].isalnum() else "")
        assert re.search(before + re.escape(fact) + after, line), f"{fact} is not named: {line}"
