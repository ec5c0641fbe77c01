"""Freed memory is kept, unless the user has said otherwise."""

import os
import platform
import subprocess
import sys

import pytest

from pointnc.commands.entry import entry

ARRAY = 40_000_000
PROGRAM = f"""
import resource, subprocess, sys
from pointnc.runtime.allocation import keep_freed_memory

def faults():
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        block = b"x" * {ARRAY}
        del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start

if len(sys.argv) > 1:
    kept = {{"call": keep_freed_memory, "nothing": lambda: False}}[sys.argv[1]]()
    faults()
    print(kept, faults())
    if sys.argv[1] == "call":
        print(subprocess.run([sys.executable, *sys.orig_argv[1:3]], text=True, capture_output=True).stdout)
else:
    faults()
    print(keep_freed_memory(), faults())
"""
PAGES = ARRAY // os.sysconf("SC_PAGE_SIZE") if sys.platform == "linux" else 0

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator is what is set up")


def outputs(way: str, **environment: str) -> list[tuple[bool, int]]:
    """Run the program; return, of it and of the process that it starts, whether memory is kept and its page faults."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way], env=clean | environment, text=True, capture_output=True, check=True
    )
    lines = [line.split() for line in done.stdout.splitlines() if line]
    return [(word == "True", int(number)) for word, number in lines]


def test_usually_memory_is_given_back() -> None:
    ((kept, faults),) = outputs("nothing")
    assert not kept
    assert faults > 3 * PAGES  # or the test below could not fail


def test_freed_memory_is_kept_here_and_in_processes_started_from_here() -> None:
    here, child = outputs("call")
    assert here[0]
    assert child[0]
    assert here[1] < PAGES / 10
    assert child[1] < PAGES / 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_TRIM_THRESHOLD_", "100000"),
        ("MALLOC_MMAP_THRESHOLD_", "65536"),
        ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=65536"),
    ],
)
def test_what_the_user_has_set_stays(name: str, value: str) -> None:
    (kept, faults), _ = outputs("call", **{name: value})
    assert not kept
    assert faults > 3 * PAGES


@pytest.mark.parametrize(("setting", "calls"), [("model.checkpointing=false", 1), ("model.checkpointing=true", 0)])
def test_commands_keep_memory_unless_they_are_to_need_little(
    setting: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[bool] = []
    monkeypatch.setattr("pointnc.commands.attempts.keep_freed_memory", lambda: called.append(True))
    monkeypatch.setattr("sys.argv", ["train", setting])
    with pytest.raises(SystemExit) as end:
        entry(None, "pointnc.train")(lambda config: None)()
    assert end.value.code == 0
    assert len(called) == calls
