"""Whether the doctor tells the owner of each kind of device the truth, level and remedy to the letter."""

from __future__ import annotations

import pytest

from pointnc.environment.builds import capabilities, code_for, install_torch
from pointnc.environment.cuda import check_devices, compiles_first
from pointnc.environment.examination import judge
from pointnc.environment.finding import Finding
from tests.environment.machines import FAILS, NO_KERNEL, PACKAGES, WORKS, Machine

CU118, CU126, CU128, CU130 = (
    f"pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/{index}"
    for index in ("cu118", "cu126", "cu128", "cu130")
)
UPDATE = "update the NVIDIA driver to release 580 or newer"
CACHE = "CUDA_CACHE_MAXSIZE=4294967296 in the environment: all kernels then stay in the cache"
FIND = (
    "nvidia-smi must name the device: if it does not, install the driver again; in a container, docker run --gpus all"
)
TWO = {"spconv": "2.3.8", **PACKAGES}
V100, P100, GTX, RTX_3090 = ("Tesla V100", 7, 0), ("Tesla P100", 6, 0), ("GTX 1080 Ti", 6, 1), ("RTX 3090", 8, 6)
H100, H200, B200, RTX_5090 = ("H100", 9, 0), ("H200", 9, 0), ("B200", 10, 0), ("RTX 5090", 12, 0)


def no_code(remedy: str) -> list[tuple[str, str, str]]:
    return [(subject, "problem", remedy) for subject in ("device 0", *(f"training on {kind}" for kind in FAILS))]


