"""Processor, memory, and the folders that pointnc writes to."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from pathlib import Path

from pointnc.commands.entry import config_folder
from pointnc.environment.finding import Finding
from pointnc.errors import UserError
from pointnc.version import __version__

SHARED_MEMORY = Path("/dev/shm")


def check_machine() -> list[Finding]:
    """Report Python, processor, memory and disk."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = ""
    if hasattr(os, "sysconf"):  # Windows has none
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    findings = [
        Finding("pointnc", f"{__version__}, in {Path(__file__).parents[1]}"),
        Finding("Python", f"{platform.python_version()}, {platform.platform()}"),
        Finding("processor", f"{cores} cores{memory}; OMP_NUM_THREADS {threads}"),
        _configuration(),
        _compiled_code(),
        check_space("disk", Path.cwd(), 2, "free space, or work elsewhere"),
    ]
    if SHARED_MEMORY.is_dir():
        findings.append(check_space("shared memory", SHARED_MEMORY, 0.5, "docker run --shm-size=8g, or workers=0"))
    return findings


def check_space(subject: str, folder: Path, least: float, remedy: str) -> Finding:
    """Report the free space of a folder in GiB; less than ``least`` is a remark."""
    free = shutil.disk_usage(folder).free / 2**30
    text = f"{free:.1f} GiB free in {folder}"
    return Finding(subject, text) if free >= least else Finding(subject, text, "remark", remedy)


def _configuration() -> Finding:
    try:
        return Finding("configuration", str(config_folder()))
    except UserError as error:
        return Finding("configuration", str(error), "problem", "pip install --force-reinstall pointnc")


def _compiled_code() -> Finding:
    """Whether numba may keep what it compiles; otherwise every process compiles again."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parents[1] / "data")
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Finding("compiled code", f"kept in {folder}")
    except OSError:
        text = f"{folder} cannot be written: numba keeps its code in the user's cache folder, if that can be written"
        return Finding("compiled code", text, "remark", "export NUMBA_CACHE_DIR=FOLDER")
