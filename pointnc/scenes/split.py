"""A split of a store as a sequence of scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, overload

from pointnc.errors import UserError
from pointnc.scenes.scene import Scene
from pointnc.scenes.taxonomy import Taxonomy


class Holder(Protocol):
    """What a split asks of the store that holds it, a :class:`~pointnc.scenes.store.SceneStore`."""

    @property
    def root(self) -> Path:
        """Its folder."""

    def scenes(self, split: str) -> list[str]:
        """Return the names of the scenes of a split."""

    def load(self, split: str, name: str, segment: str | None = None) -> Scene:
        """Return a scene."""

    def check_taxonomy(self, taxonomy: Taxonomy) -> None:
        """Raise UserError if it has other classes."""


class Split:
    """The scenes of a split, each loaded when it is asked for, by number, by name or one after the other.

    Args:
        store: that holds them.
        name: "train", "val", "test"...
        segment: which label array becomes a scene's ``semantic``; None for no labels.
        names: some of its scenes; None for all, sorted.

    Attributes:
        names: of the scenes.

    Raises:
        UserError: the split is missing or empty.
    """

    def __init__(self, store: Holder, name: str, segment: str | None, names: Sequence[str] | None = None) -> None:
        self.store, self.name, self.segment = store, name, segment
        self.names = store.scenes(name) if names is None else list(names)

    def labeled(self, segment: str | None) -> Split:
        """Return the same scenes with other labels, for example "segment20"."""
        return Split(self.store, self.name, segment, self.names)

    def __len__(self) -> int:
        """Return the number of scenes."""
        return len(self.names)

    @overload
    def __getitem__(self, which: int | str) -> Scene: ...

    @overload
    def __getitem__(self, which: slice) -> Split: ...

    def __getitem__(self, which: int | str | slice) -> Scene | Split:
        """Return a scene by its place or its name, or some of the scenes.

        Raises:
            IndexError: there are not so many.
            UserError: there is none of this name, or its files are damaged.
        """
        if isinstance(which, slice):
            return Split(self.store, self.name, self.segment, self.names[which])
        if isinstance(which, str) and which not in self.names:
            raise UserError(
                f"{self.store.root / self.name} has no scene {which}; it has {len(self)}: "
                f"{', '.join(self.names[:3])}{', ...' if len(self) > 3 else ''}",
                code="missing-scene",
            )
        name = which if isinstance(which, str) else self.names[which]
        return self.store.load(self.name, name, self.segment).validate()

    def __iter__(self) -> Iterator[Scene]:
        """Load one scene after the other."""
        return (self[name] for name in self.names)

    def __repr__(self) -> str:
        return f"Split({self.store.root / self.name}, {len(self)} scenes, labels: {self.segment})"
