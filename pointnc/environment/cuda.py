"""Driver, devices, and whether the installed builds were made for them: judgments of facts, which ask nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pointnc.environment.builds import (
    DRIVER_RELEASES,
    Version,
    capabilities,
    code_for,
    dotted,
    install_torch,
    version_of,
)
from pointnc.environment.finding import Finding, Level
from pointnc.environment.packages import DEFAULT_BUILD, TORCH_ENGINE, build_of, replace_build

FIND_DEVICE = (
    "nvidia-smi must name the device: if it does not, install the driver again; in a container, docker run --gpus all"
)
CACHE = "CUDA_CACHE_MAXSIZE=4294967296 in the environment: all kernels then stay in the cache"


def check_driver(driver: Version | None, facts: Mapping[str, Any], build: str | None) -> list[Finding]:
    """Compare the driver with what torch and spconv were built for, and with the devices that torch can use.

    Args:
        driver: newest CUDA version that the driver knows; None without one.
        facts: of :func:`pointnc.environment.trial.trial`, as far as it came.
        build: the installed distribution of spconv; None without one.
    """
    if driver is None:
        others = facts.get("devices") or facts.get("mps")
        return [Finding("CUDA driver", "none" if others else "none: everything runs on the CPU")]
    findings = [Finding("CUDA driver", f"up to CUDA {dotted(driver)}")]
    if "torch" in facts:
        findings += _check_torch(driver, facts)
    made_for = build_of(build) if build is not None else None
    if build is not None and made_for is not None and made_for[0] > driver[0]:
        remedy = _update_driver(made_for)
        if build != DEFAULT_BUILD:
            remedy += f", or {replace_build(build)}"
        findings.append(_too_old("spconv", made_for, driver, remedy))
    return findings


def _check_torch(driver: Version, facts: Mapping[str, Any]) -> list[Finding]:
    seen = facts.get("driver_devices") or []
    capability = seen[0]["capability"] if seen else None
    command, made_for = install_torch(driver, capability), version_of(facts["torch_cuda"])
    if facts["torch_hip"] is not None and facts.get("devices"):
        return []
    if made_for is None:
        text = "built without CUDA, although there is a driver"
        if not seen:  # a login node, the image of a container, or a trial that did not come so far
            none = "; the driver names no device" if "driver_devices" in facts else ""
            return [Finding("torch", text + none, "remark", command)]
        return [Finding("torch", f"{text} and {seen[0]['name']}", "problem", command)]
    if made_for[0] > driver[0]:
        served = capability is None or code_for(capability, facts["torch_archs"])
        remedy = f"{_update_driver(made_for)}, or {command}" if served else command
        return [_too_old("torch", made_for, driver, remedy)]
    if facts.get("devices", True):  # not asked yet, or some
        return []
    if facts.get("visible") in ("", "-1"):
        text = "CUDA_VISIBLE_DEVICES hides all: everything runs on the CPU"
        return [Finding("CUDA devices", text, "remark", "unset CUDA_VISIBLE_DEVICES")]
    hidden = f" (CUDA_VISIBLE_DEVICES={facts['visible']})" if facts.get("visible") else ""
    text = f"torch can use none, although there is a driver{hidden}: {facts.get('cuda_error', 'it gives no reason')}"
    return [Finding("CUDA devices", text, "problem", FIND_DEVICE)]


def check_devices(facts: Mapping[str, Any], driver: Version | None = None) -> list[Finding]:
    """Compare each device with what torch and spconv were compiled for; what the trial has proved to work is none.

    Args:
        facts: of :func:`pointnc.environment.trial.trial`, as far as it came.
        driver: newest CUDA version that the driver knows, for the command that installs another torch.
    """
    findings = []
    level: Level
    for number, device in enumerate(facts.get("devices", ())):
        if facts.get("torch_hip") is not None:
            text, level, remedy = f"ROCm {facts['torch_hip']}: spconv has no code for it", "remark", TORCH_ENGINE
        else:
            text, level, remedy = _judge(device, facts, driver)
        if level == "problem" and _outcome(number, facts) == "works":
            level, remedy = "remark", ""
        about = f"{device['name']}, capability {dotted(device['capability'])}, {device['memory'] / 2**30:.0f} GiB"
        findings.append(Finding(f"device {number}", f"{about}: {text}" if text else about, level, remedy))
    if facts.get("mps"):
        findings.append(Finding("Apple GPU", "spconv has no code for it", "remark", TORCH_ENGINE))
    return findings


def _judge(device: Mapping[str, Any], facts: Mapping[str, Any], driver: Version | None) -> tuple[str, Level, str]:
    """Return text, level and remedy of a device of NVIDIA's."""
    capability, archs = device["capability"], facts["torch_archs"]
    code = code_for(capability, archs) if archs else "machine code"  # what is not known is left to the trial
    if not code:
        text = f"torch {facts['torch']} (CUDA {facts['torch_cuda']}) holds code for {capabilities(archs)} only"
        return text, "problem", install_torch(driver, capability)
    if device.get("spconv") == "none":
        return "spconv holds no code for it", "remark", TORCH_ENGINE
    compiling = [name for name, held in (("torch", code), ("spconv", device.get("spconv"))) if held == "PTX"]
    if compiling:
        verb = "compile their" if len(compiling) > 1 else "compiles its"
        text = f"{' and '.join(compiling)} {verb} kernels from PTX at first use, some minutes, once"
        return f"{text}: keep ~/.nv/ComputeCache", "remark", CACHE
    if device.get("spconv") == "NVRTC":
        return "spconv compiles its kernels again in every process: each start is slower", "remark", ""
    return "", "ok", ""


def compiles_first(facts: Mapping[str, Any]) -> bool:
    """Return whether a device has to wait for kernels that are compiled at first use."""
    return any(
        device.get("spconv") in ("PTX", "NVRTC") or code_for(device["capability"], facts["torch_archs"]) == "PTX"
        for device in facts.get("devices", ())
    )


def _outcome(number: int, facts: Mapping[str, Any]) -> str | None:
    """Return what training came to on a device, or on the one of its kind that was tried."""
    devices: Sequence[Mapping[str, Any]] = facts["devices"]
    tried = next(n for n, device in enumerate(devices) if device["capability"] == devices[number]["capability"])
    return facts["training"].get(f"cuda:{tried}")


def _too_old(name: str, made_for: Version, driver: Version, remedy: str) -> Finding:
    text = f"built for CUDA {dotted(made_for)}, the driver knows only {dotted(driver)}"
    return Finding(name, text, "problem", remedy)


def _update_driver(made_for: Version) -> str:
    release = DRIVER_RELEASES.get(made_for[0])
    return "update the NVIDIA driver" + (f" to release {release} or newer" if release else "")
