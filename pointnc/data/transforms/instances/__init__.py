"""Changes of the instances of a scene, each by itself: what stands in a room varies more than the room does.

As in the recipe of Volt (arXiv 2604.19609): ``p`` is how likely a scene is changed at all; then each of its instances
draws its own numbers. Points of no instance stay, and a scene without instances stays as it is.
"""

from pointnc.data.transforms.instances.groups import InstanceTransform
from pointnc.data.transforms.instances.look import InstanceColorDrop, InstanceDropout
from pointnc.data.transforms.instances.moves import InstanceFlip, InstanceRotate, InstanceScale, InstanceShift
from pointnc.data.transforms.instances.swap import SwapInstances

__all__ = [
    "InstanceColorDrop",
    "InstanceDropout",
    "InstanceFlip",
    "InstanceRotate",
    "InstanceScale",
    "InstanceShift",
    "InstanceTransform",
    "SwapInstances",
]
