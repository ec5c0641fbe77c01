"""The judgements of the doctor on facts as real machines give them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pointnc.environment import trial
from pointnc.environment.cuda import check_cuda, check_devices
from pointnc.environment.examination import check_trial
from pointnc.environment.finding import Finding
from pointnc.environment.machine import check_space
from pointnc.environment.open3d import check_open3d
from pointnc.environment.packages import build_of, check_packages, check_spconv, installed, spconv_build


def problems(findings: list[Finding]) -> list[Finding]:
    found = [finding for finding in findings if finding.level == "problem"]
    assert all(finding.remedy and "\n" not in finding.remedy + finding.text for finding in found)
    return found


def test_the_environment_of_these_tests_is_sound() -> None:
    packages = installed()
    assert packages["spconv-cu118"] and packages["pytest"]
    assert not problems(check_packages(packages)) and not problems(check_spconv(packages))


@pytest.mark.parametrize(
    ("packages", "text", "remedy"),
    [
        ({}, "not installed", "pip install spconv-cu118"),
        (
            {"spconv": "2.3.8", "spconv-cu118": "2.3.8", "cumm-cu118": "0.7.11"},
            "they overwrite one another",
            "pip uninstall -y spconv spconv-cu118 && pip install --force-reinstall --no-deps spconv-cu118==2.3.8",
        ),
        ({"spconv-cu126": "2.3.8", "cumm-cu118": "0.7.11"}, "CUDA 11.8 and 12.6", "--force-reinstall spconv-cu126"),
    ],
)
def test_builds_of_spconv_that_cannot_work_are_named(packages: dict[str, str], text: str, remedy: str) -> None:
    found = problems(check_spconv(packages))
    assert text in found[0].text and remedy in found[0].remedy


def test_the_build_without_cuda_is_a_problem_only_beside_a_driver() -> None:
    packages = {"spconv": "2.3.8", "cumm": "0.7.11"}
    found = problems(check_spconv(packages, driver=(12, 8)))
    assert [finding.subject for finding in found] == ["spconv", "cumm"]
    assert "cannot train" in found[0].text and "pip uninstall -y spconv cumm && pip install" in found[0].remedy
    assert [finding.level for finding in check_spconv(packages)] == ["remark", "remark"]


def test_the_remedies_are_for_the_build_that_is_installed() -> None:
    facts = {"devices": [], "spconv_error": "ImportError: x", "training": {"cpu": "wrong: off"}}
    assert [finding.remedy for finding in check_trial(facts, spconv_build({"spconv-cu126": "2.3.8"}))] == [
        "pip install --force-reinstall spconv-cu126",
        "pip install --force-reinstall torch spconv-cu126",
    ]
    assert spconv_build({"spconv": "2.3.8"}) == "spconv-cu118"
    new = [{"name": "B200", "capability": [10, 0], "memory": 2**34}]
    (found,) = check_devices(new, [(9, 0)], "spconv-cu121")
    assert found.remedy == "pip uninstall -y spconv-cu121 cumm-cu121 && pip install spconv-cu126"
    (found,) = check_devices(new, [(9, 0)], "spconv-cu126")
    assert found.remedy == "accelerator=cpu, meanwhile"


@pytest.mark.parametrize("build", ["cu118", "cu121", "cu126"])
def test_one_build_of_spconv_is_well(build: str) -> None:
    assert not problems(check_spconv({f"spconv-{build}": "2.3.8", f"cumm-{build}": "0.7.11"}))
    assert build_of(f"spconv-{build}") == (int(build[2:4]), int(build[4:]))


def test_what_is_missing_is_named_with_the_command_that_brings_it() -> None:
    found = problems(check_packages({"numpy": "2"}))
    assert Finding("torch", "not installed", "problem", "pip install torch") in found
    assert "numpy" not in [finding.subject for finding in found]


def test_without_a_driver_there_is_no_problem() -> None:
    assert [finding.level for finding in check_cuda(None, None, (11, 8))] == ["ok"]


@pytest.mark.parametrize(
    ("driver", "torch_cuda", "spconv_cuda", "levels"),
    [
        ((12, 8), "12.6", (11, 8), ["ok"]),
        ((12, 8), None, (11, 8), ["ok", "remark"]),
        ((11, 4), "12.6", (11, 8), ["ok", "problem"]),
        ((11, 4), "12.6", (12, 6), ["ok", "problem", "problem"]),
        ((13, 0), "13.0", (12, 6), ["ok"]),
    ],
)
def test_a_driver_older_than_a_build_is_a_problem(
    driver: tuple[int, int], torch_cuda: str | None, spconv_cuda: tuple[int, int], levels: list[str]
) -> None:
    assert [finding.level for finding in check_cuda(driver, torch_cuda, spconv_cuda)] == levels


def test_a_device_that_spconv_was_not_compiled_for_is_a_problem() -> None:
    compiled = [(7, 5), (8, 0), (8, 6), (9, 0)]
    devices = [{"name": name, "capability": [major, minor], "memory": 2**34} for name, major, minor in
               (("A100", 8, 0), ("L4", 8, 9), ("H100", 9, 0), ("B200", 10, 0), ("V100", 7, 0))]  # fmt: skip
    findings = check_devices(devices, compiled)
    assert [finding.level for finding in findings] == ["ok", "ok", "ok", "problem", "problem"]
    assert "B200, capability 10.0, 16 GiB: spconv holds code for 7.5, 8.0, 8.6, 9.0 only" in findings[3].text


@pytest.mark.parametrize(
    ("error", "text", "remedy"),
    [
        ("ImportError: libusb-1.0.so.0: cannot open shared object file: No such file", "libusb-1.0", "libusb-1.0-0"),
        ("OSError: libGL.so.1: cannot open shared object file: No such file or directory", "libGL", "install libgl1"),
        ("ImportError: libc++abi.so.1: cannot open shared object file", "libc++abi", "apt-get install libc++abi1"),
        ("ImportError: libnew.so.3: cannot open shared object file", "libnew", "libnew.so"),
        ("ModuleNotFoundError: No module named 'plotly'", "module plotly", "pip install plotly"),
        ("", "without a word", "--force-reinstall open3d"),
        ("no answer within 60 seconds", "no answer", "--force-reinstall open3d"),
    ],
)
def test_open3d_that_does_not_import_gets_its_remedy(error: str, text: str, remedy: str) -> None:
    (found,) = problems([check_open3d(error)])
    assert text in found.text and remedy in found.remedy
    assert check_open3d(None).level == "ok"


def test_little_space_is_a_remark(tmp_path: Path) -> None:
    assert check_space("disk", tmp_path, 0, "free some").level == "ok"
    found = check_space("disk", tmp_path, 1e9, "free some")
    assert (found.level, found.remedy) == ("remark", "free some")


def test_the_trial_notices_a_convolution_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trial.train_a_little("cpu") == "works"
    from pointnc.models.sparse import SubmanifoldConvolution

    forward = SubmanifoldConvolution.forward

    def wrong(self: SubmanifoldConvolution, x: object) -> object:
        out = forward(self, x)  # type: ignore[arg-type]
        return out.replace(2 * out.features)

    monkeypatch.setattr(SubmanifoldConvolution, "forward", wrong)
    assert trial.train_a_little("cpu").startswith("wrong: a convolution is off by")


def test_outcomes_of_the_trial_become_findings() -> None:
    facts = {"devices": [], "training": {"cpu": "works", "cuda": "fails: RuntimeError: no kernel image"}}
    findings = check_trial({**facts, "spconv_error": "ImportError: libcudart.so.11.0: no such file"})
    assert [finding.subject for finding in problems(findings)] == ["spconv", "training on cuda"]


def test_a_broken_torch_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch.so: undefined symbol')\n")
    code = "from pointnc.environment.examination import examine\nfor f in examine(): print(f.level, f.subject, f.text)"
    command = [sys.executable, "-c", f"import sys, os; os.environ['PYTHONPATH'] = {str(tmp_path)!r}\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "problem network cannot be tried: ImportError: libtorch.so: undefined symbol" in done.stdout, done.stderr
