"""A classifier that is fitted again: what is sampled, what the fit comes to, and what becomes of the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from omegaconf import DictConfig
from torch import Tensor

from pointnc.inference.predictor import Predictor
from pointnc.models.heads import LinearHead
from pointnc.scenes.store import SceneStore
from pointnc.scoring.confusion import confusion
from pointnc.scoring.tables import score
from pointnc.training import results
from pointnc.training.refit import ClassifierRefit
from pointnc.training.reservoir import ClassReservoir
from pointnc.training.resumed import resumed_config
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from pointnc.weights.trained import load_trained
from tests.helpers.mistakes import raises
from tests.training import test_run
from tests.training.test_run import store  # noqa: F401


def stream(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows that are their own number, of classes that are rare and frequent; some of none."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.multinomial(torch.tensor([0.1, 0.6, 0.25, 0.05]), count, True, generator=generator) - 1
    return torch.arange(count)[:, None].double(), labels


@pytest.mark.parametrize("cuts", [[5000], [1, 1999, 3000], [50] * 100])
def test_a_reservoir_keeps_the_least_keys_however_the_stream_is_cut(cuts: list[int]) -> None:
    rows, labels = stream(5000)
    reservoir = ClassReservoir(4, 300, seed=3)
    reservoir._next = 0
    for part, own in zip(rows.split(cuts), labels.split(cuts)):
        reservoir.add(part, own)
    keys = torch.rand(5000, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    kept, classes = reservoir.sample()
    assert reservoir.counts.tolist() == [int((labels == k).sum()) for k in range(4)]
    for k in range(4):
        members = (labels == k).nonzero()[:, 0]
        expected = members[keys[members].argsort()][:300]
        assert sorted(kept[classes == k, 0].long().tolist()) == sorted(expected.tolist())
    assert classes.tolist() == sorted(classes.tolist()) and (classes == 2).sum() < 300 and not (classes == 3).any()


def test_an_empty_stream_is_no_sample() -> None:
    with pytest.raises(ValueError, match="no rows"):
        ClassReservoir(3, 2).sample()


def blobs(counts: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Classes as normal distributions that overlap, far from 0 and of unlike spread in each channel."""
    generator = torch.Generator().manual_seed(seed)
    centers = 0.6 * torch.randn(len(counts), 6, generator=torch.Generator().manual_seed(9))
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    rows = centers[labels] + torch.randn(len(labels), 6, generator=generator)
    return rows * torch.tensor([1, 10, 0.1, 3, 30, 1.0]) + 50, labels


