"""The one way from what training or publishing leaves on the disk to a trained network: :func:`open_source`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from pointnc.errors import UserError
from pointnc.models.segmentor import Segmentor
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.weights.card import ModelCard
from pointnc.weights.checkpoint import Checkpoint, check_model_state, read_checkpoint
from pointnc.weights.network import input_of, model_node, network_of
from pointnc.weights.published import read_weights, weights_file
from pointnc.weights.skeleton import check_card, skeleton

NO_STORE = "weights do not say where data are"


@dataclass(frozen=True)
class Source:
    """A trained network on the disk, read and compared with what its file says that it is.

    Attributes:
        path: the file.
        network: without its weights, which :meth:`build` gives it.
        node: the ``model`` node of a configuration that builds its backbone.
        state: of the Segmentor; of its backbone alone where there is no taxonomy.
        taxonomy: the classes of its outputs; None where the weights have no classifier.
        features: its input channels, names out of :data:`pointnc.data.features.CHANNELS`.
        voxel_size: edge in meters of the voxels that it was trained on.
        precision: in which it was trained, as Lightning names it.
        store: the scene store it was trained on, where the file says so.
        hint: how to come by that store.
        card: of published weights; None for a run's.
        checkpoint: of a run; None for published weights.
    """

    path: Path
    network: Segmentor
    node: Mapping[str, Any]
    state: Mapping[str, Tensor]
    taxonomy: Taxonomy | None
    features: tuple[str, ...]
    voxel_size: float
    precision: str = "32-true"
    store: str | None = None
    hint: str = NO_STORE
    card: ModelCard | None = None
    checkpoint: Checkpoint | None = None

    def build(self) -> Segmentor:
        """Return the network with its weights, on the CPU, in evaluation mode.

        Raises:
            UserError: it has no classifier.
        """
        if self.taxonomy is None:
            raise UserError(
                f"{self.path} has no classifier: train one on it with python -m pointnc.train weights={self.path}",
                code="no-classifier",
            )
        # A network that was built without memory takes the file's own tensors.
        assign = any(value.is_meta for value in self.network.state_dict().values())
        self.network.load_state_dict(dict(self.state), assign=assign)
        self.network.card = self.card
        return self.network.requires_grad_(True).eval()


def open_source(path: str | Path, trust: Collection[str] = (), download: bool = False) -> Source:
    """Read a trained network, whatever form it has.

    Args:
        path: a run folder, of which the best checkpoint is taken, else the last one; a checkpoint; a bundle of weights,
            a ``.safetensors`` file that pointnc wrote, or ``owner/name`` of a repository of the hub.
        trust: names of networks that are none of pointnc's and may be imported and built where a checkpoint asks.
        download: whether a repository may be fetched from the network; otherwise only the local cache is asked.

    Raises:
        UserError: nothing is there; or it is damaged or none of pointnc's; or it asks for what is not trusted.
    """
    return _published(path, download) if is_published(path) else _of_run(Path(path), trust)


def load(path: str | Path, download: bool = False, trust: Collection[str] = ()) -> Segmentor:
    """Return a trained network, ready to predict, on the CPU; for the arguments and errors see :func:`open_source`.

    The ``card`` of published weights says which input they expect, and ``card.taxonomy`` what their outputs mean.
    """
    return open_source(path, trust, download).build()


def is_published(path: str | Path) -> bool:
    """Whether a path means published weights rather than a run or its checkpoint."""
    path = Path(path)
    if path.is_dir():
        return not (path / "checkpoints").is_dir() and any(path.glob("*.safetensors"))
    return path.suffix == ".safetensors" or not (path.exists() or path.suffix)


def locate(path_or_hub_id: str | Path, download: bool = False) -> Path:
    """Return the file or folder that a path or the id of a repository names.

    Raises:
        UserError: there is none.
    """
    from pointnc.weights import hub

    path = Path(path_or_hub_id)
    if path.exists():
        return path
    if not hub.is_repository(str(path_or_hub_id)):
        raise UserError(f"no weights at {path.absolute()}", code="missing-file")
    if download:
        return hub.pull(str(path_or_hub_id))
    cached = hub.cached(str(path_or_hub_id))
    if cached is None:
        raise UserError(
            f"{path_or_hub_id} is neither a path nor in the local cache; python -m pointnc.weights "
            f"pull {path_or_hub_id} fetches it from the hub",
            code="missing-file",
        )
    return cached


def _published(path: str | Path, download: bool) -> Source:
    file = weights_file(locate(path, download))
    card, state = read_weights(file)
    check_card(card, state, str(file))
    return Source(
        file, skeleton(card), card.architecture.node(), state, card.taxonomy, card.features, card.voxel_size,
        card.precision, card=card,
    )  # fmt: skip


def read_run(path: Path) -> Checkpoint:
    """Read a checkpoint, or of a run folder the best one, else the last one; see :func:`read_checkpoint`."""
    best = path / "checkpoints" / "best.ckpt"
    return read_checkpoint(best if best.is_file() else path)


def _of_run(path: Path, trust: Collection[str]) -> Source:
    checkpoint = read_run(path)
    expected, network = input_of(checkpoint), network_of(checkpoint, trust)
    check_model_state(network, checkpoint, checkpoint.taxonomy)
    return Source(
        checkpoint.path, network, model_node(checkpoint, trust), checkpoint.model_state, checkpoint.taxonomy,
        expected.features, expected.voxel_size, checkpoint.precision, expected.store, expected.hint,
        checkpoint=checkpoint,
    )  # fmt: skip
