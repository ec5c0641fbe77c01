"""One damaged input: made from a format and a seed, read, and judged. Runs as a process that is fed by :mod:`pool`."""

from __future__ import annotations

import json
import logging
import random
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

from pointnc.errors import UserError

MEMORY = 4 << 30
"""Bytes of address space of a process; what wants more, gets a MemoryError."""

GROWTH = 400 << 20
"""Bytes that reading one small file may add to the most that the process ever held."""

CPU_SECONDS = 10
"""The system ends a process that takes longer for one input (SIGPROF), whatever native code it is in."""

_intact: dict[str, dict[str, bytes]] = {}


def make_input(name: str, seed: int, folder: Path) -> str:
    """Write the damaged files of a format into a folder; return which one is damaged. Equal seeds give equal bytes."""
    from tests.robustness.subjects import SUBJECTS, fill

    subject = SUBJECTS[name]
    if name not in _intact:
        fill(folder, {})
        folder.mkdir()
        subject.make(folder)
        _intact[name] = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    files = dict(_intact[name])
    rng = random.Random(f"{name} {seed}")
    target = rng.choice([one for one in files if Path(one).match(subject.targets)])
    files[target] = subject.mutate(files[target], rng)
    fill(folder, files)
    return target


def judge(name: str, folder: Path) -> tuple[str, str]:
    """Read what is in a folder; return "read", "refused" or "finding", and the message."""
    from tests.robustness.subjects import SUBJECTS

    before = _peak()
    try:
        SUBJECTS[name].read(folder)
        outcome, message = "read", ""
    except UserError as error:
        outcome, message = "refused", str(error)
        if not message.isprintable() or len(message) > 3000:
            outcome, message = "finding", f"not a line: {message[:500]!r}"
        elif any(word in message for word in ("llocate", "MemoryError", "out of memory")):
            outcome, message = "finding", f"memory was asked for before the count was compared: {message}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        where = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in where if "site-packages" not in frame.filename] or list(where)
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
        outcome, message = "finding", f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:300]}"
    grown = _peak() - before
    if grown > GROWTH:
        outcome, message = "finding", f"{grown >> 20} MiB more; {message}"
    return outcome, message


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def serve() -> None:
    """Answer lines ``[format, seed]`` with lines ``[outcome, message, damaged file]``."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import tests.robustness.subjects  # noqa: F401 - imported before the memory is bounded and the time counted

    for name in ("laspy", "lazrs", "pye57", "plyfile", "yaml", "pointnc.data.loops"):
        __import__(name)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    answers, sys.stdout = sys.stdout, sys.stderr  # what readers print is no answer
    with tempfile.TemporaryDirectory() as place:
        for line in sys.stdin:
            name, seed = json.loads(line)
            folder = Path(place) / "input"
            target = make_input(name, seed, folder)
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
            outcome, message = judge(name, folder)
            signal.setitimer(signal.ITIMER_PROF, 0)
            print(json.dumps([outcome, message.replace(str(folder), ""), target]), file=answers, flush=True)


if __name__ == "__main__":
    serve()
