"""Payloads: what a checkpoint asks to call is not called and not even imported, whoever reads it."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pointnc.weights import trust
from pointnc.weights.trained import load_trained
from pointnc.weights.trust import table, trusted
from tests.helpers.changed_checkpoints import TINY, put, send
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_line, assert_mistake, raises

UNET = "pointnc.models.minkunet.MinkUNet"
SPAWN = "setuptools._distutils.spawn.spawn"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a user stands in: somebody else has left a module there, and Python looks for modules there."""
    (tmp_path / "evil_module.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('mark').touch()\nclass Net: pass\ndef make(*_, **__): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("EVIL", "evil_module.make")

    class Run:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "mark",)

    (tmp_path / "evil.pickle").write_bytes(pickle.dumps(Run()))
    yield tmp_path
    sys.modules.pop("evil_module", None)


def call(name: Any, /, **arguments: Any) -> dict[str, Any]:
    return {"_target_": name, **arguments}


MARK = "mark"  # in the folder where the command runs
PAYLOADS: dict[str, tuple[str, Any]] = {
    "spawn": ("dataset.prepare", call(SPAWN, cmd=["touch", MARK])),
    "spawn of the standard library": ("loss", call("distutils.spawn.spawn", cmd=["touch", MARK])),
    "urlretrieve": (
        "regularizer",
        call("urllib.request.urlretrieve", url="file:///etc/hostname", filename=MARK, _partial_=False),
    ),
    "a file written by pointnc": ("loss", call("pointnc.files.atomic.write_text", path=MARK, text="")),
    "a pickle": ("dataset.taxonomy", call("torch.load", f="evil.pickle", weights_only=False)),
    "a module of the current folder": ("model", call("evil_module.Net")),
    "a head of the current folder": ("head", call("evil_module.Net")),
    "an argument": ("model", call(UNET, planes=[8, 8], layers=[1, 1], block=call("evil_module.make"))),
    "a target in a list": ("model", call(UNET, planes=[8, call("evil_module.make")], layers=[1, 1])),
    "no target above": ("model", {"a": {"b": [call("evil_module.make")]}}),
    "nested partials": (
        "optimizer",
        call("torch.optim.AdamW", _partial_=True, lr=call("evil_module.make", _partial_=False)),
    ),
    "a partial": ("schedule", call("functools.partial", _args_=[call("evil_module.make")])),
    "get_class": ("model", call("hydra.utils.get_class", path="evil_module.Net")),
    "get_method": ("head", call("hydra.utils.get_method", path="evil_module.make")),
    "get_object": ("loss", call("hydra.utils.get_object", path="evil_module.make")),
    "instantiate": ("model", call("hydra.utils.instantiate", config=call("evil_module.make"))),
    "import_module": ("insertion", call("importlib.import_module", name="evil_module")),
    "a refit": ("refit", call("evil_module.make")),
    "a part in the place of a refit": (
        "refit",
        call("data_prep.rooms.store.make_store", root=MARK, train=1, val=1, seed=0),
    ),
    "exec": ("loss", call("builtins.exec", _args_=["open('mark', 'w')"])),
    "runpy": ("augmentation.transforms", call("runpy.run_path", path_name="evil_module.py")),
    "a callback": ("callbacks", {"mine": call("evil_module.Net")}),
    "a plugin": ("trainer", call("pytorch_lightning.Trainer", max_epochs=1, plugins=[call("evil_module.make")])),
    "a strategy": ("trainer", call("pytorch_lightning.Trainer", max_epochs=1, strategy="deepspeed_stage_3")),
    "a name out of the environment": ("model", call("${oc.env:EVIL}")),
    "a name out of the file": ("model", call("${dataset.name}")),
    "a decoded name": ("model", call("${oc.decode:evil_module.make}")),
    "the environment": ("dataset.hint", "${oc.env:HOME}"),
    "an interpolated key": ("model", {"${oc.env:EVIL}": 1, **call(UNET)}),
    "a list for a name": ("model", call(["evil_module.make"])),
    "a number for a name": ("head", call(7)),
    "an attribute of a class": ("model", call(f"{UNET}.load_state_dict", state_dict={})),
    "an attribute of a loss": ("loss", call("pointnc.losses.CrossEntropy.__init__.__globals__")),
    "a look-alike": ("model", call("pointnc.mod\u0435ls.minkunet.MinkUNet")),
    "a name with a line end": ("model", call(f"{UNET}\n")),
    "a part in a wrong place": (
        "callbacks",
        {"rooms": call("data_prep.rooms.store.make_store", root=MARK, train=1, val=1, seed=0)},
    ),
    "a part that makes rooms": ("loss", call("data_prep.rooms.store.make_store", root=MARK, train=1, val=1, seed=0)),
    "a logger that writes elsewhere": (
        "logger",
        call("pytorch_lightning.loggers.TensorBoardLogger", _partial_=True, name="../mark", version=""),
    ),
    "a logger that writes below the root": (
        "logger",
        call("pytorch_lightning.loggers.TensorBoardLogger", _partial_=True, name="a", sub_dir="mark"),
    ),
    "positional arguments": ("loss", call("pointnc.losses.CrossEntropy", _args_=[[1.0]])),
    "no recursion": ("model", call(UNET, planes=[8, 8], layers=[1, 1], _recursive_=False)),
    "a dataset that is a part": ("dataset", call("evil_module.make")),
}
READ = ("model", "head", "dataset.hint")
"""Places that are read by commands that only want the network."""


