"""``python -m pointnc.doctor`` on the machine of the tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import run


def test_this_machine_is_sound(tmp_path: Path) -> None:
    done = run("pointnc.doctor", f"json={tmp_path / 'doctor.json'}", folder=tmp_path)
    assert "training on cpu" in done.stdout and "works" in done.stdout and done.stdout.endswith("no problems\n")
    findings = json.loads((tmp_path / "doctor.json").read_text())
    assert {"subject", "text", "level", "remedy"} == findings[0].keys()
    assert {"Python", "torch", "spconv", "cumm", "CUDA driver", "configuration"} <= {f["subject"] for f in findings}
    assert not [finding for finding in findings if finding["level"] == "problem"]


def test_a_problem_is_exit_code_1(tmp_path: Path) -> None:

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pointnc.environment.examination.installed", lambda: {"spconv": "2.3.8", "cumm": "0.7.11"})
        done = run("pointnc.doctor", folder=tmp_path, code=1)
    assert "! spconv" in done.stdout and "cannot train" in done.stdout
    assert "->  pip uninstall -y spconv cumm && pip install spconv-cu118" in done.stdout
