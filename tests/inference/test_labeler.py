"""Voxels to points against a plain loop."""

import numpy as np
import pytest
import torch

from pointnc.data.batch import collate, make_sample
from pointnc.errors import UserError
from pointnc.inference import labeler
from pointnc.inference.labeler import PointVotes, label_points
from pointnc.scenes.scene import Scene


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
    with pytest.raises(UserError, match="full_resolution=true"):
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


def test_many_points_are_looked_up_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labeler, "CHUNK", 7)
    logits, voxel = torch.randn(5, 3), torch.arange(50) % 5
    votes = PointVotes()
    votes.add(logits, voxel)
    votes.add(logits, voxel)
    torch.testing.assert_close(votes.probabilities(), logits.softmax(1)[voxel])
