"""Which distributions are installed, and whether those of spconv get in one another's way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import distributions

from pointnc.environment.finding import Finding

REQUIRED = ("torch", "numpy", "numba", "pytorch-lightning", "hydra-core", "safetensors", "setuptools")
EXTRAS = {"open3d": "view", "huggingface-hub": "hub", "wandb": "wandb", "hydra-submitit-launcher": "slurm"}
"""Optional distribution to the extra of pointnc that brings it."""

CUDA_BUILD = re.compile(r"(?:spconv|cumm)-cu(\d{2})(\d)")
DEFAULT_BUILD = "spconv-cu118"
INSTALL = f"pip install {DEFAULT_BUILD}"


def installed() -> dict[str, str]:
    """Return every installed distribution, its name in lower case with dashes, and its version."""
    return {
        re.sub(r"[-_.]+", "-", str(found.metadata["Name"])).lower(): str(found.version)
        for found in distributions()
        if found.metadata["Name"]
    }


def check_packages(packages: Mapping[str, str]) -> list[Finding]:
    """Report required and optional packages by name and version."""
    findings = []
    for name in REQUIRED:
        if name in packages:
            findings.append(Finding(name, packages[name]))
        else:
            findings.append(Finding(name, "not installed", "problem", f"pip install {name}"))
    for name, extra in EXTRAS.items():
        text = packages.get(name, "not installed (optional)")
        remedy = "" if name in packages else f"pip install 'pointnc[{extra}]'"
        findings.append(Finding(name, text, remedy=remedy))
    return findings


def check_spconv(packages: Mapping[str, str], driver: tuple[int, int] | None = None) -> list[Finding]:
    """Report which build of spconv there is, and whether several overwrite one another.

    Args:
        packages: distribution to version.
        driver: newest CUDA version that the driver knows, None without one. Without a driver the build that has no
            CUDA is a remark only: on a CPU pointnc computes by itself.
    """
    findings = []
    for family in ("spconv", "cumm"):
        found = [name for name in packages if re.fullmatch(rf"{family}(-cu\d+)?", name)]
        text = ", ".join(f"{name} {packages[name]}" for name in found) or "not installed"
        if not found:
            findings.append(Finding(family, text, "problem", INSTALL))
        elif len(found) > 1:
            again = "pip install --force-reinstall --no-deps " + next(
                (f"{name}=={packages[name]}" for name in found if name != family), found[0]
            )
            remedy = f"pip uninstall -y {' '.join(found)} && {again}"
            findings.append(Finding(family, f"{text}: they overwrite one another", "problem", remedy))
        elif found == [family]:
            remedy = f"pip uninstall -y spconv cumm && {INSTALL}"
            if driver is None:
                text += ": the build without CUDA; a CPU needs none, a CUDA device would"
                findings.append(Finding(family, text, "remark", remedy))
            else:
                text += ": the build without CUDA, which cannot train on the device that the driver is for"
                findings.append(Finding(family, text, "problem", remedy))
        else:
            findings.append(Finding(family, text))
    builds = {build_of(name) for name in packages} - {None}
    if len(builds) > 1:
        versions = " and ".join(sorted(f"{major}.{minor}" for major, minor in builds if major))  # type: ignore[misc]
        remedy = f"pip install --force-reinstall {next(name for name in packages if name.startswith('spconv-cu'))}"
        findings.append(Finding("spconv and cumm", f"built for CUDA {versions}", "problem", remedy))
    return findings


def spconv_build(packages: Mapping[str, str]) -> str:
    """Return the distribution of spconv for CUDA that is installed, the default one where there is none."""
    return next((name for name in packages if name.startswith("spconv-cu")), DEFAULT_BUILD)


def build_of(name: str) -> tuple[int, int] | None:
    """Return the CUDA version that a distribution of spconv or cumm was built for, None for any other."""
    match = CUDA_BUILD.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None
