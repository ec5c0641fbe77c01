"""Commands killed at random moments and started again: the result must be that of a run without a kill.

``python -m tests.robustness.kills [tries] [seed] [commands]`` (``make kill``) prints a table; the tests do twenty.
"""

from __future__ import annotations

import hashlib
import json
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers.synthetic import write_raw_root
from tests.robustness.forks import Ended, Forks, forks

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
TRAINING = (
    "dataset.prepare=null", "dataset.voxel_size=0.1", "trainer.max_epochs=2", "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu", "workers=0", "logger=none", "batch_size=1", "model.planes=[8,8]", "model.layers=[1,1]",
    "dataset.store={inputs}/store",
)  # fmt: skip
ROOMS = ("poses=12", "width=48", "height=36", "voxel_size=0.15")


def plain_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a result as they are."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def runs(folder: Path) -> dict[str, bytes]:
    """Return what trainings have reached: every tensor of both checkpoints, metrics but for the seconds."""
    import torch

    found: dict[str, bytes] = {}
    for metrics in sorted(folder.rglob("metrics.json")):
        place = str(metrics.parent.relative_to(folder))
        numbers = json.loads(metrics.read_text())
        del numbers["seconds"]
        found[f"{place}/metrics"] = json.dumps(numbers, sort_keys=True).encode()
        assert (metrics.parent / "report.html").stat().st_size > 0
        for name in ("best", "last"):
            data = torch.load(metrics.parent / "checkpoints" / f"{name}.ckpt", weights_only=True)
            for key, value in data["state_dict"].items():
                found[f"{place}/{name}/{key}"] = value.numpy().tobytes()
    return found


def study(folder: Path) -> dict[str, bytes]:
    """Return the runs of a study and its record, which knows all of them."""
    found = runs(folder)
    for line in (folder / "results.jsonl").read_text().splitlines():
        entry = json.loads(line)
        del entry["values"]["seconds"]
        found[f"record of {entry['method']} {entry['seed']}"] = json.dumps(entry, sort_keys=True).encode()
    assert (folder / "results.md").is_file()
    return found


@dataclass(frozen=True)
class Command:
    """What is killed.

    Attributes:
        module: ``python -m`` of it.
        arguments: ``{inputs}`` stands for the folder of the inputs.
        result: where the result is.
        read: returns what of it must be equal.
        share: how many of a hundred kills it gets.
    """

    module: str
    arguments: tuple[str, ...]
    result: str
    share: int
    read: Callable[[Path], dict[str, bytes]] = plain_files


_study_common = ",".join(f'"{one}"' for one in TRAINING)
COMMANDS = {
    "rooms": Command(
        "data_prep.rooms",
        ("out=rooms", "train=3", "val=2", "workers=1", *(f"scanner.{one}" for one in ROOMS)),
        "rooms",
        share=20,
    ),
    "prepare": Command(
        "data_prep.scannet", ("raw={inputs}/raw", "out=store", "workers=1", "overwrite=true"), "store", share=20
    ),
    "train": Command("pointnc.train", (*TRAINING, "run_dir=run", "resume=auto"), "run", share=25, read=runs),
    "study": Command(
        "pointnc.study",
        ("folder=studies", "seeds=[0]", f"common=[{_study_common}]", "+methods.ce=[]", "+methods.focal=['loss=focal']"),
        "studies",
        share=10,
        read=study,
    ),
    "predict": Command(
        "pointnc.predict",
        ("checkpoint={inputs}/run", "input={inputs}/store/train", "out=labeled", "colors=true", "overwrite=true"),
        "labeled",
        share=15,
    ),
    "submit": Command(
        "pointnc.submit",
        ("checkpoint={inputs}/run", "split=train", "out=zips/submission.zip", "cache=kept", "overwrite=true"),
        "zips",
        share=10,
    ),
}


@dataclass
class Row:
    """What happened to a command.

    Attributes:
        kills: how many.
        ended: how many came when it was done.
        starts: how often it was started.
        faults: what was wrong, a line each.
    """

    kills: int = 0
    ended: int = 0
    starts: int = 0
    faults: list[str] = field(default_factory=list)


