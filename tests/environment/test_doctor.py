"""``python -m pointnc.doctor`` on the machine of the tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pointnc.environment.packages import installed
from tests.helpers.commands import run


def test_this_machine_is_sound(tmp_path: Path) -> None:
    done = run("pointnc.doctor", f"json={tmp_path / 'doctor.json'}", folder=tmp_path)
    assert "training on cpu" in done.stdout and "works" in done.stdout and done.stdout.endswith("no problems\n")
    findings = json.loads((tmp_path / "doctor.json").read_text())
    assert {"subject", "text", "level", "remedy"} == findings[0].keys()
    assert {"Python", "torch", "spconv", "cumm", "CUDA driver", "configuration"} <= {f["subject"] for f in findings}
    assert not [finding for finding in findings if finding["level"] == "problem"]


@pytest.mark.parametrize("driver", [None, (12, 8)])
def test_a_problem_is_exit_code_1(driver: tuple[int, int] | None, tmp_path: Path) -> None:
    packages = {name: version for name, version in installed().items() if "spconv" not in name and "cumm" not in name}
    packages |= {"spconv": "2.3.8", "cumm": "0.7.11"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pointnc.environment.examination.installed", lambda: packages)
        patch.setattr("pointnc.environment.examination.driver_version", lambda: driver)
        done = run("pointnc.doctor", folder=tmp_path, code=0 if driver is None else 1)
    if driver is None:  # a CPU is served by pointnc itself
        assert "~ spconv" in done.stdout and done.stdout.endswith("no problems\n")
        return
    assert "! spconv" in done.stdout and "cannot train" in done.stdout
    assert "->  pip uninstall -y spconv cumm && pip install spconv-cu118" in done.stdout
