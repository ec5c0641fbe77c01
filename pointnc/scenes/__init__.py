"""What a scan is: scenes, label sets, the scene store and the readers of mesh files."""

from pointnc.scenes.scene import Scene
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy

__all__ = ["Scene", "SceneStore", "Taxonomy"]
