"""All checks together, the slow ones at the same time in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from pointnc.environment.cuda import check_cuda, check_devices, driver_version
from pointnc.environment.finding import Finding
from pointnc.environment.machine import check_machine
from pointnc.environment.open3d import check_open3d
from pointnc.environment.packages import (
    DEFAULT_BUILD,
    build_of,
    check_packages,
    check_spconv,
    installed,
    spconv_build,
)

PATIENCE = 60
"""Seconds after which a trial is given up."""


def examine() -> list[Finding]:
    """Return all findings, the machine first."""
    packages = installed()
    trial = _start("-m", "pointnc.environment.trial")
    window = _start("-c", "import open3d") if "open3d" in packages else None
    driver = driver_version()
    findings = [*check_machine(), *check_packages(packages), *check_spconv(packages, driver)]
    build = spconv_build(packages)
    spconv_cuda = build_of(build) if build in packages else None
    code, output, error = _finish(trial)
    facts = _parse(output)
    if facts is None:
        last = (error.strip().splitlines() or [f"the process ended with code {code} without a word"])[-1][:300]
        findings.append(
            Finding("network", f"cannot be tried: {last}", "problem", "pip install --force-reinstall pointnc")
        )
        findings += check_cuda(driver, None, spconv_cuda)[:1]
    else:
        findings += check_cuda(driver, facts["torch_cuda"], spconv_cuda)
        findings += check_trial(facts, build)
    if window is not None:
        code, _, error = _finish(window)
        findings.append(check_open3d(None if code == 0 else error))
    return findings


def check_trial(facts: dict[str, Any], build: str = DEFAULT_BUILD) -> list[Finding]:
    """Judge what :func:`pointnc.environment.trial.trial` saw.

    Args:
        facts: what it returned.
        build: the distribution of spconv that the machine uses, for the commands.
    """
    findings = check_devices(facts["devices"], [tuple(version) for version in facts.get("compiled", ())], build)
    if "spconv_error" in facts:
        remedy = f"pip install --force-reinstall {build}"
        findings.append(Finding("spconv", f"cannot be imported ({facts['spconv_error']})", "problem", remedy))
    for kind, outcome in facts["training"].items():
        if outcome == "works":
            findings.append(Finding(f"training on {kind}", "works: a small network learns, a convolution is right"))
        else:
            remedy = f"pip install --force-reinstall torch {build}" if kind == "cpu" else "accelerator=cpu, meanwhile"
            findings.append(Finding(f"training on {kind}", outcome, "problem", remedy))
    return findings


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        output, error = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        return 1, output, f"no answer within {PATIENCE} seconds"
    return process.returncode, output, error


def _parse(output: str) -> dict[str, Any] | None:
    try:
        return json.loads(output.strip().splitlines()[-1])  # a broken spconv prints before it fails
    except (ValueError, IndexError):
        return None
