"""``classes.json``: what the ids in labeled clouds mean. It is beside them, and :mod:`pointnc.predict` writes it."""

from __future__ import annotations

from pathlib import Path

from pointnc.errors import UserError
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.untrusted.json_file import read_json_object

LEGEND = "classes.json"


def legend_beside(path: Path) -> Path | None:
    """Return the legend that belongs to a cloud, a scene's folder, or a folder of these; None where there is none."""
    plain_folder = path.is_dir() and not (path / "coord.npy").is_file()
    legend = (path if plain_folder else path.resolve().parent) / LEGEND
    return legend if legend.is_file() else None


def read_legend(path: Path) -> Taxonomy:
    """Return the classes of a legend: a mapping of id to ``name`` and ``color``, in train order.

    Raises:
        UserError: the file is malformed.
    """
    hint = "remove it, or give taxonomy="
    classes = read_json_object(path, hint)
    try:
        return Taxonomy.from_dict(
            {
                "name": LEGEND,
                "ids": [int(number) for number in classes],
                "names": [one["name"] for one in classes.values()],
                "colors": [one["color"] for one in classes.values()],
            }
        )
    except (ValueError, TypeError, KeyError, UserError) as error:
        why = f" ({error})" if isinstance(error, UserError) else ""
        raise UserError(
            f"{path} does not give ids the names and colors of classes, as pointnc.predict does{why}: {hint}",
            code="malformed",
        ) from None