def test_the_fit_is_that_of_logistic_regression() -> None:
    """Against a search by L-BFGS, whose optimum is the only one: the problem is convex."""
    rows, labels = blobs([900, 500, 60, 8])
    counts = torch.tensor([9000, 500, 60, 8])
    weight, bias = ClassifierRefit(tau=0.0, epochs=3000, weight_decay=0.0, lr=0.05).fit(rows, labels, counts)
    shift = torch.bincount(labels).double().log() - counts.double().log()
    x = ((rows - rows.mean(0)) / rows.std(0)).double()
    W, b = (torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in ((4, 6), (4,)))
    search = torch.optim.LBFGS([W, b], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def closure() -> Tensor:
        search.zero_grad()
        loss = F.cross_entropy(F.linear(x, W, b + shift), labels)
        loss.backward()
        return loss

    search.step(closure)  # type: ignore[arg-type]
    best = float(closure().detach())
    ours = float(F.cross_entropy(F.linear(rows, weight, bias).double() + shift, labels))
    assert best <= ours < best + 2e-3
    said, expected = F.linear(rows, weight, bias).softmax(1), F.linear(x, W, b).softmax(1).detach()
    assert float((said - expected).abs().mean()) < 2e-3


def test_tau_moves_what_the_classes_are_taken_to_weigh() -> None:
    """The frequent class loses the points in between, as far as its share is taken off."""
    rows, labels = blobs([500, 500])
    counts = torch.tensor([90_000, 500])
    shares = []
    for tau in (0.0, 0.5, 1.0):
        weight, bias = ClassifierRefit(tau=tau, epochs=1000, lr=0.05).fit(rows, labels, counts)
        shares.append(float((F.linear(rows, weight, bias).argmax(1) == 0).float().mean()))
    assert shares[0] > shares[1] + 0.02 > shares[2] + 0.04 and shares[2] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "counts", [[3_000_000, 1_000_000, 300_000, 30_000, 3_000], [int(3e7 / rank**2) for rank in range(1, 21)]]
)
def test_few_classes_reach_the_best_rule_with_the_settings_that_everybody_has(counts: list[int]) -> None:
    """Normal distributions around known centers, of which the best rule for shares^0.8 can be written down."""
    generator = torch.Generator().manual_seed(0)
    seen, kept = torch.tensor(counts), torch.tensor(counts).clamp_max(4000)
    centers = 0.45 * torch.randn(len(counts), 48, generator=generator)

    def drawn(numbers: Tensor) -> tuple[Tensor, Tensor]:
        labels = torch.repeat_interleave(torch.arange(len(counts)), numbers)
        return centers[labels] + torch.randn(len(labels), 48, generator=generator), labels

    weight, bias = ClassifierRefit().fit(*drawn(kept), seen)
    rows, labels = drawn((seen / seen.sum() * 100_000).long() + 1)
    best = F.linear(rows, centers, 0.8 * seen.log() - centers.square().sum(1) / 2)
    miou = [_miou(scores, labels) for scores in (F.linear(rows, weight, bias), best)]
    assert miou[0] > miou[1] - 1.5


def _miou(scores: Tensor, labels: Tensor) -> float:
    hits = torch.zeros(scores.shape[1], scores.shape[1]).index_put_(
        (labels, scores.argmax(1)), torch.ones(len(labels)), accumulate=True
    )
    union = hits.sum(0) + hits.sum(1) - hits.diag()
    return float(100 * (hits.diag() / union)[union > 0].mean())


def test_a_class_that_no_scene_has_is_never_given() -> None:
    rows, labels = blobs([500, 80])
    head = LinearHead(6, 4)
    ClassifierRefit(epochs=30)(head, [(rows[:300], labels[:300]), (rows[300:], labels[300:])])
    assert set(head(rows).argmax(1).tolist()) == {0, 1}


def test_without_labels_there_is_nothing_to_fit() -> None:
    with raises("no-labels", "refit=none"):
        ClassifierRefit()(LinearHead(6, 2), [(torch.zeros(5, 6), torch.full((5,), -1))])


@pytest.mark.parametrize("option", [{"samples": 0}, {"tau": -1}, {"epochs": 0}, {"lr": 0}, {"weight_decay": -0.1}])
def test_options_out_of_range_get_a_line(option: dict[str, float]) -> None:
    with raises("option", *option):
        ClassifierRefit(**option)  # type: ignore[arg-type]


def configure(store: Path, run: Path, *overrides: str) -> DictConfig:  # noqa: F811
    return test_run.configure(store, run, "refit=balanced", *overrides)


