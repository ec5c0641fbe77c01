"""From the transforms of a configuration to their versions on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pointnc.data import transforms
from pointnc.data.device import color, crop, elastic, geometry
from pointnc.data.device.step import DeviceTransform
from pointnc.data.transforms import Compose, Transform
from pointnc.errors import UserError

DEVICE_VERSIONS: dict[type, Callable[[Any], DeviceTransform]] = {
    transforms.CenterShift: geometry.CenterShift,
    transforms.ChromaticAutoContrast: color.ChromaticAutoContrast,
    transforms.ChromaticJitter: color.ChromaticJitter,
    transforms.ChromaticTranslation: color.ChromaticTranslation,
    transforms.ElasticDistortion: elastic.ElasticDistortion,
    transforms.RandomDropout: crop.RandomDropout,
    transforms.RandomFlip: geometry.RandomFlip,
    transforms.RandomJitter: geometry.RandomJitter,
    transforms.RandomRotate: geometry.RandomRotate,
    transforms.RandomScale: geometry.RandomScale,
    transforms.SphereCrop: crop.SphereCrop,
}
"""Class of a host transform to its device version. The very class: one derived from it may do something else."""


def device_steps(transform: Transform) -> tuple[DeviceTransform, ...]:
    """Return the device versions of a transform's steps, in their order.

    Args:
        transform: one transform or a (nested) :class:`~pointnc.data.transforms.Compose`. A class that is not among
            the package's own brings its device version by a method ``on_device()``.

    Raises:
        UserError: a transform has no device version.
    """
    if type(transform) is Compose:
        return tuple(version for step in transform.transforms for version in device_steps(step))
    on_device: Callable[[], DeviceTransform] | None = getattr(transform, "on_device", None)
    if on_device is not None:
        return (on_device(),)
    version = DEVICE_VERSIONS.get(type(transform))
    if version is None:
        raise UserError(
            f"device_transforms: {type(transform).__name__} cannot run on the device; leave it out, give it a method "
            "on_device(), or set device_transforms=false"
        )
    return (version(transform),)
