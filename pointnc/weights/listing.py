"""What weights there are, and what each of them is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml
from rich.table import Table
from rich.text import Text

from pointnc.commands.entry import config_folder
from pointnc.errors import UserError, printable
from pointnc.weights import hub
from pointnc.weights.architecture import Architecture
from pointnc.weights.card import ModelCard
from pointnc.weights.published import WEIGHTS, count_trained, read_card, read_sizes, weights_file
from pointnc.weights.source import locate


def find_weights(folder: Path) -> list[Path]:
    """Return the weights files below a folder and in the hub's cache that carry a card of pointnc.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"no folder at {folder.absolute()}", code="missing-file")
    found = sorted(path for path in folder.rglob("*.safetensors") if not _hidden(path.relative_to(folder)))
    cached = [bundle / WEIGHTS for bundle in hub.cached_bundles()]
    return [path for path in (*found, *cached) if _has_card(path)]


def weights_table(paths: Iterable[Path]) -> Table:
    """Return one row a file: what it is and what it wants."""
    table = Table(box=None, pad_edge=False)
    for heading in ("weights", "model", "million parameters", "input", "voxel", "classes", "source", "license"):
        table.add_column(heading, overflow="fold")
    for path in paths:
        card = read_card(path)
        cells = (
            str(path.parent if path.name == WEIGHTS else path),
            model_name(card.architecture),
            f"{_parameters(path) / 1e6:.2f}",
            ", ".join(card.features),
            f"{100 * card.voxel_size:g} cm",
            _classes(card),
            card.source,
            card.license,
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))  # an untrusted card is no markup
    if not table.row_count:
        table.caption = "no weights of pointnc here; import=FILE or export=RUN make some, pull OWNER/NAME fetches some"
    return table


def describe(path: str | Path) -> str:
    """Return the card of a file, bundle or pulled repository as lines of text.

    Raises:
        UserError: there is none.
    """
    file = weights_file(locate(path))
    card = read_card(file)
    taxonomy = card.taxonomy
    rows = {
        "model": f"{model_name(card.architecture)} ({_parameters(file):,} parameters)",
        "architecture": card.architecture.title,
        "input": f"{', '.join(card.features)}; voxels of {100 * card.voxel_size:g} cm",
        "classes": _classes(card) + (f": {', '.join(taxonomy.names[:5])}, …" if taxonomy else ""),
        "source": f"{card.source}, {card.origin} (sha256 {card.origin_sha256[:16]})",
        "license": card.license,
        "tensors": f"sha256 {card.sha256[:16]}; written by pointnc {card.version}",
    }
    lines = [f"{name + ':':14}{value}" for name, value in rows.items()]
    return "\n".join(map(printable, lines + [f"note:         {note}" for note in card.notes]))


def model_name(architecture: Architecture) -> str:
    """Return the ``model=`` choice that builds this backbone, or its name where none does."""
    free = ("in_channels",) if "channels" in architecture.arguments else ("in_channels", "out_channels")
    plan = {key: value for key, value in architecture.arguments.items() if key not in free}
    for file in sorted((config_folder() / "model").glob("*.yaml")):
        try:
            known = Architecture.of(yaml.safe_load(file.read_text(encoding="utf-8")), in_channels=1)
        except UserError:  # a user's own backbone beside ours
            continue
        plan.pop("batch_norm_momentum", None)  # of no account for what a network computes
        if known.name == architecture.name and known.arguments.items() >= plan.items():
            return file.stem
    return f"{architecture.name} of another size"


def _classes(card: ModelCard) -> str:
    return f"{len(card.taxonomy)} ({card.taxonomy.name})" if card.taxonomy else "none: a feature network"


def _parameters(path: Path) -> int:
    return count_trained(read_sizes(path))


def _has_card(path: Path) -> bool:
    try:
        read_card(path)
    except UserError:
        return False
    return True


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
