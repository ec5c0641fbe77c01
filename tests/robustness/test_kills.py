"""Twenty kills: no half result, no leftovers, no success without a result, and the next start gives what it should."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.robustness.forks import forks
from tests.robustness.kills import SIGNALS, Killing

TRIES = {"rooms": 3, "prepare": 4, "train": 5, "predict": 3, "submit": 3, "study": 2}


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    with forks() as process:
        yield Killing(process, tmp_path_factory.mktemp("kills"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, count in TRIES.items() for number in range(count)]
)
def test_a_command_that_is_killed_ends_as_if_it_were_not(killing: Killing, name: str, number: int) -> None:
    generator = random.Random(f"{name} {number}")
    assert killing.kill(name, SIGNALS[number % 3], generator, kills=1).faults == []
