"""Checkpoints that are damaged, malformed or none a network can be computed with: a line, exit code 2."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.foreign import read_state
from pointnc.weights.tensors import checksum, tensors_in
from pointnc.weights.trained import load_trained
from tests.helpers.changed_checkpoints import Change, put, send, without_checksum
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_line, assert_mistake, raises

WEIGHT = "model.backbone.stem.convolution.weight"


def cut(place: str) -> Change:
    def change(data: dict[str, Any]) -> None:
        *parents, last = place.split(".")
        for key in parents:
            data = data[key]
        del data[last]

    return change


def top(key: str, value: Any) -> Change:
    return lambda data: data.__setitem__(key, value)


def weight(edit: Callable[[torch.Tensor], Any]) -> Change:
    return without_checksum(lambda data: data["state_dict"].__setitem__(WEIGHT, edit(data["state_dict"][WEIGHT])))


def _put_nan(value: torch.Tensor) -> torch.Tensor:
    value[0, 0, 0, 0, 0] = float("nan")
    return value


def _references(depth: int) -> Any:
    node: Any = [1]
    for _ in range(depth):
        node = [node] * 10
    return node


NETWORK: dict[str, Change] = {
    "no contract": cut("pointnc"),
    "contract is a list": top("pointnc", [1]),
    "no configuration": cut("pointnc.config"),
    "configuration is a word": lambda data: data["pointnc"].update(config="x"),
    "configuration is a list": lambda data: data["pointnc"].update(config=[1]),
    "configuration holds a tensor": put("seed", torch.zeros(3)),
    "configuration holds a set": put("seed", {1, 2}),
    "key is a tuple": put("model", {(1, 2): 3}),
    "configuration without end": put("model", {"_target_": "pointnc.models.MinkUNet", "planes": _references(9)}),
    "control characters": put("dataset.hint", "\x1b[2J"),
    "no model": cut("pointnc.config.model"),
    "model is a number": put("model", 7),
    "model is a list": put("model", [1]),
    "model is null": put("model", None),
    "model without a name": put("model", {"planes": [8, 8]}),
    "planes is a word": put("model.planes", "wide"),
    "planes is a mapping": put("model.planes", {"a": 1}),
    "planes without end": put("model.planes", [8] * 100_000),
    "planes too wide": put("model.planes", [65536, 65536]),
    "planes of words": put("model.planes", ["8", "8"]),
    "an argument more": put("model.speed", 9),
    "block is a list": put("model.block", ["basic"]),
    "stem is negative": put("model.stem_channels", -1),
    "head is a number": put("head", 5),
    "head is a list": put("head", [1]),
    "head without a name": put("head", {"scale": 1.0}),
    "head with an argument more": put("head.speed", 9),
    "no data set": cut("pointnc.config.dataset"),
    "data set is a word": put("dataset", "rooms"),
    "no features": cut("pointnc.config.dataset.features"),
    "features is a word": put("dataset.features", "color"),
    "features is a mapping": put("dataset.features", {"color": 1}),
    "features of numbers": put("dataset.features", [1, 2]),
    "features of lists": put("dataset.features", [["color"]]),
    "unknown features": put("dataset.features", ["smell"]),
    "voxel size is a word": put("dataset.voxel_size", "small"),
    "voxel size is NaN": put("dataset.voxel_size", float("nan")),
    "voxel size is true": put("dataset.voxel_size", True),
    "store is a number": put("dataset.store", 5),
    "taxonomy is a list": lambda data: data["pointnc"].update(taxonomy=[1]),
    "taxonomy without end": lambda data: data["pointnc"].update(taxonomy={"names": _references(9)}),
    "format is a word": lambda data: data["pointnc"].update(format="1"),
    "a format of a later version": lambda data: data["pointnc"].update(format=99),
    "no weights": cut("state_dict"),
    "weights is a list": top("state_dict", [1]),
    "weights with numbers for names": without_checksum(lambda data: data["state_dict"].update({7: torch.zeros(1)})),
    "a weight is a number": weight(lambda value: 7),
    "a weight is missing": without_checksum(lambda data: data["state_dict"].pop(WEIGHT)),
    "a weight more": without_checksum(lambda data: data["state_dict"].update({"model.more": torch.zeros(1)})),
    "a weight of another shape": weight(lambda value: value[:1]),
    "NaN": weight(_put_nan),
    "infinity": weight(lambda value: value.fill_(float("inf"))),
    "whole numbers": weight(lambda value: value.long()),
    "half precision": weight(lambda value: value.half()),
    "double precision": weight(lambda value: value.double()),
    "sparse": weight(lambda value: value.to_sparse()),
    "without numbers": weight(lambda value: value.to("meta")),
    "quantized": weight(lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8)),
    "repeated": weight(lambda value: torch.zeros(1).expand(value.shape)),
    "a terabyte": weight(lambda value: torch.zeros(1).expand(2**40)),
}
"""Changes that every command that reads the network meets."""

RUN: dict[str, Change] = {
    **{name: NETWORK[name] for name in ("model is a list", "planes too wide", "an argument more", "NaN", "no weights")},
    "no loss": cut("pointnc.config.loss"),
    "loss is null": put("loss", None),
    "loss without a name": put("loss", {}),
    "trainer is a list": put("trainer", []),
    "callbacks is a list": put("callbacks", [1]),
    "a callback is a word": put("callbacks", {"mine": "x"}),
    "insertion is a word": put("insertion", "tail"),
    "logger without a name": put("logger", {"name": "x"}),
    "choice is a word": put("choice", "x"),
    "augmentation is null": put("augmentation", None),
    "mixing is a word": put("augmentation.mix_probability", "often"),
    "split is a list": put("dataset.train_split", ["train"]),
    "batch without end": put("batch_size", 10**9),
    "processes without end": put("workers", 10**6),
    "optimizer's argument": put("optimizer.lr", [1]),
    "schedule's argument": put("schedule.power", "x"),
    "augmentation's argument": put("augmentation.transforms.steps.rotate.degrees", "x"),
    "regularizer's argument": put("regularizer.momentum", "x"),
    "epoch is a word": top("epoch", "x"),
    "loops is a list": top("loops", [1]),
    "loops of another kind": top("loops", {"fit_loop": {"state_dict": 5}}),
    "no state of the optimizer": top("optimizer_states", []),
    "state of the optimizer is a list": top("optimizer_states", [[1]]),
    "optimizer of another network": without_checksum(
        lambda data: data["optimizer_states"][0]["state"][0].update(exp_avg=torch.zeros(3))
    ),
    "callbacks' state is a list": top("callbacks", [1]),
    "curves are words": lambda data: data["callbacks"]["History"].update(curves={"loss": ["x"]}),
    "no place": lambda data: data["RunData"].pop("place"),
    "a place beyond the epoch": lambda data: data["callbacks"]["SaveCheckpoints"].update(place=[0, 99]),
    "random state of another kind": without_checksum(
        lambda data: data["callbacks"]["SaveCheckpoints"].update(random={"cpu": torch.zeros(3), "cuda": None})
    ),
    "losses of words": lambda data: data["callbacks"]["EpochLosses"].update(sums={"loss": "x"}),
    "version of Lightning is a number": top("pytorch-lightning_version", 2),
}
"""Changes that only going on with the run meets."""


@pytest.mark.parametrize("name", NETWORK)
def test_a_malformed_checkpoint_gets_a_line(finished: Path, tmp_path: Path, name: str) -> None:
    path = send(finished / "run", tmp_path, NETWORK[name])
    done = run("pointnc.evaluate", f"checkpoint={path}", "accelerator=cpu", folder=tmp_path, code=2)
    assert_line(done.stderr, path)


@pytest.mark.parametrize("name", RUN)
def test_a_run_that_cannot_go_on_gets_a_line(finished: Path, tmp_path: Path, name: str) -> None:
    path = send(finished / "run", tmp_path, RUN[name])
    done = run("pointnc.train", f"resume={path}", "trainer.max_epochs=2", folder=tmp_path, code=2)
    assert_line(done.stderr)


def _tensors(path: Path) -> list[tuple[int, int]]:
    """Return (offset, size) of each tensor's numbers in a file."""
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if "/data/" in member.filename and member.file_size]
        content = path.read_bytes()
        return [
            (content.index(archive.read(member), member.header_offset), member.file_size)
            for member in members
            if member.file_size >= 64
        ]


