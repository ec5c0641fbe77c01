"""The steps of a Dockerfile without docker: in a new virtual environment and a folder with what the file copies.

    python docker/dry_run.py docker/cpu.Dockerfile

It ends well as soon as the demo has trained its first epoch. Build arguments are read from the environment
(``PIP_FLAGS=…``). Steps that install system packages are left out unless ``--system`` is given: it is for a clean root.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PROGRESS = "epoch 1/"
"""How the line begins that ends the trial."""


def parse(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile: the word and what follows, with continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.strip().partition(" ") for line in joined.splitlines())
    ]


class Machine:
    """A folder that stands for the root of the image, and what the steps have set so far.

    Args:
        root: an empty folder.
        system: install system packages too.
    """

    def __init__(self, root: Path, system: bool) -> None:
        self.root, self.system = root, system
        self.folder = root
        self.start: list[str] = []
        venv.create(root / "venv", with_pip=True)
        self.environment = {**os.environ, "PATH": f"{root / 'venv' / 'bin'}:{os.environ['PATH']}"}
        self.environment.pop("PYTHONPATH", None)

    def step(self, word: str, rest: str) -> None:
        """Do one instruction.

        Raises:
            ValueError: it is one that this script does not know.
            CalledProcessError: its command failed.
        """
        if word == "FROM":
            print(f"  Python {sys.version.split()[0]} stands for {rest}")
        elif word == "WORKDIR":
            self.folder = self.root / rest.lstrip("/")
            self.folder.mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                copy(REPOSITORY / source, self.folder / target, into=target.endswith("/"))
        elif word == "ARG":
            name, _, value = shlex.split(rest)[0].partition("=")
            self.environment.setdefault(name, value)
        elif word == "ENV":
            self.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "RUN":
            if "apt-get" in rest and not self.system:
                print("  left out: system packages")
            else:
                subprocess.run(["sh", "-ec", rest], cwd=self.folder, env=self.environment, check=True)
        elif word in ("ENTRYPOINT", "CMD"):
            self.start += json.loads(rest)
        else:
            raise ValueError(f"{word}: this script does not know the instruction")

    def run(self, patience: float) -> None:
        """Start what the image starts; interrupt it after the first epoch.

        Raises:
            RuntimeError: there was none in ``patience`` seconds, or the process ended before.
        """
        process = subprocess.Popen(
            self.start, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        signal.signal(signal.SIGALRM, lambda *_: process.kill())
        signal.alarm(int(patience))
        trained = False
        for line in process.stdout or ():
            print("  |", line, end="", flush=True)
            if line.startswith(PROGRESS) and not trained:
                trained = True
                process.send_signal(signal.SIGINT)
        code = process.wait()
        signal.alarm(0)
        if not trained:
            raise RuntimeError(f"no line {PROGRESS!r}: the process ended with code {code}")


def copy(source: Path, target: Path, into: bool) -> None:
    """Copy as COPY does: a file into a folder or to a name, of a folder what is in it, without caches."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        target.mkdir(exist_ok=True) if into else None
        shutil.copy2(source, target)


def main() -> None:
    """Do all steps and say how long each took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dockerfile", type=Path)
    parser.add_argument("--system", action="store_true", help="install system packages too (in a clean root, as root)")
    parser.add_argument("--patience", type=float, default=900, help="seconds that the first epoch may take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pointnc-image-") as folder:
        machine = Machine(Path(folder), options.system)
        for word, rest in parse(options.dockerfile.read_text(encoding="utf-8")):
            print(f"{word} {rest}", flush=True)
            start = time.monotonic()
            machine.step(word, rest)
            print(f"  {time.monotonic() - start:.0f} s", flush=True)
        print("START", *machine.start, flush=True)
        machine.run(options.patience)
    print(f"{options.dockerfile}: every step works, and the demo trains")


if __name__ == "__main__":
    main()
