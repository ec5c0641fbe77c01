"""What a checkpoint is, and how it is read: without running code from the file.

A checkpoint holds what Lightning needs to go on and, under ``pointnc``, the contract: format number, package
version, resolved configuration, taxonomy, the folder that its relative paths start from, and a checksum of all tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pointnc.errors import UserError
from pointnc.scenes.taxonomy import SCORES, Taxonomy
from pointnc.version import __version__
from pointnc.weights.archive import DamagedArchiveError, check_archive
from pointnc.weights.plain import check_type, plain, shown
from pointnc.weights.tensors import check_dense, check_values, checksum, first_difference, tensors_in

FORMAT = 1
KEY = "pointnc"

STATE = {
    "epoch": int,
    "global_step": int,
    "pytorch-lightning_version": str,
    "loops": Mapping,
    "callbacks": Mapping,
    "optimizer_states": list,
    "lr_schedulers": list,
}
"""What Lightning needs to go on, and of which type."""


def contract(config: Mapping[str, Any], taxonomy: Taxonomy) -> dict[str, Any]:
    """Return what a checkpoint says of itself, in plain types."""
    return {
        "format": FORMAT,
        "version": __version__,
        "config": dict(config),
        "taxonomy": taxonomy.to_dict(),
        "folder": str(Path.cwd()),
    }


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read.

    Attributes:
        path: where it is.
        config: the resolved configuration of the run; a store that was given relative to where the run stood, and is
            not below where we stand, is absolute.
        taxonomy: the classes in the order of the head's outputs.
        version: the package version that wrote it.
        precision: as Lightning names it, in which it was trained; "32-true" where the file does not say.
        data: all of it, as Lightning stores it.
        before_refit: the scores from before the classifier was fitted again (:mod:`pointnc.training.refit`), by their
            names; None where it was not.
    """

    path: Path
    config: dict[str, Any]
    taxonomy: Taxonomy
    version: str
    data: dict[str, Any]
    precision: str = "32-true"
    before_refit: dict[str, float | None] | None = None

    @property
    def model_state(self) -> dict[str, torch.Tensor]:
        """The state of the Segmentor alone."""
        prefix = "model."
        return {
            key.removeprefix(prefix): value for key, value in self.data["state_dict"].items() if key.startswith(prefix)
        }


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint onto the CPU; nothing in the file is executed, and nothing that it names is imported.

    Whoever builds parts of its configuration asks :func:`pointnc.weights.trust.check_parts` first.

    Raises:
        UserError: it is missing, damaged, or not written by pointnc.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "checkpoints" / "last.ckpt"
    if not path.is_file():
        raise UserError(
            f"no checkpoint at {path.absolute()}; give the path of a best.ckpt or last.ckpt", code="missing-file"
        )
    try:
        check_archive(path, tensors=False)
        data = torch.load(path, map_location="cpu", weights_only=True)
        own = data[KEY]
        if own["format"] > FORMAT:
            raise UserError(
                f"{path} was written by pointnc {shown(own['version'])}; upgrade pointnc ({__version__} here)",
                code="other-version",
            )
        _check_tensors(path, data, own.get("tensors"))
        return _contract(path, data, own)
    except UserError:
        raise
    except Exception as error:  # torch raises many kinds for a file that is none
        raise UserError(
            f"{path} is no pointnc checkpoint or is damaged ({_reason(error)}); a run folder or its best.ckpt or "
            "last.ckpt is expected",
            code="damaged-file",
        ) from None


