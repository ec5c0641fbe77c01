"""The judgments of the doctor on facts as real machines give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointnc.environment.cuda import check_driver
from pointnc.environment.examination import check_training
from pointnc.environment.finding import Finding
from pointnc.environment.machine import check_space
from pointnc.environment.open3d import check_open3d
from pointnc.environment.packages import build_of, check_packages, check_spconv, has_wheels, installed, spconv_build
from pointnc.environment.watch import Outcome
from pointnc.environment.window import check_window


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
        ({"spconv-cu118": "2.3.8"}, "not installed", "pip install --force-reinstall spconv-cu118"),
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


def test_a_cpu_needs_no_spconv_and_a_device_is_served_without() -> None:
    assert [finding.level for finding in check_spconv({})] == ["ok"]
    for wheels, remedy in ((True, "pip install spconv-cu118"), (False, "model.engine=torch")):
        (found,) = check_spconv({}, (13, 0), wheels)
        assert (found.level, found.remedy) == ("remark", remedy)
        assert "model.engine=torch computes, slower" in found.text


@pytest.mark.parametrize(
    ("system", "machine", "wheels"),
    [
        ("Linux", "x86_64", True),
        ("Windows", "AMD64", True),
        ("Linux", "aarch64", False),
        ("Darwin", "arm64", False),
        ("Darwin", "x86_64", False),
        ("Windows", "ARM64", False),
    ],
)
def test_platforms_with_wheels_of_spconv(system: str, machine: str, wheels: bool) -> None:
    assert has_wheels(system, machine) is wheels


def test_the_remedies_are_for_the_build_that_is_installed() -> None:
    facts = {"devices": [{}], "spconv_error": "ImportError: x", "training": {"cpu": "wrong: off"}}
    assert [finding.remedy for finding in check_training(facts, spconv_build({"spconv-cu126": "2.3.8"}))] == [
        "pip install --force-reinstall spconv-cu126",
        "pip install --force-reinstall numba",
    ]
    assert spconv_build({"spconv": "2.3.8"}) == "spconv-cu118"


@pytest.mark.parametrize("build", ["cu118", "cu121", "cu126"])
def test_one_build_of_spconv_is_well(build: str) -> None:
    packages = {f"spconv-{build}": "2.3.8", f"cumm-{build}": "0.7.11"}
    assert all(finding.level == "ok" for finding in check_spconv(packages, (13, 0)))
    assert build_of(f"spconv-{build}") == (int(build[2:4]), int(build[4:]))


def test_what_is_missing_is_named_with_the_command_that_brings_it() -> None:
    found = problems(check_packages({"numpy": "2"}))
    assert Finding("torch", "not installed", "problem", "pip install torch") in found
    assert "numpy" not in [finding.subject for finding in found]


def test_without_a_driver_there_is_no_problem() -> None:
    assert [finding.level for finding in check_driver(None, {}, "spconv-cu118")] == ["ok"]


@pytest.mark.parametrize(
    ("driver", "torch_cuda", "build", "levels"),
    [
        ((12, 8), "12.6", "spconv-cu118", ["ok"]),
        ((12, 4), "12.6", "spconv-cu126", ["ok"]),
        ((12, 8), None, "spconv-cu118", ["ok", "remark"]),
        ((11, 4), "12.6", "spconv-cu118", ["ok", "problem"]),
        ((11, 4), "12.6", "spconv-cu126", ["ok", "problem", "problem"]),
        ((10, 2), "10.2", "spconv-cu118", ["ok", "problem"]),
        ((13, 0), "13.0", "spconv-cu126", ["ok"]),
        ((13, 0), "13.0", None, ["ok"]),
    ],
)
def test_a_driver_older_than_a_build_is_a_problem(
    driver: tuple[int, int], torch_cuda: str | None, build: str | None, levels: list[str]
) -> None:
    facts = {"torch": "2.13.0", "torch_cuda": torch_cuda, "torch_hip": None, "torch_archs": []}
    assert [finding.level for finding in check_driver(driver, facts, build)] == levels


@pytest.mark.parametrize(
    ("error", "text", "remedy"),
    [
        ("ImportError: libusb-1.0.so.0: cannot open shared object file: No such file", "libusb-1.0", "libusb-1.0-0"),
        ("OSError: libGL.so.1: cannot open shared object file: No such file or directory", "libGL", "install libgl1"),
        ("ImportError: libc++abi.so.1: cannot open shared object file", "libc++abi", "apt-get install libc++abi1"),
        ("ImportError: libnew.so.3: cannot open shared object file", "libnew", "libnew.so"),
        ("ModuleNotFoundError: No module named 'plotly'", "module plotly", "pip install plotly"),
        ("", "without a word", "--force-reinstall open3d"),
    ],
)
def test_open3d_that_does_not_import_gets_its_remedy(error: str, text: str, remedy: str) -> None:
    (found,) = problems([check_open3d(error)])
    assert text in found.text and remedy in found.remedy


def test_what_a_window_lacks_gets_the_package_that_has_it() -> None:
    """The words are those of Open3D 0.19 and 0.20, Filament and GLFW on machines that lacked the thing."""
    here = {"DISPLAY": ":5"}

    def judged(doing: str, error: str = "", code: int = 1, waited: float | None = None, **facts: str) -> Finding:
        return check_window(Outcome({"doing": doing, **facts}, waited, code, error), here)

    asking, opening = "asking for the display", "opening a window"
    vulkan = "reason: Unable to create Vulkan instance. error=-9"
    for found, words, remedy in (
        (judged(asking, code=0, lack="wayland"), "Wayland", "apt-get install xwayland"),
        (judged(asking, code=0, lack="dead"), "DISPLAY=:5 does not answer", "ssh -X"),
        (judged(asking, code=-9, waited=60.0), "DISPLAY=:5 does not answer", "ssh -X"),
        (judged(asking, code=0, lack="libX11"), "libX11", "apt-get install libx11-6"),
        (judged("importing open3d", "ModuleNotFoundError: No module named 'open3d'"), "not installed", "pointnc[view]"),
        (judged("importing open3d", "OSError: libEGL.so.1: cannot open shared object file"), "libEGL", "libegl1"),
        (judged(opening, "RuntimeError: Failed to load vulkan library!"), "libvulkan", "libvulkan1"),
        (judged(opening, vulkan, -6), "no Vulkan driver", "mesa-vulkan-drivers"),
        (judged(opening, "libGL error: failed to load driver: swrast", -6), "no OpenGL driver", "libgl1-mesa-dri"),
        (judged(opening, "something\nelse went wrong", -6), "SIGABRT while opening a window: else", "apt-get"),
        (judged("", "[error] GLFW error: X11: something", 0), "X11: something", "apt-get"),
    ):
        assert words in found.text and remedy in found.remedy and found.level == "problem", found
        assert "\n" not in found.text + found.remedy
    assert judged("", code=0, version="0.20.0").text == "opens, with Open3D 0.20.0"
    assert judged(asking, code=0, lack="none").level == "remark"  # a server is no broken desktop
    slow = judged(opening, code=-9, waited=300.0)
    assert (slow.level, slow.remedy) == ("remark", "python -m pointnc.doctor patience=600")


def test_little_space_is_a_remark(tmp_path: Path) -> None:
    assert check_space("disk", tmp_path, 0, "free some").level == "ok"
    found = check_space("disk", tmp_path, 1e9, "free some")
    assert (found.level, found.remedy) == ("remark", "free some")