@pytest.mark.parametrize("earlier", [False, True], ids=["checksum", "earlier version"])
def test_no_damage_goes_unnoticed(finished: Path, tmp_path: Path, earlier: bool) -> None:
    """One flipped bit in each tensor, the optimizer's among them, and once a block of zeros."""
    change: Change = without_checksum(lambda data: None) if earlier else (lambda data: None)
    path = send(finished / "run", tmp_path, change)
    whole = path.read_bytes()
    read_checkpoint(path)
    places = _tensors(path)
    assert len(places) > 20
    for number, (start, size) in enumerate(places):
        damaged = bytearray(whole)
        damaged[start + (number * 37) % size] ^= 1 << number % 8
        path.write_bytes(damaged)
        with raises("damaged-file", "last.ckpt"):
            read_checkpoint(path)
    start, size = max(places, key=lambda place: place[1])
    path.write_bytes(whole[:start] + bytes(size) + whole[start + size :])
    with raises("damaged-file", "last.ckpt"):
        load_trained(path, "cpu")
    with raises("damaged-file", "last.ckpt"):
        read_state(path)


def test_a_packed_archive_is_not_unpacked(finished: Path, tmp_path: Path) -> None:
    path = finished / "run" / "checkpoints" / "last.ckpt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "a.ckpt", "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            target.writestr(member.filename, source.read(member))
    for read in (read_checkpoint, read_state):
        with raises("damaged-file", "a.ckpt", "packed"):
            read(tmp_path / "a.ckpt")