def _contract(path: Path, data: dict[str, Any], own: Mapping[str, Any]) -> Checkpoint:
    """Return a checkpoint all of whose parts have the types that they must have."""
    try:
        config, taxonomy = plain(own["config"], "config"), plain(own["taxonomy"], "taxonomy")
        for name, value in (("config", config), ("taxonomy", taxonomy)):
            check_type(value, dict, name)
        _find_store(config, plain(own.get("folder"), "folder"))
        check_type(data["state_dict"], Mapping, "state_dict")
        for key, kind in STATE.items():
            if key in data:
                check_type(data[key], kind, key)
        for name, value in data["state_dict"].items():
            check_type(name, str, "a name in state_dict")
            if not name.endswith("_extra_state"):
                check_type(value, torch.Tensor, name)
        for name in ("callbacks", "optimizer_states", "lr_schedulers"):
            states = data.get(name) or []
            for state in states.values() if isinstance(states, Mapping) else states:
                check_type(state, Mapping, f"a part of {name}")
        precision = plain(own.get("precision", "32-true"), "precision")
        version = plain(own["version"], "version")
        before = plain(own.get("before_refit"), "before_refit")
        check_type(before, dict | None, "before_refit")
        if before is not None:  # of what an untrusted file has there, these alone go on
            before = {name: before.get(name) for name in SCORES}
            for name, value in before.items():
                check_type(value, float | None, f"before_refit.{name}")
        return Checkpoint(path, config, Taxonomy.from_dict(taxonomy), str(version), data, str(precision), before)
    except UserError as error:
        raise UserError(f"{path}: {error}", code=error.code) from None


def _find_store(config: dict[str, Any], folder: Any) -> None:
    """Make the path of the store absolute where it leads to nothing from here, but did from the folder of the run."""
    check_type(folder, str | None, "folder")
    dataset = config.get("dataset")
    if not folder or not isinstance(dataset, dict):
        return
    store = dataset.get("store")
    if not isinstance(store, str) or Path(store).is_dir():
        return
    there = Path(folder) / store
    if there.is_dir():
        config["dataset"] = {**dataset, "store": str(there)}


def _check_tensors(path: Path, data: Mapping[str, Any], written: Any) -> None:
    """See that all tensors, the optimizer's too, are plain ones and those that were written.

    Raises:
        UserError: a tensor is sparse, quantized, without numbers.
        DamagedArchiveError: they are not those that were written.
    """
    sizes = {}
    for name, tensor in tensors_in(data):
        check_dense(name, tensor, str(path))
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
    if sum(sizes.values()) > path.stat().st_size:
        raise DamagedArchiveError("it makes tensors that it does not hold")
    if written is None:  # an earlier version: the slower way
        check_archive(path, tensors=True)
    elif checksum(data) != written:
        raise DamagedArchiveError("its tensors are not those that were written")


def _reason(error: Exception) -> str:
    """Return the first line of what torch says, but not its advice to run what a file asks for."""
    if isinstance(error, KeyError):
        return f"it holds no {error}"
    text = str(error).strip()
    if "weights_only" in text:
        return "it is not what torch.save writes, or asks to run code, which is not done"
    return text.splitlines()[0] if text else type(error).__name__


def load_model_state(model: torch.nn.Module, checkpoint: Checkpoint, taxonomy: Taxonomy) -> None:
    """Load the weights into a model that is built for ``taxonomy``.

    Raises:
        UserError: see :func:`check_model_state`.
    """
    check_model_state(model, checkpoint, taxonomy)
    # A network that was built without memory takes the file's own tensors.
    assign = any(value.is_meta for value in model.state_dict().values())
    model.load_state_dict(checkpoint.model_state, assign=assign)


def check_model_state(model: torch.nn.Module, checkpoint: Checkpoint, taxonomy: Taxonomy) -> None:
    """Compare the weights with a model that is built for ``taxonomy``, with memory or without.

    Raises:
        UserError: taxonomy or architecture differ; the message names the first difference.
    """
    difference = checkpoint.taxonomy.difference(taxonomy)
    if difference:
        raise UserError(
            f"{checkpoint.path} was trained on other classes: {difference}; choose the dataset= it knows",
            code="other-taxonomy",
        )
    state, own = checkpoint.model_state, model.state_dict()
    if (found := first_difference(own, state)) is not None:
        name, mine, theirs = found
        raise UserError(
            f"{checkpoint.path} has another architecture: {name} is {theirs} there and {mine} here; "
            "choose the model= it was trained with",
            code="other-network",
        )
    check_values(own, state, str(checkpoint.path))
