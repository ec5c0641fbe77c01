"""Label sets: the classes of a data set in the order in which a network is trained on them."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.errors import UserError
from pointnc.scenes.scene import IGNORE, Scene
from pointnc.untrusted.yaml_file import read_yaml

GROUPS = ("head", "common", "tail")
SCORES = ("miou", *GROUPS)
"""The scores that every table begins with, by their names in files."""

LARGEST_ID = 2**24 - 1
MOST_CLASSES = 2**15 - 1
"""What the label arrays of a store, int16, can tell apart."""

COLUMNS = {"name": "names", "id": "ids", "color": "colors", "group": "groups"}
"""Key of a class in a yaml's list ``classes`` to the attribute of :class:`Taxonomy`."""


@dataclass(frozen=True)
class Taxonomy:
    """K classes in train order.

    Attributes:
        name: name of the label set; the store keeps labels as ``segment<suffix>.npy`` (see ``segment``).
        names: K class names.
        ids: K ids as they stand in label files; any non-negative integers, no two equal.
        colors: K RGB triples, 0-255.
        groups: K of "head", "common", "tail", or "" where the set knows no groups.
        segment: name of the store's label array, for example "segment200".
        train_only: indices of the classes that the validation split of the benchmark lacks.
    """

    name: str
    names: tuple[str, ...]
    ids: tuple[int, ...]
    colors: tuple[tuple[int, int, int], ...]
    groups: tuple[str, ...]
    segment: str = "segment"
    train_only: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        K = len(self.names)
        for key in ("ids", "colors", "groups"):
            if len(getattr(self, key)) != K:
                raise UserError(f"taxonomy {self.name}: {len(getattr(self, key))} {key} for {K} names", code="taxonomy")
        if not 0 < K <= MOST_CLASSES:
            raise UserError(
                f"taxonomy {self.name} has {K or 'no'} classes; up to {MOST_CLASSES} can be stored", code="taxonomy"
            )
        for key in ("ids", "names"):
            values = getattr(self, key)
            if len(set(values)) != K:
                twice = Counter(values).most_common(1)[0][0]
                raise UserError(f"taxonomy {self.name}: {key} lists {twice!r} twice", code="taxonomy")
        if not all(0 <= index < K for index in self.train_only):
            raise UserError(f"taxonomy {self.name}: train_only goes beyond its {K} classes", code="taxonomy")
        if min(self.ids) < 0:
            raise UserError(f"taxonomy {self.name}: negative id {min(self.ids)}", code="taxonomy")
        if max(self.ids) > LARGEST_ID:
            raise UserError(
                f"taxonomy {self.name}: id {max(self.ids)} is above {LARGEST_ID}; number the classes again",
                code="taxonomy",
            )
        for name, color in zip(self.names, self.colors):
            if not all(0 <= value <= 255 for value in color):
                raise UserError(
                    f"taxonomy {self.name}: the color {list(color)} of {name!r} goes beyond 0 to 255", code="taxonomy"
                )
        # It becomes the name of a file in the store: nothing that leads elsewhere.
        if not re.fullmatch(r"segment\w*", self.segment):
            raise UserError(
                f"taxonomy {self.name}: segment is {self.segment!r}; it must be 'segment', or begin so", code="taxonomy"
            )
        unknown = set(self.groups) - {*GROUPS, ""}
        if unknown:
            raise UserError(
                f"taxonomy {self.name}: unknown group {sorted(unknown)[0]!r}; use {', '.join(GROUPS)}", code="taxonomy"
            )

    def __len__(self) -> int:
        """Return the number of classes K."""
        return len(self.names)

    @cached_property
    def _index_of_id(self) -> NDArray[np.int32]:
        table = np.full(max(self.ids) + 2, IGNORE, np.int32)
        table[list(self.ids)] = np.arange(len(self), dtype=np.int32)
        return table

    def encode(self, ids: NDArray[Any]) -> NDArray[np.int32]:
        """Return the train index of each id, -1 for an id outside the set."""
        table = self._index_of_id
        inside = (ids >= 0) & (ids < len(table) - 1)
        return table[np.where(inside, ids, len(table) - 1)]

    def decode(self, index: NDArray[Any], ignore_id: int = 0) -> NDArray[np.int32]:
        """Return the id of each train index, ``ignore_id`` where the index is -1."""
        return np.append(np.array(self.ids, np.int32), np.int32(ignore_id))[index]

    def check_labels(self, scene: Scene) -> Scene:
        """Return a scene whose labels, if it has any, are train indices of this set or -1.

        Raises:
            UserError: a label is below -1, or K or more; the message names the scene.
        """
        if scene.semantic is None or len(scene.semantic) == 0:
            return scene
        low, high = int(scene.semantic.min()), int(scene.semantic.max())
        if low < IGNORE:
            raise UserError(
                f"scene {scene.name} has label {low} in {self.segment}.npy, where {IGNORE} alone means no class; "
                "prepare the store again",
                code="unknown-label",
            )
        if high >= len(self):
            raise UserError(
                f"scene {scene.name} has label {high}, but {self.name} has {len(self)} classes; "
                "choose another dataset= or prepare the store again",
                code="unknown-label",
            )
        return scene

    def members(self, group: str) -> NDArray[np.int64]:
        """Return the indices of the classes of a group."""
        return np.flatnonzero(np.array(self.groups) == group)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types only, as a checkpoint and a manifest hold them."""
        return {
            "name": self.name,
            "segment": self.segment,
            "names": list(self.names),
            "ids": list(self.ids),
            "colors": [list(color) for color in self.colors],
            "groups": list(self.groups),
            "train_only": list(self.train_only),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Taxonomy:
        """Build a taxonomy from what :meth:`to_dict` wrote, or from a yaml mapping.

        Either ``names``, ``ids``, ``colors`` and ``groups`` are lists of K, or ``classes`` is one of K mappings with
        the keys ``name``, ``id``, ``color`` and ``group``. Names alone are required: ids count from 0, colors are
        spread over the hue circle.

        Raises:
            UserError: a key is missing or malformed.
        """
        if isinstance(data, Mapping) and "classes" in data:
            data = _by_column(data)
        listed = data.get("names") if isinstance(data, Mapping) else None
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise UserError("a taxonomy needs a list 'names'", code="taxonomy")
        count = len(listed)
        try:
            return cls(
                name=_text(data.get("name", "custom")),
                names=tuple(map(_text, listed)),
                ids=tuple(map(_whole, _listed(data, "ids") or range(count))),
                colors=tuple(map(_color, _listed(data, "colors") or spread_colors(count))),
                groups=tuple(map(_text, _listed(data, "groups") or [""] * count)),
                segment=_text(data.get("segment", "segment")),
                train_only=tuple(map(_whole, _listed(data, "train_only"))),
            )
        except (TypeError, ValueError) as error:
            raise UserError(
                f"malformed taxonomy {data.get('name', 'custom')!s:.60}: {error}", code="taxonomy"
            ) from error

    @classmethod
    def from_yaml(cls, path: str | Path) -> Taxonomy:
        """Read a taxonomy file.

        Raises:
            UserError: the file is missing or malformed.
        """
        try:
            return cls.from_dict(read_yaml(path, "taxonomy file", "write it as python -m data_prep.taxonomy does"))
        except FileNotFoundError:
            raise UserError(f"taxonomy file {path} does not exist", code="missing-file") from None

    def difference(self, other: Taxonomy) -> str | None:
        """Say in half a sentence how ``other`` differs in what a label means, or None where it does not."""
        if len(self) != len(other):
            return f"{len(self)} classes ({self.name}) against {len(other)} ({other.name})"
        for index, (mine, theirs) in enumerate(zip(zip(self.names, self.ids), zip(other.names, other.ids))):
            if mine != theirs:
                return f"class {index} is {mine[0]!r} (id {mine[1]}) against {theirs[0]!r} (id {theirs[1]})"
        return None


def _listed(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    values = data.get(key)
    if values is None:
        return ()
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise TypeError(f"{key!r} is no list")
    return values


def _text(value: Any) -> str:
    if not isinstance(value, (str, int, float, bool)):
        raise TypeError(f"{value!r:.60} is no name")
    return str(value)


def _whole(value: Any) -> int:
    """Return a whole number that may be spelled as a text or as 3.0."""
    if isinstance(value, str) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    if isinstance(value, bool):
        raise TypeError(f"{value} is no whole number")
    return operator.index(value)


def _color(value: Any) -> tuple[int, int, int]:
    red, green, blue = map(_whole, value)
    return red, green, blue


def _by_column(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a taxonomy that is written class by class as lists of names, ids, colors and groups."""
    rows = data["classes"]
    name = data.get("name", "custom")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not all(isinstance(row, Mapping) for row in rows):
        raise UserError(
            f"taxonomy {name}: 'classes' is no list of classes such as {{id: 1, name: wall}}", code="taxonomy"
        )
    for number, row in enumerate(rows):
        unknown = [key for key in row if key not in COLUMNS]
        if unknown or "name" not in row:
            wrong = f"an unknown key {unknown[0]!r}" if unknown else "no name"
            raise UserError(
                f"taxonomy {name}: class {number} has {wrong}; the keys are {', '.join(COLUMNS)}", code="taxonomy"
            )
    columns: dict[str, Any] = {"names": [row["name"] for row in rows]}
    colors = spread_colors(len(rows))
    missing: dict[str, Any] = {"id": None, "color": None, "group": ""}
    for key, default in missing.items():
        given = [row.get(key, default) for row in rows]
        if key == "id" and None in given:
            if any(value is not None for value in given):
                raise UserError(
                    f"taxonomy {name}: {rows[given.index(None)]['name']!r} has no id, but others have one",
                    code="taxonomy",
                )
            continue
        spares = colors if key == "color" else [default] * len(rows)
        columns[COLUMNS[key]] = [spare if value is None else value for value, spare in zip(given, spares)]
    return {**{key: value for key, value in data.items() if key != "classes"}, **columns}


def spread_colors(count: int) -> list[tuple[int, int, int]]:
    """Return ``count`` RGB colors around the hue circle, neighbors in the list far apart in hue."""
    import colorsys

    golden = 0.618034
    return [
        tuple(int(255 * x) for x in colorsys.hsv_to_rgb(i * golden % 1, 0.55 + 0.4 * (i % 3) / 2, 0.9))  # type: ignore[misc]
        for i in range(count)
    ]