@pytest.fixture(scope="module")
def run(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    return train(configure(store, tmp_path_factory.mktemp("refit") / "run", "refit.epochs=3"))


def test_a_run_ends_with_the_classifier_that_it_has_scored(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    best, last = (read_checkpoint(run / "checkpoints" / f"{name}.ckpt") for name in ("best", "last"))
    assert best.before_refit == metrics["before_refit"] and last.before_refit is None
    assert metrics["before_refit"].keys() == {"miou", "head", "common", "tail"} and "refit" in metrics["seconds"]
    assert "fitted again when training was done" in (run / "report.html").read_text()
    trained = load_trained(run, "cpu")
    scenes = SceneStore(trained.source.store)
    predictor = Predictor(trained.model, trained.features, trained.voxel_size)
    counts = 0
    for name in scenes.scenes("val"):
        scene = scenes.load("val", name, trained.taxonomy.segment)
        counts = counts + confusion(predictor.predict(scene).labels, scene.semantic, len(trained.taxonomy))
    assert score(counts, trained.taxonomy).miou == pytest.approx(metrics["miou"], abs=1e-4)


def test_features_stay_and_the_classifier_is_another(run: Path, store: Path, tmp_path: Path) -> None:  # noqa: F811
    plain = train(configure(store, tmp_path / "run", "refit=none"))
    states = [read_checkpoint(one / "checkpoints" / "best.ckpt").model_state for one in (plain, run)]
    changed = [name for name, value in states[0].items() if not torch.equal(value, states[1][name])]
    assert changed == ["head.weight", "head.bias"]
    before = json.loads((run / "metrics.json").read_text())["before_refit"]
    metrics = json.loads((plain / "metrics.json").read_text())
    assert "before_refit" not in metrics and all(metrics[name] == value for name, value in before.items())


def test_a_finished_run_is_not_fitted_twice_and_one_that_goes_on_is_again(run: Path, store: Path) -> None:  # noqa: F811
    path = run / "checkpoints" / "best.ckpt"
    first, metrics = read_checkpoint(path), json.loads((run / "metrics.json").read_text())
    for epochs in (3, 5):
        overrides = ["resume=auto", f"trainer.max_epochs={epochs}"]
        train(resumed_config(configure(store, run, *overrides), overrides))
        now, again = read_checkpoint(path), json.loads((run / "metrics.json").read_text())
        same = torch.equal(first.model_state["head.weight"], now.model_state["head.weight"])
        assert same == (now.data["epoch"] == first.data["epoch"]) and now.before_refit == again["before_refit"]
        if epochs == 3:
            assert {**again, "seconds": 0} == {**metrics, "seconds": 0}


def test_a_classifier_that_scores_worse_is_not_kept(
    store: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spoil(self: ClassifierRefit, rows: Tensor, labels: Tensor, counts: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(200, rows.shape[1]), torch.eye(200)[13]

    plain = train(configure(store, tmp_path / "plain", "refit=none"))
    monkeypatch.setattr(ClassifierRefit, "fit", spoil)
    curves: list[dict[str, list[tuple[int, float]]]] = []
    write = results.write
    monkeypatch.setattr(results, "write", lambda *given: (curves.append(given[5]), write(*given)))
    run = train(configure(store, tmp_path / "run"))
    assert [step for step, _ in curves[0]["val/miou"]] == [6]  # without that of the refit, nor the best epoch again
    first, second = (json.loads((one / "metrics.json").read_text()) for one in (plain, run))
    assert second.pop("rejected_refit")["miou"] == 0 and "before_refit" not in second
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    states = [read_checkpoint(one / "checkpoints" / "best.ckpt").model_state for one in (plain, run)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert "fitted again it is worse" in (run / "report.html").read_text()


def test_a_classifier_that_is_fixed_stays(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    overrides = ["head=etf", "trainer.max_epochs=1"]
    done = train(configure(store, tmp_path / "run", *overrides))
    assert "before_refit" not in json.loads((done / "metrics.json").read_text())
    assert "stays as it was trained, since this is a ETFHead" in capsys.readouterr().out


def test_the_checkpoint_that_a_run_goes_on_from_is_never_changed(
    store: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a validation there is no best epoch, and the result is read from the last checkpoint."""
    plain, run = (
        train(configure(store, tmp_path / refit, f"refit={refit}", "trainer.check_val_every_n_epoch=9"))
        for refit in ("none", "balanced")
    )
    assert "no epoch has a validation score" in capsys.readouterr().out
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    first, second = (read_checkpoint(one / "checkpoints" / "last.ckpt") for one in (plain, run))
    assert second.before_refit is None
    assert all(torch.equal(value, second.model_state[name]) for name, value in first.model_state.items())
