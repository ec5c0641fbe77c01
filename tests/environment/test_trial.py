"""The trial of the network, and what is known of one that hangs or crashes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from pointnc.environment import trial
from pointnc.environment.examination import examine
from pointnc.environment.finding import Finding
from pointnc.environment.watch import Watched
from pointnc.sparse.spconv_build import code_for
from tests.environment.machines import Spconv

CAPABILITIES = [(3, 5), (5, 0), (5, 2), (5, 3), (6, 0), (6, 1), (7, 0), (7, 2), (7, 5), (8, 0), (8, 6), (8, 7), (8, 9),
                (9, 0), (10, 0), (10, 3), (11, 0), (12, 0), (12, 1)]  # fmt: skip


def test_the_trial_says_what_it_begins_and_all_that_it_knows() -> None:
    said: list[dict[str, Any]] = []
    trial.trial(lambda facts: said.append(copy.deepcopy(facts)))
    stages = [facts["doing"] for facts in said]
    assert stages[:4] == ["importing torch", "training on cpu", "asking for devices", "importing spconv"]
    assert stages[-1] == ""
    assert "torch" not in said[0] and "torch_archs" in said[1] and said[1]["training"] == {}
    assert said[2]["training"] == {"cpu": "works"} and "devices" not in said[2] and "devices" in said[3]
    assert "spconv_error" not in said[-1]


@pytest.mark.parametrize("hip", [None, "6.4"])
def test_the_first_device_of_each_kind_is_tried(hip: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [{"name": str(major), "capability": [major, 0], "memory": 1} for major in (12, 8, 8, 12)]
    tried: list[tuple[str, bool]] = []

    def train(device: str, half: bool) -> str:
        tried.append((device, half))
        if device == "cuda:1":
            raise RuntimeError("no kernel\nimage")
        return "works"

    monkeypatch.setattr(trial, "_ask_torch", lambda: {"torch_hip": hip, "mps": True})
    monkeypatch.setattr(trial, "_ask_for_devices", lambda: {"devices": devices})
    monkeypatch.setattr(trial, "train_a_little", train)
    said: list[dict[str, Any]] = []
    trial.trial(lambda facts: said.append(copy.deepcopy(facts)))
    halves = [(f"cuda:{number}", half) for number in (0, 1) for half in (False, True)]
    assert tried == [("cpu", False), *halves, ("mps", False)]
    assert said[-1]["training"]["cuda:0 in float16"] == said[-1]["training"]["mps"] == "works"
    assert said[-1]["training"]["cuda:1"] == "fails: RuntimeError: no kernel image"
    assert ("importing spconv" in [facts["doing"] for facts in said]) is (hip is None)  # it has nothing for AMD
    kinds = ["PTX", "machine code", "machine code", "PTX"] if hip is None else [None] * 4
    assert [device.get("spconv") for device in said[-1]["devices"]] == kinds


def test_spconv_itself_says_what_it_was_compiled_for() -> None:
    compiled = pytest.importorskip("spconv.core_cc.cumm.common").CompileInfo
    answers = {capability: code_for(capability, compiled) for capability in CAPABILITIES}
    assert answers == {capability: code_for(capability, Spconv) for capability in CAPABILITIES}
    assert answers[7, 0] == answers[9, 0] == "machine code"
    assert answers[10, 0] == answers[12, 0] == "PTX"
    assert answers[6, 1] == "NVRTC" and answers[8, 7] == "none"


def test_the_trial_notices_a_convolution_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trial.train_a_little("cpu") == "works"
    from pointnc.sparse.modules import SubmanifoldConvolution

    forward = SubmanifoldConvolution.forward

    def wrong(self: SubmanifoldConvolution, x: object) -> object:
        out = forward(self, x)  # type: ignore[arg-type]
        return out.replace(2 * out.features)

    monkeypatch.setattr(SubmanifoldConvolution, "forward", wrong)
    assert trial.train_a_little("cpu").startswith("wrong: a convolution is off by")


def with_a_torch_that(does: str, folder: Path, patience: float = 60) -> list[Finding]:
    """Examine a machine whose torch is a line of code."""
    (folder / "torch.py").write_text(does)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setattr("pointnc.environment.examination.driver_version", lambda: None)
        return examine(patience)


@pytest.mark.parametrize(
    ("does", "text", "remedy"),
    [
        (
            "raise ImportError('libtorch.so: undefined symbol')",
            "ended while importing torch: ImportError: libtorch.so: undefined symbol",
            "pip install --force-reinstall torch",
        ),
        ("import os; os.abort()", "ended while importing torch: SIGABRT", "pip install --force-reinstall torch"),
        ("import os; os._exit(3)", "exit code 3 without a word", "pip install --force-reinstall torch"),
    ],
)
def test_a_broken_torch_is_a_problem_and_no_crash(does: str, text: str, remedy: str, tmp_path: Path) -> None:
    (found,) = (finding for finding in with_a_torch_that(does, tmp_path) if finding.level == "problem")
    assert found.subject == "trial" and text in found.text and found.remedy == remedy


def test_a_machine_that_is_slow_is_not_broken(tmp_path: Path) -> None:
    findings = with_a_torch_that("import time; time.sleep(100)", tmp_path, patience=6)
    assert not [finding for finding in findings if finding.level == "problem"]
    (found,) = (finding for finding in findings if finding.subject == "trial")
    assert found.text == "no answer within 6 seconds while importing torch"
    assert found.remedy == "python -m pointnc.doctor patience=12, when the machine is less busy"


STEPS = """
import json, sys, time
print("a library's greeting, without a line's end", end="")
for stage in range({stages}):
    print("\\n" + json.dumps({{"doing": stage}}), flush=True)
    time.sleep({pause})
print('{{"doing": ', end="", flush=True)  # half a line
{end}
"""


def test_who_makes_progress_is_waited_for() -> None:
    program = STEPS.format(stages=12, pause=0.3, end="print('\"done\"}')")
    outcome = Watched("-c", program).finish(lambda facts: 3 if facts else 60)  # less than all together
    assert (outcome.facts, outcome.waited, outcome.code) == ({"doing": "done"}, None, 0)


def test_the_last_whole_line_counts_of_who_hangs_or_crashes() -> None:
    seen: list[dict[str, Any]] = []

    def patience(facts: dict[str, Any]) -> float:
        seen.append(facts)
        return 30 if facts.get("doing") != 2 else 1

    hanging = Watched("-c", STEPS.format(stages=3, pause=0, end="time.sleep(100)"))
    crashing = Watched("-c", STEPS.format(stages=2, pause=0, end="raise SystemExit('the reason')"))
    outcome = hanging.finish(patience)
    assert (outcome.facts, outcome.waited) == ({"doing": 2}, 1)
    assert seen == [{}, {"doing": 0}, {"doing": 1}, {"doing": 2}]  # once for each line
    outcome = crashing.finish(lambda facts: 30)
    assert (outcome.facts, outcome.waited, outcome.code) == ({"doing": 1}, None, 1)
    assert "the reason" in outcome.error


def test_more_errors_than_a_pipe_holds_stop_nobody() -> None:
    program = "import sys; sys.stderr.write('x' * 1_000_000); print('{\"doing\": \"\"}')"
    outcome = Watched("-c", program).finish(lambda facts: 30)
    assert outcome.facts == {"doing": ""} and len(outcome.error) == 1_000_000
