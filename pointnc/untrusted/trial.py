"""A native reader tried on a file in a process of its own, with bounds on its memory and time.

What a library written in C++ or Rust does with a file that lies (an abort, a loop without end, all of the memory) no
``except`` catches. It is tried where it takes nothing along; only a file that was read to its end is read here.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from pointnc.errors import UserError

MEMORY = 3 << 30
"""Bytes of address space; Python and its libraries take about one of the three GiB."""

SECONDS = 30.0
"""Of wall time, and another one for each MiB of the file."""

_REFUSED = 3


def try_reading(reader: str, path: Path) -> None:
    """Read a file in another process and forget what it holds.

    Args:
        reader: ``module:function`` that takes the path.
        path: of the file.

    Raises:
        UserError: the function raised one, raised anything else, was stopped by a bound, or took its process along.
    """
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "RAYON")}
    environment = {**os.environ, **one, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    seconds = SECONDS + path.stat().st_size / (1 << 20)
    command = [sys.executable, "-m", __name__, reader, str(path)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(f"{path} is damaged: it was not read after {seconds:.0f} s") from None
    if done.returncode == _REFUSED:
        raise UserError(done.stdout.decode("utf-8", "replace").strip())
    if done.returncode:
        how = signal.Signals(-done.returncode).name if done.returncode < 0 else "an error"
        raise UserError(f"{path} is damaged: its reader was ended by {how} in a process of its own")


def _bound() -> None:
    try:
        import resource
    except ImportError:  # not on Windows: the time alone is bounded there
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    """Read ``sys.argv[2]`` by the function ``sys.argv[1]``."""
    _bound()
    module, _, name = sys.argv[1].partition(":")
    try:
        getattr(importlib.import_module(module), name)(Path(sys.argv[2]))
    except UserError as error:
        sys.stdout.buffer.write(str(error).encode())
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
