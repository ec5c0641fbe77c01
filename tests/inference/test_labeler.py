"""Voxels to points against a plain loop."""

import numpy as np
import pytest
import torch

from pointnc.data.batch import collate, make_sample
from pointnc.inference import labeler
from pointnc.inference.labeler import PointVotes, label_points
from pointnc.scenes.scene import Scene
from tests.helpers.mistakes import raises


def scenes() -> list[Scene]:
    rng = np.random.default_rng(0)
    return [Scene(f"s{n}", rng.uniform(-1, 1, (n, 3)).astype(np.float32)) for n in (50, 1, 300)]


def test_every_point_gets_its_voxel_s_class() -> None:
    batch = collate([make_sample(scene, ["coord"], 0.3, full_resolution=True) for scene in scenes()])
    logits = torch.randn(len(batch), 7, generator=torch.Generator().manual_seed(0))
    labels = label_points(logits, batch)
    assert [len(label) for label in labels] == [50, 1, 300]
    for number, (scene, label) in enumerate(zip(scenes(), labels)):
        cells = np.floor(scene.coord / np.float32(0.3)).astype(int)
        cells -= cells.min(axis=0)
        rows = {tuple(row[1:]): i for i, row in enumerate(batch.coord.tolist()) if row[0] == number}
        for cell, value in zip(cells, label.tolist()):
            assert value == int(logits[rows[tuple(cell)]].argmax())


def test_training_batches_are_refused() -> None:
    batch = collate([make_sample(scene, ["coord"], 0.3) for scene in scenes()])
    with raises("missing-array", "full_resolution=true"):
        label_points(torch.zeros(len(batch), 2), batch)


def test_votes_of_several_passes_are_the_mean_of_their_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    passes = [(torch.randn(V, 4, generator=generator), torch.randint(V, (90,), generator=generator)) for V in (9, 30)]
    own = torch.randn(90, 4, generator=generator)
    votes = PointVotes()
    for logits, voxel in passes:
        votes.add(logits, voxel)
    # A third pass in two parts, as fragments bring it.
    order = torch.randperm(90, generator=generator)
    for part in (order[:33], order[33:]):
        votes.add_some(own[part], part, 90)
    expected = np.zeros((90, 4))
    for point in range(90):
        for row in (*(logits[voxel[point]] for logits, voxel in passes), own[point]):
            weights = np.exp(row.double().numpy())
            expected[point] += weights / weights.sum() / 3
    np.testing.assert_allclose(votes.probabilities(), expected, atol=1e-6)
    np.testing.assert_allclose(votes.confidence(), expected.max(axis=1), atol=1e-6)
    assert votes.labels().tolist() == expected.argmax(axis=1).tolist()


def test_a_single_pass_goes_by_logits_that_probabilities_cannot_tell_apart() -> None:
    logits = torch.tensor([[0.0, 1e-9, -1.0]])
    assert logits.softmax(1).argmax() == 0
    votes = PointVotes()
    votes.add(logits, torch.zeros(3, dtype=torch.int64))
    assert votes.labels().tolist() == [1, 1, 1]
    assert torch.equal(votes.confidence(), votes.probabilities().amax(dim=1))


@pytest.mark.parametrize("threads", [1, 3])
def test_compiled_loops_and_torch_count_the_same_to_the_bit(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    passes = [(torch.randn(40, 19, generator=generator), torch.randint(40, (300,), generator=generator))] * 3
    found, before = [], torch.get_num_threads()
    torch.set_num_threads(threads)
    for compiled in (labeler._loops_for(passes[0][0]), None):
        monkeypatch.setattr(labeler, "_loops_for", lambda scores, loops=compiled: loops)
        votes = PointVotes()
        for logits, voxel in passes:
            votes.add(logits, voxel)
        found.append((votes.labels(), votes.confidence(), votes.probabilities()))
    torch.set_num_threads(before)
    assert all(torch.equal(ours, plain) for ours, plain in zip(*found, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("compiled", [True, False])
def test_the_best_class_is_the_first_of_the_highest(
    compiled: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(labeler, "_loops_for", lambda scores: None)
    # Whole numbers from few: nearly every row has its highest score more than once.
    scores = torch.randint(4, (500, 21), generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    expected = [row.index(max(row)) for row in scores.tolist()]
    assert labeler.best_class(scores, scores.amax(dim=1)).tolist() == expected
    one_class = torch.full((3, 1), -5.0)
    assert labeler.best_class(one_class, one_class.amax(dim=1)).tolist() == [0, 0, 0]


def test_scores_that_are_no_numbers_get_a_class_of_the_set() -> None:
    scores = torch.full((2, 5), float("nan"))
    assert all(0 <= label < 5 for label in labeler.best_class(scores, scores.amax(dim=1)).tolist())


def test_votes_may_be_read_and_then_go_on() -> None:
    logits = [
        torch.randn(5, 3, generator=torch.Generator().manual_seed(number), requires_grad=True) for number in range(3)
    ]
    voxel = torch.arange(20) % 5
    votes = PointVotes()
    for number, scores in enumerate(logits):
        votes.add(scores, voxel)
        mean = torch.stack([other.softmax(1) for other in logits[: number + 1]]).mean(0)[voxel]
        torch.testing.assert_close(votes.confidence(), mean.amax(dim=1))
        assert torch.equal(votes.labels(), mean.argmax(dim=1))


def test_many_points_are_looked_up_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labeler, "CHUNK", 7)
    monkeypatch.setattr(labeler, "_loops_for", lambda scores: None)
    logits, voxel = torch.randn(5, 3), torch.arange(50) % 5
    votes = PointVotes()
    votes.add(logits, voxel)
    votes.add(logits, voxel)
    torch.testing.assert_close(votes.probabilities(), logits.softmax(1)[voxel])