MACHINES = {
    "CPU only": Machine([]),
    "CPU only, macOS": Machine([], spconv=False, packages={}, wheels=False),
    "V100, torch cu130": Machine(no_code(CU126), V100, "13.0", (13, 0), FAILS),
    "V100, torch cu126": Machine([], V100, "12.6", (12, 8)),
    "P100, torch cu130": Machine(no_code(CU126), P100, "13.0", (13, 0), FAILS),
    "P100, torch cu126": Machine([], P100, "12.6", (12, 4)),
    "GTX 10, torch cu126": Machine([("device 0", "remark", "")], GTX, "12.6", (12, 4)),
    "GTX 10, torch cu130": Machine(no_code(CU126), GTX, "13.0", (13, 0), FAILS),
    "T4": Machine([], ("Tesla T4", 7, 5), "13.0", (13, 0)),
    "RTX 3090": Machine([], RTX_3090, "13.0", (13, 0)),
    "L40": Machine([], ("L40", 8, 9), "13.0", (13, 1)),
    "H100": Machine([], H100, "12.6", (12, 2)),
    "H200": Machine([], H200, "13.0", (13, 0)),
    "B200": Machine([("device 0", "remark", CACHE)], B200, "13.0", (13, 0)),
    "RTX 5090": Machine([("device 0", "remark", CACHE)], RTX_5090, "12.8", (12, 8)),
    "RTX 5090, torch cu126": Machine(no_code(CU128), RTX_5090, "12.6", (12, 8), FAILS),
    "RTX 5090, torch cu126, new driver": Machine(no_code(CU130), RTX_5090, "12.6", (13, 0), FAILS),
    "GB10, aarch64": Machine(
        [("spconv", "remark", "model.engine=torch")],
        ("GB10", 12, 1), "13.0", (13, 0), spconv=False, packages={}, wheels=False,
    ),
    "old driver": Machine([("torch", "problem", f"{UPDATE}, or {CU126}")], H100, "13.0", (12, 4), usable=False),
    "old driver of CUDA 11": Machine(
        [("torch", "problem", f"{UPDATE}, or {CU118}")], RTX_3090, "13.0", (11, 8), usable=False
    ),
    "old driver, V100": Machine([("torch", "problem", CU126)], V100, "13.0", (12, 4), usable=False),
    "driver too old for spconv": Machine(
        [("spconv", "problem", "update the NVIDIA driver to release 525 or newer, or pip uninstall -y spconv-cu126 "
          "cumm-cu126 && pip install spconv-cu118")],
        RTX_3090, "11.8", (11, 8), packages={"spconv-cu126": "2.3.8", "cumm-cu126": "0.7.11"},
    ),
    "no spconv": Machine(
        [("spconv", "remark", "pip install spconv-cu118")], H100, "13.0", (13, 0), spconv=False, packages={}
    ),
    "two spconvs": Machine(
        [("spconv", "problem", "pip uninstall -y spconv spconv-cu118 && pip install --force-reinstall --no-deps "
          "spconv-cu118==2.3.8")],
        H100, "13.0", (13, 0), packages=TWO,
    ),
    "spconv of old": Machine(
        [("spconv", "problem", "pip uninstall -y spconv-cu120 cumm-cu120 && pip install spconv-cu118")],
        H100, "13.0", (13, 0), packages={"spconv-cu120": "2.3.6", "cumm-cu120": "0.4.11"},
    ),
    "spconv that fails on the device": Machine(
        [("training on cuda:0", "problem", "model.engine=torch")], H100, "13.0", (13, 0),
        {"cuda:0": "wrong: a convolution is off by 0.3", "cuda:0 in float16": "works"},
    ),
    "broken spconv": Machine(
        [("spconv", "problem", "pip install --force-reinstall spconv-cu118")],
        H100, "13.0", (13, 0), spconv=False, facts={"spconv_error": "ImportError: libcudart.so.11.0"},
    ),
    "broken spconv, CPU only": Machine(
        [("spconv", "remark", "pip install --force-reinstall spconv-cu118")],
        facts={"spconv_error": "ImportError: libcudart.so.11.0"},
    ),
    "ROCm": Machine(
        [("device 0", "remark", "model.engine=torch")], ("AMD Instinct MI300X", 9, 4), spconv=False,
        facts={"torch_hip": "6.4.43482", "torch_archs": ["gfx90a", "gfx942"]},
    ),
    "MPS": Machine(
        [("Apple GPU", "remark", "model.engine=torch")], spconv=False, packages={}, wheels=False,
        facts={"mps": True, "training": {"cpu": "works", "mps": "works"}},
    ),
    "torch without CUDA": Machine([("torch", "problem", CU130)], H200, None, (13, 0), usable=False),
    "torch without CUDA, V100": Machine([("torch", "problem", CU126)], V100, None, (13, 0), usable=False),
    "torch without CUDA, no device": Machine([("torch", "remark", CU126)], None, None, (12, 8)),
    "driver, no device": Machine([("CUDA devices", "problem", FIND)], None, "13.0", (13, 0)),
    "driver, device that fails": Machine(
        [("CUDA devices", "problem", FIND)], H200, "13.0", (13, 0), usable=False,
        facts={"cuda_error": "RuntimeError: Error 802: system not yet initialized"},
    ),
    "devices hidden": Machine(
        [("CUDA devices", "remark", "unset CUDA_VISIBLE_DEVICES")], None, "13.0", (13, 0), facts={"visible": ""}
    ),
    "time limit in an import": Machine(
        [("trial", "remark", "python -m pointnc.doctor patience=600, when the machine is less busy")],
        stage="importing spconv", waited=300.0,
    ),
    "time limit at once": Machine(
        [("trial", "remark", "python -m pointnc.doctor patience=2, when the machine is less busy")],
        driver=(13, 0), torch_cuda="13.0", stage="importing torch", waited=1.0,
    ),
    "time limit in the driver": Machine(
        [("trial", "remark", "nvidia-smi must answer too: if it does not, restart the machine")],
        H200, "13.0", (13, 0), stage="asking for devices", waited=300.0,
    ),
    "time limit in compiling": Machine(
        [("device 0", "remark", CACHE),
         ("trial", "remark", "python -m pointnc.doctor patience=1200, when the machine is less busy")],
        B200, "13.0", (13, 0), stage="training on cuda:0", waited=600.0,
    ),
    "crash in training": Machine(
        [("trial", "problem", "model.engine=torch")], H200, "13.0", (13, 0), stage="training on cuda:0", code=-8
    ),
    "crash in the import of spconv": Machine(
        [("spconv", "problem", "pip install --force-reinstall spconv-cu118")],
        H200, "13.0", (13, 0), stage="importing spconv", code=-11,
    ),
    "crash in torch": Machine(
        [("trial", "problem", CU130)], driver=(13, 0), torch_cuda="13.0", stage="importing torch", code=-4
    ),
    "crash in the driver": Machine([("trial", "problem", FIND)], H200, "13.0", (13, 0), stage="asking for devices", code=-6),
    "crash on the CPU": Machine(
        [("trial", "problem", "pip install --force-reinstall pointnc numba")], stage="training on cpu", code=-11
    ),
    "no memory": Machine(
        [("trial", "problem", "free memory: the system ends what takes too much")], stage="importing spconv", code=-9
    ),
}  # fmt: skip


def findings_of(machine: Machine) -> list[Finding]:
    return judge(machine.packages, machine.driver, machine.outcome(), machine.wheels)


@pytest.mark.parametrize("name", MACHINES)
def test_each_machine_is_told_what_it_needs(name: str) -> None:
    findings = findings_of(MACHINES[name])
    said = [(finding.subject, finding.level, finding.remedy) for finding in findings if finding.level != "ok"]
    assert said == MACHINES[name].said
    assert not any("\n" in finding.text + finding.remedy for finding in findings)
    assert all(finding.remedy for finding in findings if finding.level == "problem")


def text_of(name: str, subject: str) -> str:
    return next(finding.text for finding in findings_of(MACHINES[name]) if finding.subject == subject)