def test_old_formats_of_torch_are_not_read(finished: Path, tmp_path: Path) -> None:
    data = torch.load(finished / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    torch.save(data, tmp_path / "a.ckpt", _use_new_zipfile_serialization=False)
    with raises("damaged-file", "a.ckpt"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_the_checksum_is_of_places_types_shapes_and_bytes() -> None:
    value = torch.arange(13, dtype=torch.float32)
    first = checksum({"a": [value, {"b": torch.tensor(True)}]})
    assert first == checksum({"c": "other", "a": (value.clone(), {"b": torch.tensor(True)})})
    others = ([value, {"b": torch.tensor(False)}], [value[None], {"b": torch.tensor(True)}], [{"b": value}])
    assert len({first, *(checksum({"a": other}) for other in others), checksum({"a": value.double()})}) == 5
    assert checksum({"a": value[::2]}) == checksum({"a": value[::2].clone()})


def test_tensors_are_found_in_a_mapping_that_holds_itself() -> None:
    node: dict[str, Any] = {"a": torch.zeros(1)}
    node["b"] = node
    assert [name for name, _ in tensors_in(node)] == ["a"]


@pytest.mark.parametrize("name", ["NaN", "sparse", "without numbers", "quantized"])
def test_foreign_weights_must_be_dense_and_finite(finished: Path, tmp_path: Path, name: str) -> None:
    path = send(finished / "run", tmp_path, NETWORK[name])
    done = run("pointnc.weights", f"import={path}", "out=out", folder=tmp_path, code=2)
    code = "not-finite" if name == "NaN" else "unsupported"
    assert_mistake(done, code, path, "stem.convolution.weight")