def assert_untouched(folder: Path) -> None:
    assert "evil_module" not in sys.modules
    assert not [path for path in (folder / "mark", folder / "run" / "mark") if path.exists()]


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_is_neither_run_nor_imported_when_a_run_goes_on(finished: Path, folder: Path, name: str) -> None:
    path = send(finished / "run", folder, put(*PAYLOADS[name]))
    done = run("pointnc.train", f"resume={path}", folder=folder, code=2)
    assert_untouched(folder)
    assert_line(done.stderr, path)
    assert sorted(file.name for file in path.parents[1].iterdir()) == ["checkpoints"]


@pytest.mark.parametrize("name", [name for name, (place, _) in PAYLOADS.items() if place in READ])
@pytest.mark.parametrize("command", ["evaluate", "weights"])
def test_a_payload_is_neither_run_nor_imported_when_a_network_is_read(
    finished: Path, folder: Path, command: str, name: str
) -> None:
    path = send(finished / "run", folder, put(*PAYLOADS[name]))
    if command == "evaluate":
        done = run("pointnc.evaluate", f"checkpoint={path}", "accelerator=cpu", folder=folder, code=2)
    else:
        start = (*TINY, f"dataset.store={finished / 'store'}", f"run_dir={folder / 'new'}", f"weights={path}")
        done = run("pointnc.train", *start, folder=folder, code=2)
    assert_untouched(folder)
    assert_line(done.stderr, path)


@pytest.mark.parametrize("tool", ["predict", "submit", "visualize", "analyze", "weights"])
def test_every_other_command_asks_first(finished: Path, folder: Path, tool: str) -> None:
    path = send(finished / "run", folder, put("model", call("evil_module.Net")))
    arguments = {
        "predict": (f"checkpoint={path}", "input=evil_module.py", "out=out"),
        "submit": (f"checkpoint={path}", "out=out.zip", "split=val"),
        "visualize": (f"checkpoint={path}", "html=out.html"),
        "analyze": (f"checkpoint={path}",),
        "weights": (f"export={path}", "out=out"),
    }
    done = run(f"pointnc.{tool}", *arguments[tool], folder=folder, code=2)
    assert_untouched(folder)
    assert_line(done.stderr, "evil_module.Net")


