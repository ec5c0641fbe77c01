"""All checks together, the slow ones at the same time in processes of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from pointnc.environment.builds import Version, install_torch
from pointnc.environment.cuda import FIND_DEVICE, check_devices, check_driver, compiles_first
from pointnc.environment.finding import Finding
from pointnc.environment.machine import check_machine
from pointnc.environment.packages import (
    DEFAULT_BUILD,
    TORCH_ENGINE,
    check_packages,
    check_spconv,
    has_wheels,
    installed,
    spconv_build,
)
from pointnc.environment.watch import Outcome, Watched
from pointnc.environment.window import check_window, start_trial
from pointnc.runtime.driver import driver_version

PATIENCE = 300.0
"""Seconds without progress after which a process is given up: its slowest step takes about 9 s on a quiet laptop."""


def examine(patience: float = PATIENCE, tell: Callable[[str], None] = lambda line: None) -> list[Finding]:
    """Return all findings, the machine first.

    Args:
        patience: seconds without progress after which a process is given up; twice as long on a device for which
            kernels have to be compiled first.
        tell: is given a line where that begins.
    """
    packages = installed()
    trial = Watched("-m", "pointnc.environment.trial")
    window = start_trial() if "open3d" in packages else None
    driver = driver_version()
    findings = [*check_machine(), *check_packages(packages)]

    def wait(facts: Mapping[str, Any]) -> float:
        if not (facts.get("doing", "").startswith("training on cuda") and compiles_first(facts)):
            return patience
        tell(f"{facts['doing']}: its kernels are compiled at first use, which takes some minutes")
        return 2 * patience

    findings += judge(packages, driver, trial.finish(wait), has_wheels())
    if window is not None:
        findings.append(check_window(window.finish(lambda facts: patience), os.environ))
    return findings


def judge(packages: Mapping[str, str], driver: Version | None, outcome: Outcome, wheels: bool = True) -> list[Finding]:
    """Judge what was seen of spconv, the driver, the devices and the trial.

    Args:
        packages: distribution to version.
        driver: newest CUDA version that the driver knows, None without one.
        outcome: how :mod:`pointnc.environment.trial` ended.
        wheels: whether spconv has wheels for the platform.
    """
    build = spconv_build(packages)
    facts = outcome.facts
    devices = check_devices(facts, driver)
    return [
        *check_spconv(packages, driver, wheels),
        *check_driver(driver, facts, build if build in packages else None),
        *devices,
        *check_training(facts, build, {finding.subject: finding.remedy for finding in devices}),
        *_check_end(outcome, build, driver),
    ]


def check_training(
    facts: Mapping[str, Any], build: str = DEFAULT_BUILD, remedies: Mapping[str, str] | None = None
) -> list[Finding]:
    """Judge what came of the import of spconv and of training on each kind of device.

    Args:
        facts: of :func:`pointnc.environment.trial.trial`, as far as it came.
        build: the distribution of spconv that the machine uses, for the commands.
        remedies: "device 0" and the like to what is to be done about it, where that is known.
    """
    findings = []
    if "spconv_error" in facts:
        findings.append(_broken_spconv(f"cannot be imported ({facts['spconv_error']})", facts, build))
    for kind, outcome in facts.get("training", {}).items():
        if outcome == "works":
            findings.append(Finding(f"training on {kind}", "works: a small network learns, a convolution is right"))
        elif kind == "cpu":
            findings.append(Finding("training on cpu", outcome, "problem", "pip install --force-reinstall numba"))
        else:
            number = kind.removeprefix("cuda:").split()[0]
            remedy = (remedies or {}).get(f"device {number}") or TORCH_ENGINE
            findings.append(Finding(f"training on {kind}", outcome, "problem", remedy))
    return findings


def _check_end(outcome: Outcome, build: str, driver: Version | None) -> list[Finding]:
    """Return what is to be said of a trial that did not come to its end."""
    facts = outcome.facts
    stage = facts.get("doing", "starting Python")
    if not stage:
        return []
    if outcome.waited is not None:
        text = f"no answer within {outcome.waited:g} seconds while {stage}"
        if stage == "asking for devices":
            remedy = "nvidia-smi must answer too: if it does not, restart the machine"
        else:
            remedy = f"python -m pointnc.doctor patience={2 * outcome.waited:g}, when the machine is less busy"
        return [Finding("trial", text, "remark", remedy)]
    text = f"ended while {stage}: {_last_words(outcome)}"
    if outcome.code == -9:
        return [Finding("trial", text, "problem", "free memory: the system ends what takes too much")]
    if stage == "importing spconv":
        return [_broken_spconv(text, facts, build)]
    remedy = {"importing torch": install_torch(driver), "asking for devices": FIND_DEVICE}.get(stage, TORCH_ENGINE)
    if stage in ("starting Python", "training on cpu"):
        remedy = "pip install --force-reinstall pointnc numba"
    return [Finding("trial", text, "problem", remedy)]


def _broken_spconv(text: str, facts: Mapping[str, Any], build: str) -> Finding:
    """Return a finding on a spconv that cannot be imported: a problem where there is a device that wants it."""
    return Finding(
        "spconv", text, "problem" if facts.get("devices") else "remark", f"pip install --force-reinstall {build}"
    )


def _last_words(outcome: Outcome) -> str:
    if outcome.code < 0:
        return signal.Signals(-outcome.code).name
    return (outcome.error.strip().splitlines() or [f"exit code {outcome.code} without a word"])[-1][:300]