def test_the_lines_name_the_numbers() -> None:
    assert text_of("old driver", "torch") == "built for CUDA 13.0, the driver knows only 12.4"
    text = "Tesla V100, capability 7.0, 24 GiB: torch 2.13.0+cu130 (CUDA 13.0) holds code for "
    assert text_of("V100, torch cu130", "device 0") == f"{text}7.5, 8.0, 8.6, 9.0, 10.0, 12.0 and PTX for 12.0 only"
    assert "spconv compiles its kernels from PTX at first use" in text_of("RTX 5090", "device 0")
    assert "compiles its kernels again in every process" in text_of("GTX 10, torch cu126", "device 0")
    assert text_of("torch without CUDA", "torch").endswith("although there is a driver and H200")
    assert text_of("torch without CUDA, no device", "torch").endswith("a driver; the driver names no device")
    assert "Error 802" in text_of("driver, device that fails", "CUDA devices")
    assert text_of("MPS", "CUDA driver") == text_of("ROCm", "CUDA driver") == "none"
    assert text_of("CPU only", "CUDA driver") == "none: everything runs on the CPU"
    assert "a CPU needs none" in text_of("CPU only, macOS", "spconv")
    assert "no wheels for this platform" in text_of("GB10, aarch64", "spconv")
    assert text_of("time limit in compiling", "trial") == "no answer within 600 seconds while training on cuda:0"
    assert text_of("crash in training", "trial") == "ended while training on cuda:0: SIGFPE"


def test_what_the_trial_has_proved_to_work_is_no_problem() -> None:
    unlisted = Machine([], V100, "13.0", (13, 0), WORKS)
    (device,) = (finding for finding in findings_of(unlisted) if finding.subject == "device 0")
    assert (device.level, device.remedy) == ("remark", "")


def test_each_device_is_judged_by_itself() -> None:
    facts = MACHINES["V100, torch cu130"].outcome().facts
    (old,), new = facts["devices"], {"name": "T4", "capability": [7, 5], "memory": 2**34, "spconv": "machine code"}
    facts = {**facts, "devices": [new, old, old], "training": {"cuda:0": "works", "cuda:1": NO_KERNEL}}
    assert [finding.level for finding in check_devices(facts, (13, 0))] == ["ok", "problem", "problem"]
    assert [finding.remedy for finding in check_devices(facts, (13, 0))] == ["", CU126, CU126]


def test_what_is_not_known_of_torch_is_left_to_the_trial() -> None:
    silent = Machine([], H100, "13.0", (13, 0), facts={"torch_archs": []})
    assert all(finding.level == "ok" for finding in findings_of(silent))


@pytest.mark.parametrize(
    ("capability", "archs", "code"),
    [
        ((8, 9), "sm_86", "machine code"),
        ((8, 0), "sm_86", ""),
        ((9, 0), "sm_86", ""),
        ((9, 0), "sm_90a", "machine code"),
        ((10, 3), "sm_100a", ""),
        ((10, 3), "sm_100f", "machine code"),
        ((12, 1), "sm_120", "machine code"),
        ((12, 0), "sm_86 compute_90", "PTX"),
        ((8, 6), "sm_75 compute_90", ""),
        ((12, 0), "compute_100f", ""),
        ((12, 0), "compute_90 sm_120", "machine code"),
        ((9, 4), "gfx942", ""),
    ],
)
def test_machine_code_runs_within_its_major_version_and_ptx_on_all_that_is_newer(
    capability: tuple[int, int], archs: str, code: str
) -> None:
    assert code_for(capability, archs.split()) == code


def test_architectures_are_named_as_capabilities() -> None:
    assert capabilities(["sm_75", "sm_90a", "compute_120"]) == "7.5, 9.0a and PTX for 12.0"
    assert capabilities(["compute_90"]) == "PTX for 9.0"


@pytest.mark.parametrize(
    ("driver", "capability", "command"),
    [
        (None, None, "pip install --force-reinstall torch"),
        ((13, 2), None, CU130),
        ((12, 4), None, CU126),
        ((12, 8), (10, 0), CU128),
        ((11, 4), (8, 0), CU118),
        ((13, 0), (6, 1), CU126),
        ((12, 8), (3, 5), "pip install --force-reinstall torch"),
    ],
)
def test_the_torch_that_is_advised_fits_driver_and_device(
    driver: tuple[int, int] | None, capability: tuple[int, int] | None, command: str
) -> None:
    assert install_torch(driver, capability) == command


@pytest.mark.parametrize(
    ("name", "compiles"), [("RTX 5090", True), ("GTX 10, torch cu126", True), ("H200", False), ("ROCm", False)]
)
def test_patience_is_longer_where_kernels_are_compiled_first(name: str, compiles: bool) -> None:
    assert compiles_first(MACHINES[name].outcome().facts) is compiles