def test_a_file_cannot_trust_itself(finished: Path, folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        put("trust", ["evil_module.Net"])(data)
        put("callbacks", {"mine": call("evil_module.Net")})(data)

    done = run("pointnc.train", f"resume={send(finished / 'run', folder, change)}", folder=folder, code=2)
    assert_untouched(folder)
    assert_mistake(done, "unsafe-file", "callbacks.mine", "'evil_module.Net'", "trust=evil_module.Net", "last.ckpt")


def test_a_part_at_the_root_hides_nothing_below_it(finished: Path, folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["pointnc"]["config"] |= {"_target_": UNET, "model": call("evil_module.Net")}

    path = send(finished / "run", folder, change)
    for module, argument in (("pointnc.train", f"resume={path}"), ("pointnc.evaluate", f"checkpoint={path}")):
        assert_line(run(module, argument, folder=folder, code=2).stderr, path)
        assert_untouched(folder)


def test_a_data_set_is_made_only_where_the_command_line_asks_for_the_same(finished: Path, folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        rooms = call("data_prep.rooms.store.make_store", root=str(folder / "mark"), train=1, val=1, seed=0)
        put("dataset.prepare", rooms)(data)
        put("dataset.store", str(folder / "mark" / "store"))(data)

    path = send(finished / "run", folder, change)
    assert_mistake(
        run("pointnc.train", f"resume={path}", folder=folder, code=2), "not-a-store", "store", "dataset=rooms"
    )
    assert_untouched(folder)


def test_a_file_outside_of_a_run_folder_does_not_say_where_to_write(finished: Path, folder: Path) -> None:
    path = send(finished / "run", folder, lambda data: None).rename(folder / "last.ckpt")
    assert_mistake(run("pointnc.train", f"resume={path}", folder=folder, code=2), "bad-name", "run_dir=", "last.ckpt")
    run("pointnc.train", f"resume={path}", f"run_dir={folder / 'mine'}", "trainer.max_epochs=2", folder=folder)
    assert (folder / "mine" / "metrics.json").is_file()


OWN = """
from pytorch_lightning.callbacks import Callback

from pointnc.models.minkunet import MinkUNet


class Net(MinkUNet):
    pass


class Mark(Callback):
    pass
"""


def test_parts_of_ones_own_are_built_where_the_command_line_names_them(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_module.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    start = (*TINY, f"dataset.store={finished / 'store'}", "run_dir=run")
    own = ("model._target_=own_module.Net", "+callbacks.mine._target_=own_module.Mark")
    run("pointnc.train", *start, *own, folder=tmp_path)  # from the command line nothing is asked
    with raises("unsafe-file", "trust=own_module.Net", "best.ckpt"):
        load_trained(tmp_path / "run", "cpu")
    names = "own_module.Net,own_module.Mark"
    loaded = load_trained(tmp_path / "run", "cpu", trust=trusted(names))
    assert type(loaded.model.backbone).__name__ == "Net"
    run("pointnc.evaluate", "checkpoint=run", "trust=own_module.Net", "accelerator=cpu", folder=tmp_path)
    assert_mistake(
        run("pointnc.train", "resume=run", folder=tmp_path, code=2), "unsafe-file", "trust=own_module", "last.ckpt"
    )
    run("pointnc.train", "resume=run", "trainer.max_epochs=2", f"trust={names}", folder=tmp_path)
    again = (*start, *own, "resume=auto", "trainer.max_epochs=3")
    run("pointnc.train", *(part for part in again if part != "trainer.max_epochs=1"), folder=tmp_path)


def test_data_that_have_moved_are_found_by_data_root(finished: Path, folder: Path) -> None:
    change = put("data_root", "gone")
    path = send(finished / "run", folder, lambda data: (change(data), put("dataset.store", "gone/store")(data)))
    assert_mistake(
        run("pointnc.train", f"resume={path}", folder=folder, code=2), "not-a-store", "store", "dataset=rooms"
    )
    run("pointnc.train", f"resume={path}", f"data_root={finished}", "trainer.max_epochs=2", folder=folder)


def test_the_table_is_that_of_the_configuration() -> None:
    known = table()
    assert known["loss"].keys() >= {"pointnc.losses.CrossEntropy", "pointnc.losses.DiceLoss"}
    assert known["optimizer"]["torch.optim.AdamW"].partial and not known["trainer"]["pytorch_lightning.Trainer"].partial
    assert "pointnc.models.MinkUNet" in known["model"] and "callbacks" not in known
    assert not any("make_views" in target for targets in known.values() for target in targets)  # of a tool


def test_trust_takes_names() -> None:
    assert trusted(None) == frozenset() and trusted("a.B, c.D") == trusted(["a.B", "c.D"]) == {"a.B", "c.D"}
    with raises("option", "trust", "trust=mine.Network,mine.Loss"):
        trusted([7])
    assert trust.OUTWARD == ("trainer", "logger")


def test_torch_saves_no_module_that_is_asked_for(finished: Path, folder: Path) -> None:
    path = send(finished / "run", folder, lambda data: data.update(extra=torch.nn.Linear(1, 1)))
    assert_mistake(run("pointnc.train", f"resume={path}", folder=folder, code=2), "damaged-file", "last.ckpt")
