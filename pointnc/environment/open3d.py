"""Whether Open3D can be imported, and which system package it wants if not."""

from __future__ import annotations

import re

from pointnc.environment.finding import Finding

DEBIAN = {
    "libusb-1.0": "libusb-1.0-0",
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libGLX": "libglx0",
    "libOpenGL": "libopengl0",
    "libgomp": "libgomp1",
    "libX11": "libx11-6",
    "libXext": "libxext6",
    "libudev": "libudev1",
    "libtbb": "libtbb12",
    "libc++": "libc++1",
    "libc++abi": "libc++abi1",
    "libunwind": "libunwind8",
    "libomp": "libomp5",
    "libvulkan": "libvulkan1",
}
"""Library to the Debian package that has it."""


def check_open3d(error: str) -> Finding:
    """Judge what an attempt to import Open3D that failed left on the standard error."""
    missing = re.search(r"(lib[\w.+-]+?)\.so[\d.]*: cannot open shared object file", error)
    if missing:
        package = DEBIAN.get(missing[1])
        remedy = (
            f"apt-get install {package}" if package else f"apt-file search {missing[1]}.so, then apt-get install it"
        )
        return Finding("open3d", f"the system library {missing[1]} is missing", "problem", remedy)
    module = re.search(r"No module named '([\w.]+)'", error)
    if module:
        return Finding("open3d", f"the module {module[1]} is missing", "problem", f"pip install {module[1]}")
    last = (error.strip().splitlines() or ["it ended without a word"])[-1]
    return Finding("open3d", f"cannot be imported ({last[:200]})", "problem", "pip install --force-reinstall open3d")
