"""NVIDIA's driver, asked by itself: what torch cannot say where it was built without CUDA or for a newer driver."""

from __future__ import annotations

import ctypes
from typing import Any

Version = tuple[int, int]

LIBRARIES = ("libcuda.so.1", "nvcuda.dll")
"""The driver's library on Linux and on Windows."""

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute


def load_driver() -> Any:
    """Return the driver's library, None without one."""
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def driver_version(library: Any = None) -> Version | None:
    """Return the newest CUDA version that the installed driver knows, None without a driver.

    Args:
        library: the driver's library; None: the one of this machine.
    """
    library = library or load_driver()
    version = ctypes.c_int()
    try:
        if library is None or library.cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except AttributeError:  # a library of that name that is no driver
        return None
    return version.value // 1000, version.value % 1000 // 10


def driver_devices(library: Any = None) -> list[dict[str, Any]]:
    """Return the devices that the driver names, whatever torch can do with them; none where it cannot start.

    Args:
        library: the driver's library; None: the one of this machine.

    Returns:
        For each device ``name``, ``capability`` [major, minor] and ``memory`` in bytes.
    """
    library = library or load_driver()
    count = ctypes.c_int()
    try:
        if library is None or library.cuInit(0) != 0 or library.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return []
        return [_describe(library, number) for number in range(count.value)]
    except AttributeError:
        return []


def _describe(library: Any, number: int) -> dict[str, Any]:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    library.cuDeviceGet(ctypes.byref(device), number)
    library.cuDeviceGetName(name, len(name), device)
    library.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device)
    library.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, device)
    library.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return {
        "name": name.value.decode(errors="replace"),
        "capability": [major.value, minor.value],
        "memory": memory.value,
    }
