"""A split of a store as a sequence of scenes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pointnc.scenes.scene import Scene

if TYPE_CHECKING:
    from pointnc.scenes.store import SceneStore


class Split:
    """The scenes of a split, each loaded when it is asked for, by number, by name or one after the other.

    Args:
        store: that holds them.
        name: "train", "val", "test"...
        segment: which label array becomes a scene's ``semantic``; None for no labels.

    Attributes:
        names: of the scenes, sorted.

    Raises:
        UserError: the split is missing or empty.
    """

    def __init__(self, store: SceneStore, name: str, segment: str | None) -> None:
        self.store, self.name, self.segment = store, name, segment
        self.names = store.scenes(name)

    def labeled(self, segment: str | None) -> Split:
        """Return the same scenes with other labels, for example "segment20"."""
        return Split(self.store, self.name, segment)

    def __len__(self) -> int:
        """Return the number of scenes."""
        return len(self.names)

    def __getitem__(self, which: int | str) -> Scene:
        """Return a scene by its place or its name.

        Raises:
            IndexError: there are not so many.
            UserError: there is none of this name, or its files are damaged.
        """
        name = which if isinstance(which, str) else self.names[which]
        return self.store.load(self.name, name, self.segment).validate()

    def __iter__(self) -> Iterator[Scene]:
        """Load one scene after the other."""
        return (self[name] for name in self.names)

    def __repr__(self) -> str:
        return f"Split({self.store.root / self.name}, {len(self)} scenes, labels: {self.segment})"
