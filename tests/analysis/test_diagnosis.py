"""What is said of a regularizer, on networks whose features are given; and the joining of scenes to batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pointnc.analysis import checkpoint_forces as forces
from pointnc.analysis.checkpoint_forces import ForceMeasurement
from pointnc.analysis.diagnosis import diagnose
from pointnc.analysis.objective import Objective
from pointnc.analysis.subject import Subject, TrainedRun
from pointnc.benchmarks.scannet import taxonomy
from pointnc.collapse import CenterObserver, CenterRegularizer, ClassScatter, RegionRebalance
from pointnc.collapse.conflict import ForceTally
from pointnc.collapse.forces import forces_of
from pointnc.collapse.targets import reach_of_orthant, reach_of_span
from pointnc.data.batch import VoxelBatch
from pointnc.losses import CrossEntropy
from pointnc.models.minkunet import MinkUNet
from pointnc.models.segmentor import Segmentor, SegmentorOutput
from pointnc.training.collapse_meter import CollapseMeter
from pointnc.weights.source import Source
from pointnc.weights.trained import Trained

CLASSES = taxonomy("scannet20")
PAPER: dict[str, Any] = {"centers": "batch", "reduction": "sum", "weight": 0.1}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def subject(regularizer: CenterObserver, features: Tensor, labels: Tensor, **plan: Any) -> Subject:
    """A network of a plan that gave these features, and the regularizer of its run."""
    model = Segmentor(MinkUNet(3, [4, 6, 6, features.shape[1]], [1, 1, 1, 1], **plan), 20)
    trained = Trained(Source(Path("best.ckpt"), model, {}, {}, CLASSES, ("color",), 0.1), model.eval())
    meter = CollapseMeter(CLASSES)
    meter.scatter = ClassScatter(20, features.shape[1], torch.zeros(20, dtype=torch.long))
    meter.scatter.update(features, labels)
    objective = Objective(CrossEntropy().eval(), regularizer.eval(), 2)
    return Subject(
        TrainedRun("it", trained, objective=objective), meter, None, torch.zeros(20, 21).numpy(), float(features.min())
    )


def everything(dim: int) -> tuple[Tensor, Tensor]:
    return torch.randn(60, dim), torch.arange(60) % 20


def test_a_relu_confines_the_centers_but_not_their_differences() -> None:
    features, labels = everything(24)
    for recenter in (False, True):
        regularizer = CenterRegularizer(20, 24, **PAPER, recenter=recenter)
        found = diagnose(subject(regularizer, features.relu(), labels))
        targets = regularizer.targets()
        assert targets is not None
        expected = torch.ones(20) if recenter else reach_of_orthant(targets).float()
        torch.testing.assert_close(torch.from_numpy(found.classes["reach"]).float(), expected)
        assert found.classes["reach_from_mean"].tolist() == [1] * 20
        means = torch.stack([features.relu()[labels == k].mean(dim=0) for k in range(20)])
        means = means - means.mean(dim=0) if recenter else means
        cosine = torch.nn.functional.cosine_similarity(means, targets, dim=1)
        torch.testing.assert_close(torch.from_numpy(found.classes["reached"]).float(), cosine)
        assert found.groups["all"]["reached"] == pytest.approx(cosine.mean().item(), abs=1e-6)
        assert found.recentered == recenter
    # Features that are negative somewhere are not behind a ReLU, and nothing is known to confine them.
    assert diagnose(subject(CenterRegularizer(20, 24, **PAPER), features, labels)).groups["all"]["reach"] == 1


def test_a_narrow_last_layer_spans_a_part_of_a_wide_frame() -> None:
    features, labels = everything(24)
    regularizer = CenterRegularizer(20, 30, **PAPER)
    network = subject(regularizer, features, labels, out_channels=30)
    network.meter.scatter = ClassScatter(20, 30, torch.zeros(20, dtype=torch.long))
    network.meter.scatter.update(torch.randn(60, 30), labels)
    found = diagnose(network)
    matrix = network.source.trained.model.backbone.last_map()
    targets = regularizer.targets()
    assert matrix is not None and targets is not None and matrix.shape == (30, 24)
    assert found.features == {"channels": 30, "least": pytest.approx(features.min().item()), "rank": 24}
    torch.testing.assert_close(torch.from_numpy(found.classes["reach"]), reach_of_span(targets, matrix))
    assert 0.7 < found.groups["all"]["reach"] < 0.95


@pytest.mark.parametrize("options", [{"out_channels": 7}, {"neck": 9}, {"out_channels": 7, "neck": 9}])
def test_the_last_map_is_what_the_features_come_out_of(options: dict[str, int]) -> None:
    backbone = MinkUNet(3, [4, 6, 6, 5], [1, 1, 1, 1], **options).eval()
    matrix = backbone.last_map()
    assert matrix is not None and matrix.shape[0] == backbone.out_channels
    coord = torch.tensor([[0, x, y, 0] for x in range(4) for y in range(4)], dtype=torch.int32)
    inside: list[Tensor] = []
    last = backbone.neck.project if "neck" in options else backbone.projection
    last.register_forward_pre_hook(lambda module, inputs: inside.append(inputs[0].features))
    with torch.no_grad():
        out = backbone(coord, torch.randn(16, 3), 1)
        given = inside[0] @ matrix.T + last.bias
    # The order of the voxels is that of the grid inside: compared as sets of rows.
    torch.testing.assert_close(out[out[:, 0].argsort()], given[given[:, 0].argsort()], rtol=1e-4, atol=1e-5)


def test_behind_a_relu_there_is_no_last_map() -> None:
    assert MinkUNet(3, [4, 6, 6, 5], [1, 1, 1, 1]).last_map() is None


@pytest.mark.parametrize("kind", ["mlp", "regions"])
def test_without_fixed_targets_forces_are_all_there_is(kind: str) -> None:
    features, labels = everything(24)
    regularizer = (
        RegionRebalance(20, 24)
        if kind == "regions"
        else CenterRegularizer(20, 24, **PAPER, projector="mlp", project="always")
    )
    if kind == "regions":
        nn.init.normal_(regularizer.classifier)
    network = subject(regularizer, features, labels)
    tally = ForceTally.of(torch.randn(20, 24), torch.randn(20, 24))
    found = diagnose(Subject(**{**vars(network), "forces": tally}))
    assert found.targets == {} and set(found.classes) == {"ratio", "cosine"}
    assert any("not fixed directions" in line for line in found.remarks)
    assert set(found.groups["all"]) == {"ratio", "cosine", "conflict", "loss_share", "regularizer_share"}


def test_a_distilled_run_says_what_its_forces_leave_out() -> None:
    network = subject(CenterRegularizer(20, 24, **PAPER), *everything(24))
    assert not diagnose(network).remarks
    distilled = replace(network.source.objective, distilled=True)
    (remark,) = diagnose(replace(network, source=replace(network.source, objective=distilled))).remarks
    assert "teacher" in remark


def test_without_a_regularizer_there_are_features() -> None:
    features, labels = everything(24)
    for regularizer in (CenterObserver(20, 24), CenterRegularizer(20, 24, **{**PAPER, "weight": 0.0})):
        found = diagnose(subject(regularizer, features, labels))
        assert (found.weight, found.targets, found.groups, found.remarks) == (0, {}, {}, [])
        assert found.features["channels"] == 24


def scenes() -> list[tuple[Tensor, Tensor]]:
    return [(torch.randn(size, 6), torch.randint(-1, 20, (size,))) for size in (30, 20, 40)]


def measured(pairs: list[tuple[Tensor, Tensor]], batch_size: int) -> ForceTally:
    objective = Objective(CrossEntropy().eval(), CenterRegularizer(20, 6, **PAPER).eval(), batch_size)
    torch.manual_seed(1)
    measurement = ForceMeasurement(objective, nn.Linear(6, 20), 20, torch.device("cpu"))
    for features, labels in pairs:
        batch = SimpleNamespace(segment=labels)
        with torch.no_grad():
            measurement.update(SegmentorOutput(features, features.new_zeros(len(features), 20)), as_batch(batch))
    measurement.finish()
    assert measurement.tally is not None
    return measurement.tally


def as_batch(batch: Any) -> VoxelBatch:
    return batch


def slowly(batches: list[tuple[Tensor, Tensor]]) -> ForceTally:
    """The same over batches that are given."""
    torch.manual_seed(1)
    head, regularizer = nn.Linear(6, 20), CenterRegularizer(20, 6, **PAPER).eval()
    tallies = []
    for features, labels in batches:
        features = features.clone().requires_grad_()
        loss, pull = CrossEntropy()(head(features), labels), 0.1 * regularizer(features, labels)
        tallies.append(ForceTally.of(*(forces_of(value, features, labels, 20) for value in (loss, pull))))
    return sum(tallies[1:], tallies[0])


def assert_same(first: ForceTally, second: ForceTally) -> None:
    for name, value in vars(first).items():
        torch.testing.assert_close(value.float(), vars(second)[name], msg=name)


def joined(*pairs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    features, labels = (torch.cat(parts) for parts in zip(*pairs))
    return features, labels


def test_scenes_are_joined_as_in_training_and_none_is_left() -> None:
    given = scenes()
    assert_same(measured(given, 2), slowly([joined(*given[:2]), given[2]]))
    assert_same(measured(given, 1), slowly(given))


def test_scenes_that_are_too_large_together_are_measured_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    given = scenes()
    monkeypatch.setattr(forces, "LARGEST", 60)
    assert_same(measured(given, 3), slowly([joined(*given[:2]), given[2]]))
    monkeypatch.setattr(forces, "LARGEST", 10)
    assert_same(measured(given, 3), slowly(given))


def test_features_that_are_not_finite_take_no_part() -> None:
    given = scenes()
    spoiled = [(features.clone(), labels.clone()) for features, labels in given]
    spoiled[0][0][:7, 2] = torch.nan
    kept = [(features.clone(), labels.clone()) for features, labels in given]
    kept[0][0][:7] = 0
    kept[0][1][:7] = -1
    assert_same(measured(spoiled, 3), slowly([joined(*kept)]))
