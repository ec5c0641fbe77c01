"""What a furnished room is: labeled meshes, and what each of them rests on."""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.rooms.shapes import Mesh

KINDS = ("office", "bedroom", "kitchen", "bathroom", "living room", "corridor")
CONTACTS = ("floor", "top", "wall", "ceiling", "structure")


@dataclass(frozen=True)
class PlacedObject:
    """One object of a room.

    Attributes:
        label: ScanNet200 class name, which is also the raw category.
        mesh: its surface in the room's coordinates.
        support: index in ``Room.objects`` of what it rests or hangs on; None for walls, floor and ceiling.
        contact: how it touches its support: "floor" (stands on the floor), "top" (rests on another object),
            "wall" (fixed to a wall), "ceiling" (hangs from it); "structure" for the walls, floor and ceiling.
    """

    label: str
    mesh: Mesh
    support: int | None
    contact: str


@dataclass(frozen=True)
class Room:
    """A furnished room that occupies [0, x] x [0, y] x [0, z] meters, its floor at z = 0.

    Attributes:
        name: the scene's name.
        kind: one of :data:`KINDS`.
        size: extent along x, y and z in meters.
        objects: the walls, floor and ceiling first; every support stands before what it carries.
    """

    name: str
    kind: str
    size: tuple[float, float, float]
    objects: tuple[PlacedObject, ...]
