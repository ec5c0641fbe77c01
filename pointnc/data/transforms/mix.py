"""The union of two scenes: an object is learned out of its context.

Paper: Nekrasov et al., Mix3D: Out-of-Context Data Augmentation for 3D Scenes, 3DV 2021.
"""

from __future__ import annotations

import numpy as np

from pointnc.scenes import Scene


def mix(first: Scene, second: Scene) -> Scene:
    """Return both scenes' points in one, the first's before the second's.

    Coordinates are laid over each other as they are, so both scenes should be centered. Instance numbers of the
    second count on from those of the first; what only one of the scenes has is left out. The origin is the
    first's.
    """
    ours, theirs = first.arrays(), second.arrays()
    if "instance" in ours and "instance" in theirs:
        after = ours["instance"].max(initial=-1).astype(np.int64) + 1
        theirs["instance"] = np.where(theirs["instance"] >= 0, theirs["instance"] + after, theirs["instance"])
    both = {key: np.concatenate([ours[key], theirs[key]]) for key in ours if key in theirs}
    return Scene(name=f"{first.name}+{second.name}", origin=first.origin, **both)
