"""Which distributions are installed, and whether those of spconv get in one another's way."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib.metadata import distributions

from pointnc.environment.finding import Finding, Level

REQUIRED = ("torch", "numpy", "numba", "pytorch-lightning", "hydra-core", "safetensors")
EXTRAS = {"open3d": "view", "huggingface-hub": "hub", "wandb": "wandb", "hydra-submitit-launcher": "slurm"}
"""Optional distribution to the extra of pointnc that brings it."""

CUDA_BUILD = re.compile(r"(?:spconv|cumm)-cu(\d{2})(\d)")
DEFAULT_BUILD = "spconv-cu118"
INSTALL = f"pip install {DEFAULT_BUILD}"
FAMILY = r"{}(-cu\d+)?"
OLDEST = (2, 3, 8)
"""Version of spconv; those before it are reported to die of SIGFPE (traveller59/spconv 725, 743)."""
TORCH_ENGINE = "model.engine=torch"
"""The setting with which a network computes on a device that spconv does not serve."""


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


def check_spconv(
    packages: Mapping[str, str], driver: tuple[int, int] | None = None, wheels: bool = True
) -> list[Finding]:
    """Report which build of spconv there is, and whether several overwrite one another.

    Args:
        packages: distribution to version.
        driver: newest CUDA version that the driver knows, None without one. Without a driver a build that has no CUDA,
            or none at all, is no problem: on a CPU pointnc computes by itself.
        wheels: whether spconv has wheels for this platform.
    """
    if not any(re.fullmatch(FAMILY.format("spconv"), name) for name in packages):
        return [_no_spconv(driver, wheels)]
    findings = []
    for family in ("spconv", "cumm"):
        found = [name for name in packages if re.fullmatch(FAMILY.format(family), name)]
        text = ", ".join(f"{name} {packages[name]}" for name in found) or "not installed"
        if not found:
            remedy = f"pip install --force-reinstall {spconv_build(packages)}"
            findings.append(Finding(family, text, "problem", remedy))
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
        elif family == "spconv" and _numbers(packages[found[0]]) < OLDEST:
            text += f": reported to crash before {'.'.join(map(str, OLDEST))}"
            level: Level = "remark" if driver is None else "problem"
            findings.append(Finding(family, text, level, replace_build(found[0])))
        else:
            findings.append(Finding(family, text))
    builds = {build_of(name) for name in packages} - {None}
    if len(builds) > 1:
        versions = " and ".join(sorted(f"{major}.{minor}" for major, minor in builds if major))  # type: ignore[misc]
        remedy = f"pip install --force-reinstall {spconv_build(packages)}"
        findings.append(Finding("spconv and cumm", f"built for CUDA {versions}", "problem", remedy))
    return findings


def _no_spconv(driver: tuple[int, int] | None, wheels: bool) -> Finding:
    if driver is None:
        return Finding("spconv", "not installed: a CPU needs none, pointnc computes there by itself")
    text = f"not installed: on a CUDA device {TORCH_ENGINE} computes, slower"
    if wheels:
        return Finding("spconv", text, "remark", INSTALL)
    return Finding("spconv", f"{text}; there are no wheels for this platform", "remark", TORCH_ENGINE)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def has_wheels(system: str = "", machine: str = "") -> bool:
    """Return whether spconv-cu118 has wheels for a platform.

    Args:
        system: as ``platform.system()`` names it; "": this machine's.
        machine: as ``platform.machine()`` names it; "": this machine's.
    """
    return (system or platform.system()) in ("Linux", "Windows") and (machine or platform.machine()).lower() in (
        "x86_64",
        "amd64",
    )


def spconv_build(packages: Mapping[str, str]) -> str:
    """Return the distribution of spconv for CUDA that is installed, the default one where there is none."""
    return next((name for name in packages if name.startswith("spconv-cu")), DEFAULT_BUILD)


def replace_build(build: str) -> str:
    """Return the command that puts the default build of spconv in the place of another."""
    return f"pip uninstall -y {build} {build.replace('spconv', 'cumm')} && {INSTALL}"


def build_of(name: str) -> tuple[int, int] | None:
    """Return the CUDA version that a distribution of spconv or cumm was built for, None for any other."""
    match = CUDA_BUILD.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None
