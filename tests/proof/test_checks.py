"""The checks of ``doctor prove=true``: right things pass, wrong ones are noticed; on a GPU where there is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pointnc.environment import watch
from pointnc.proof import Outcome, Subject, __main__, networks, report, subjects
from pointnc.proof.convolutions import check_convolutions
from pointnc.proof.networks import check_checkpointing, check_networks, check_steps
from pointnc.proof.subjects import relative_error, room_voxels
from pointnc.proof.throughput import check_throughput
from pointnc.sparse import compiled_products, reference_products

ON_CPU = [Subject(torch.device("cpu"), "cpu"), Subject(torch.device("cpu"), "torch")]
CHECKS = [check_convolutions, check_networks, check_checkpointing, check_steps, check_throughput]


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def failing(outcomes: list[Outcome]) -> list[str]:
    return [f"{outcome.name}: {outcome.text}" for outcome in outcomes if not outcome.passed]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("subject", [s for s in subjects() if s.device.type == "cuda"], ids=lambda s: s.name)
def test_a_gpu_computes_what_the_cpu_does(subject: Subject, check: Callable[[Subject], list[Outcome]]) -> None:
    assert not failing(check(subject))


def test_this_machine_has_a_cpu_with_two_engines() -> None:
    assert subjects()[-2:] == ON_CPU


@pytest.mark.parametrize("subject", ON_CPU, ids=lambda s: s.name)
def test_a_cpu_computes_convolutions_as_in_float64(subject: Subject) -> None:
    outcomes = check_convolutions(subject)
    assert not failing(outcomes) and len(outcomes) == len(subject.precisions)
    assert 0 < outcomes[0].figures["relative_error"] < 1e-5


def test_a_wrong_product_and_a_wrong_gradient_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = compiled_products.convolve, compiled_products.weight_gradient
    monkeypatch.setattr(compiled_products, "convolve", lambda *arguments: right[0](*arguments) * 1.001)
    (outcome,) = check_convolutions(ON_CPU[0])
    assert not outcome.passed and outcome.figures["relative_error"] == pytest.approx(1e-3, rel=0.1)
    monkeypatch.setattr(compiled_products, "convolve", right[0])
    monkeypatch.setattr(compiled_products, "weight_gradient", lambda *arguments: right[1](*arguments) * float("nan"))
    (outcome,) = check_convolutions(ON_CPU[0])
    assert not outcome.passed and "gradient of the weight" in outcome.text


def test_networks_and_steps_agree_and_a_wrong_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "NETWORKS", ("minkunet_tiny",))
    monkeypatch.setattr(networks, "STEPS", 5)
    for check in (check_networks, check_checkpointing, check_steps):
        assert not failing(check(ON_CPU[1]))
    right = reference_products.convolve
    monkeypatch.setattr(
        reference_products, "convolve", lambda x, m, t, transposed=False: right(x, m, t, transposed) * 1.1
    )
    assert failing(check_networks(ON_CPU[1]))


def test_errors_are_relative_and_never_hidden() -> None:
    assert relative_error(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])) == 0
    assert relative_error(torch.tensor([3.0, 4.1]), torch.tensor([3.0, 4.0])) == pytest.approx(0.02)
    assert relative_error(torch.zeros(2), torch.zeros(3)) == float("inf")
    assert not relative_error(torch.tensor([float("nan")]), torch.ones(1)) <= 1
    assert relative_error(torch.zeros(0, 4), torch.zeros(0, 4)) == 0


@pytest.mark.parametrize("count", [10, 500, 4000])
def test_voxels_of_the_proof_are_distinct(count: int) -> None:
    coord = room_voxels(count, samples=2)
    assert coord.dtype == torch.int32 and coord.shape == (2 * count, 4) and coord.min() == 0
    assert len(coord.unique(dim=0)) == 2 * count


def test_one_check_that_raises_keeps_no_other_from_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Outcome]:
        raise RuntimeError("CUDA error: no kernel image\nis available")

    fine = Outcome("second", "cpu", True, "fine")
    monkeypatch.setattr(__main__, "checks", lambda folder: iter([("first", broken), ("second", lambda: [fine])]))
    said: list[dict[str, Any]] = []
    __main__.prove(tmp_path, lambda facts: said.append(json.loads(json.dumps(facts))))
    assert [facts["doing"] for facts in said] == ["first", "second", ""]
    first, second = said[-1]["outcomes"]
    assert not first["passed"] and first["text"] == "fails: RuntimeError: CUDA error: no kernel image is available"
    assert second["passed"] and second["text"] == "fine"
    monkeypatch.setattr(__main__, "BUDGET", -1.0)
    __main__.prove(tmp_path, said.append)
    assert all("not tried" in outcome["text"] and not outcome["passed"] for outcome in said[-1]["outcomes"])


class Ended:
    """A process that dies after its first outcome."""

    def __init__(self, *arguments: str) -> None:
        assert arguments == ("-m", "pointnc.proof")

    def finish(self, patience: Callable[[dict[str, Any]], float]) -> watch.Outcome:
        facts = {"doing": "networks on cuda", "outcomes": [Outcome("a", "cuda", True, "fine").to_dict()]}
        patience(facts)
        return watch.Outcome(facts, None, -11, "Fatal Python error\nSegmentation fault")


def test_a_process_that_dies_says_during_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "Watched", Ended)
    lines: list[str] = []
    outcomes = report.report(lines.append)
    assert [outcome["passed"] for outcome in outcomes] == [True, False]
    assert lines[0].startswith("  a (cuda)") and lines[1].startswith("! networks on cuda")
    assert "signal 11" in lines[1] and "Segmentation fault" in lines[1]