class Killing:
    """Kills commands.

    Args:
        process: what forks.
        root: an empty folder.
    """

    def __init__(self, process: Forks, root: Path) -> None:
        self.process, self.root = process, root
        self.inputs = root / "inputs"
        self._whole: dict[str, tuple[str, float]] = {}
        write_raw_root(self.inputs / "raw", train=4, val=1)
        for module, arguments in (
            ("data_prep.scannet", ("raw=raw", "out=store", "workers=1")),
            ("pointnc.train", (*TRAINING, "run_dir=run")),
        ):
            done = self._run(module, *arguments, folder=self.inputs)
            assert done.code == 0, done.err

    def _run(self, module: str, *arguments: str, folder: Path, number: int = 0, after: float = 0.0) -> Ended:
        places = [one.format(inputs=self.inputs) for one in arguments]
        return self.process.run(module, *places, folder=folder, number=number, after=after)

    def whole(self, name: str) -> tuple[str, float]:
        """Return the hash of a command's result without a kill, and the seconds it took."""
        if name not in self._whole:
            command = COMMANDS[name]
            folder = self.root / f"{name}-whole"
            folder.mkdir()
            done = self._run(command.module, *command.arguments, folder=folder)
            assert done.code == 0, done.err
            self._whole[name] = hash_of(command.read(folder / command.result)), done.seconds
        return self._whole[name]

    def kill(self, name: str, number: int, generator: random.Random, kills: int = 2) -> Row:
        """Kill a command some times, each time after another part of its time, and start it until it is done."""
        command, row = COMMANDS[name], Row()
        expected, seconds = self.whole(name)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.root))
        for _ in range(kills):
            after = generator.uniform(0, 1.05) * seconds
            done = self._run(command.module, *command.arguments, folder=folder, number=number, after=after)
            row.kills, row.starts = row.kills + 1, row.starts + 1
            row.faults += [f"{name}, {signal.Signals(number).name} after {after:.2f} s: {fault}"
                           for fault in self._judge(done, number, folder, command, expected)]  # fmt: skip
            if done.code == 0:
                row.ended += 1
                break
        done = self._run(command.module, *command.arguments, folder=folder)
        row.starts += 1
        if done.code != 0:
            row.faults.append(f"{name}: started again, exit code {done.code}: {done.err}")
        elif hash_of(command.read(folder / command.result)) != expected:
            row.faults.append(f"{name}: another result after {signal.Signals(number).name}")
        row.faults += [f"{name}: {path} is left" for path in leftovers(folder)]
        return row

    def _judge(self, done: Ended, number: int, folder: Path, command: Command, expected: str) -> list[str]:
        if done.code == 0:
            good = hash_of(command.read(folder / command.result)) == expected
            return [] if good else ["exit code 0 without the result"]
        if number == signal.SIGKILL:
            return [] if done.code == -signal.SIGKILL else [f"exit code {done.code}: {done.err}"]
        lines = [line for line in done.err.splitlines() if "terminated" in line or "interrupted" in line]
        faults = [] if done.code == 130 else [f"exit code {done.code}: {done.err}"]
        faults += [] if len(lines) == 1 and "Traceback" not in done.err else [f"said {done.err}"]
        return faults + [f"{path} is left" for path in leftovers(folder)]


def leftovers(folder: Path) -> list[Path]:
    """Return what is hidden: temporary files, locks."""
    return [path for path in folder.rglob(".*") if path.name not in (".", "..")]


def hash_of(found: dict[str, bytes]) -> str:
    """Return one hash of all that must be equal."""
    assert found
    digest = hashlib.sha256()
    for name, content in sorted(found.items()):
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def main(tries: str = "100", seed: str = "0", *names: str) -> int:
    """Kill, print the table, return the number of faults."""
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder, forks() as process:
        killing = Killing(process, Path(folder))
        for name in names or COMMANDS:
            row, generator = rows.setdefault(name, Row()), random.Random(f"{name} {seed}")
            while row.kills < COMMANDS[name].share * int(tries) // 100:
                one = killing.kill(name, SIGNALS[row.kills % 3], generator)
                for key, value in vars(one).items():
                    setattr(row, key, getattr(row, key) + value)
                print(f"{name}: {row.kills} kills, {len(row.faults)} faults", flush=True)
    print("\n| Command | kills | of these after the end | starts | faults |\n|---|---:|---:|---:|---:|")
    for name, row in rows.items():
        print(f"| {name} | {row.kills} | {row.ended} | {row.starts} | {len(row.faults)} |")
    faults: list[Any] = [fault for row in rows.values() for fault in row.faults]
    print("\n".join(["", *faults]))
    return len(faults)


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
