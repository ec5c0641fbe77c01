"""Invented machines: what the trial would have said on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pointnc.environment.watch import Outcome
from pointnc.sparse.spconv_build import code_for

# What torch.cuda.get_arch_list() gives for the wheels of these CUDA versions (torch's RELEASE.md).
ARCHS = {
    "11.8": ["sm_37", "sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"],
    "12.6": ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"],
    "12.8": ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"],
    "13.0": ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"],
}
PACKAGES = {"spconv-cu118": "2.3.8", "cumm-cu118": "0.7.11"}
WORKS = {"cuda:0": "works", "cuda:0 in float16": "works"}
NO_KERNEL = "fails: AcceleratorError: CUDA error: no kernel image is available for execution on the device"
FAILS = dict.fromkeys(WORKS, NO_KERNEL)


class Spconv:
    """The answers of spconv 2.3.8's CompileInfo (cu118 and cu126 alike; test_trial.py asks the real one)."""

    index = [(5, 0), (5, 2), (6, 0), (6, 1), (7, 0), (7, 5), (8, 0), (8, 6), (8, 9), (9, 0)]
    gemm = [(6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (8, 9), (9, 0)]

    @classmethod
    def arch_is_compiled(cls, arch: tuple[int, int]) -> bool:
        return arch in cls.index

    @classmethod
    def arch_is_compiled_gemm(cls, arch: tuple[int, int]) -> bool:
        return arch in cls.gemm

    @classmethod
    def arch_is_compatible_gemm(cls, arch: tuple[int, int]) -> bool:
        return arch > (9, 0) or arch in cls.gemm


@dataclass(frozen=True)
class Machine:
    """A machine, and what the doctor must say of it.

    Attributes:
        said: (subject, level, remedy) of every finding that is more than ok.
        device: name and capability, None without one.
        torch_cuda: CUDA version of the build of torch, None for one without.
        driver: newest CUDA version that the driver knows.
        training: outcome on the device.
        usable: whether torch can use the device.
        spconv: whether it is installed and imported.
        packages: distributions.
        wheels: whether spconv has wheels for the platform.
        facts: whatever else differs.
        stage: in which the trial ended; "" where it went through.
        waited: seconds after which it was given up.
        code: its exit code.
    """

    said: list[tuple[str, str, str]]
    device: tuple[str, int, int] | None = None
    torch_cuda: str | None = None
    driver: tuple[int, int] | None = None
    training: dict[str, str] = field(default_factory=lambda: WORKS)
    usable: bool = True
    spconv: bool = True
    packages: dict[str, str] = field(default_factory=lambda: PACKAGES)
    wheels: bool = True
    facts: dict[str, Any] = field(default_factory=dict)
    stage: str = ""
    waited: float | None = None
    code: int = 0

    def outcome(self) -> Outcome:
        """Return what the trial would have printed, and how it would have ended."""
        devices = []
        if self.device is not None:
            name, major, minor = self.device
            devices = [{"name": name, "capability": [major, minor], "memory": 24 * 2**30}]
        usable = [
            device | ({"spconv": code_for(tuple(device["capability"]), Spconv)} if self.spconv else {})
            for device in devices
            if self.usable
        ]
        named = devices if self.driver is not None else []
        told: dict[str, dict[str, Any]] = {  # stage to what is told when it is over
            "importing torch": {
                "torch": f"2.13.0+{'cpu' if self.torch_cuda is None else 'cu' + self.torch_cuda.replace('.', '')}",
                "torch_cuda": self.torch_cuda,
                "torch_hip": None,
                "torch_archs": ARCHS.get(self.torch_cuda or "", []),
                "mps": False,
            },
            "training on cpu": {"training": {"cpu": "works"}},
            "asking for devices": {"driver_devices": named, "visible": None, "devices": devices[: self.usable]},
            "importing spconv": {"devices": usable},
            "training on cuda:0": {"training": {"cpu": "works"} | (self.training if usable else {})},
        }
        facts: dict[str, Any] = {"doing": self.stage, "training": {}}
        for stage, news in told.items():
            if stage == self.stage:
                break
            facts |= news
        return Outcome(facts | self.facts, self.waited, self.code)
