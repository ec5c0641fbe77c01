"""Two thousand damaged files: each is read, or refused by a line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pointnc.errors import UserError
from tests.robustness.attack import make_input
from tests.robustness.fuzz import attack, table
from tests.robustness.pool import run
from tests.robustness.subjects import SUBJECTS

INPUTS = 2000
REQUIRED = ("laspy", "lazrs", "pye57")


@pytest.mark.parametrize("name", SUBJECTS)
def test_what_is_intact_is_read(name: str, tmp_path: Path) -> None:
    for package in REQUIRED:
        pytest.importorskip(package)
    SUBJECTS[name].make(tmp_path)
    SUBJECTS[name].read(tmp_path)


@pytest.mark.slow
def test_damaged_files_are_read_or_refused_by_a_line() -> None:
    for package in REQUIRED:
        pytest.importorskip(package)
    counts, findings = attack(list(SUBJECTS), INPUTS, seed=0, processes=min(os.cpu_count() or 1, 2))
    print(table(counts))
    assert not findings, "\n".join(f"{one.name}:{one.seed}: {one.message}" for one in findings)
    assert sum(count.total() for count in counts.values()) == INPUTS
    read = sum(count["read"] for count in counts.values())
    assert INPUTS / 10 < read < INPUTS, "damage that is never harmless, or always, tries nothing"


def test_equal_seeds_damage_equally(tmp_path: Path) -> None:
    def bytes_of(seed: int) -> dict[str, bytes]:
        make_input("classes.json", seed, tmp_path / "input")
        return {path.name: path.read_bytes() for path in (tmp_path / "input").iterdir()}

    assert bytes_of(1) == bytes_of(1) != bytes_of(2)


@pytest.mark.slow
def test_a_reader_that_dies_or_never_ends_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fuzzer itself: its processes read a format that is not there, and others after it."""
    results = list(run([("no such format", 0), ("classes.json", 0)], processes=1))
    outcomes = {one.name: one for one in results}
    assert outcomes["no such format"].outcome == "finding" and "exit code 1" in outcomes["no such format"].message
    assert outcomes["classes.json"].outcome in ("read", "refused")


def test_a_reader_that_raises_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from tests.robustness.attack import judge

    def raises(error: Exception) -> tuple[str, str]:
        def read(folder: Path) -> None:
            raise error

        monkeypatch.setitem(SUBJECTS, "x", replace(SUBJECTS["classes.json"], read=read))
        return judge("x", tmp_path)

    assert raises(UserError("a line")) == ("refused", "a line")
    assert raises(KeyError("a"))[0] == "finding"
    assert raises(UserError("Unable to allocate 931 GiB"))[0] == "finding"
