"""Studies: what is run, what is kept, and the arithmetic of the table."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy import stats

from pointnc.studies import Study, collect, read_study, run_all
from pointnc.studies.picture import picture
from pointnc.studies.plan import Run
from pointnc.studies.record import Record
from pointnc.studies.running import is_done
from pointnc.studies.writing import markdown
from tests.helpers import commands
from tests.helpers.mistakes import raises
from tests.robustness.forks import forks

BASE: dict[str, Any] = {
    "title": "T", "baseline": "ce", "common": ["a=1"], "methods": {"ce": ["b=2"], "other": None}, "seeds": [0, 1],
    "folder": "runs", "only": None, "notes": None,
}  # fmt: skip


def study(**changes: Any) -> Study:
    return read_study(OmegaConf.create({**BASE, **changes}))


def test_every_method_runs_with_every_seed() -> None:
    runs = study().runs()
    assert [(run.method, run.seed) for run in runs] == [("ce", 0), ("other", 0), ("ce", 1), ("other", 1)]
    assert runs[2].arguments == ["a=1", "b=2", "seed=1", f"run_dir={Path('runs').absolute()}/ce/seed1", "resume=auto"]
    assert len({run.folder for run in runs}) == 4


def test_a_method_that_takes_what_another_has_trained_is_known_wherever_the_study_is(tmp_path: Path) -> None:
    methods = {"ce": [], "taught": ["teacher={folder}/ce/seed0"]}
    here, there = (study(methods=methods, seeds=[0], folder=str(tmp_path / name)) for name in ("here", "there"))
    taught = next(run for run in here.runs() if run.method == "taught")
    assert taught.arguments[1] == f"teacher={tmp_path}/here/ce/seed0"
    write_metrics(taught, (1, 2, 3, 4), {"a": 1.0})
    assert Record(tmp_path / "out.jsonl").add(taught)
    assert [run.method for run in there.runs() if run in Record(tmp_path / "out.jsonl")] == ["taught"]


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"methods": {}}, ("missing-setting", "experiment=")),
        ({"methods": {"../x": []}}, ("bad-name", "methods.../x")),
        ({"methods": {"ce": "loss=focal"}}, ("option", "ce:", "loss=focal")),
        ({"methods": {"ce": ["focal"]}}, ("option", "ce:", "loss=focal")),
        ({"seeds": []}, ("option", "seeds=[]")),
        ({"seeds": [0, 0]}, ("ambiguous", "seeds=[0, 0]")),
        ({"seeds": ["a"]}, ("option", "seeds=['a']")),
        ({"seeds": "12"}, ("option", "seeds=12")),
        ({"seeds": [True]}, ("option", "seeds=[True]")),
        ({"seeds": -1}, ("option", "seeds=-1")),
        ({"methods": 5}, ("option", "methods=5")),
        ({"methods": {"ce": [], "b": {"override": ["a=1"], "seeds": [0]}}}, ("unknown-name", "methods.b", "override")),
        ({"methods": {"ce": [], "b": {"overrides": ["a=1"], "seeds": "x"}}}, ("option", "methods.b.seeds=x")),
        ({"baseline": "none"}, ("unknown-name", "baseline=none", "ce, other")),
        ({"only": ["focal"]}, ("unknown-name", "only=['focal']", "ce, other")),
        ({"only": "focal"}, ("unknown-name", "only=['focal']", "ce, other")),
    ],
)
def test_bad_studies_get_a_line(changes: dict[str, Any], mistake: tuple[str, ...]) -> None:
    with raises(*mistake):
        study(**changes)


def write_metrics(run: Run, scores: tuple[float, float, float, float | None], per_class: dict[str, float]) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    metrics = dict(zip(("miou", "head", "common", "tail"), scores), per_class=per_class, seconds={"train": 7.0})
    metrics["collapse"] = {"all": {"nc1": 0.5}, "head": {"nc1": 0.1}}
    (run.folder / "metrics.json").write_text(json.dumps(metrics))


def test_the_table_is_right(tmp_path: Path) -> None:
    made = study(folder=str(tmp_path), seeds=[0, 1, 2])
    rng = np.random.default_rng(0)
    scores = {run: rng.uniform(10, 20, 4) for run in made.runs()}
    classes = {run: dict(zip("abcdefgh", rng.uniform(0, 50, 8).tolist())) for run in made.runs()}
    for run, values in scores.items():
        write_metrics(run, (*values[:3].tolist(), None if run.seed == 2 else values[3]), classes[run])
    table = collect(made)

    def of(method: str, column: int, seeds: int = 3) -> np.ndarray:
        return np.array([scores[run][column] for run in made.runs() if run.method == method][:seeds])

    mean, deviation = table.statistics("other")["miou"]
    assert mean == pytest.approx(of("other", 0).mean()) and deviation == pytest.approx(of("other", 0).std(ddof=1))
    assert table.statistics("ce")["tail"][0] == pytest.approx(of("ce", 3, 2).mean())
    assert table.statistics("ce")["nc1"] == (0.5, 0.0)
    compared = table.compare("other", "ce")
    assert compared.difference["head"] == pytest.approx((of("other", 1) - of("ce", 1)).mean())
    assert compared.deviation["head"] == pytest.approx((of("other", 1) - of("ce", 1)).std(ddof=1))
    assert compared.p_seeds["head"] == pytest.approx(stats.ttest_rel(of("other", 1), of("ce", 1)).pvalue)
    assert compared.p_seeds["tail"] == pytest.approx(stats.ttest_rel(of("other", 3, 2), of("ce", 3, 2)).pvalue)
    means = {m: np.mean([list(classes[r].values()) for r in made.runs() if r.method == m], 0) for m in made.methods}
    assert compared.p_classes == pytest.approx(stats.wilcoxon(means["other"], means["ce"]).pvalue)

    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert len(rows) == 6 and rows[0]["method"] == "ce" and rows[2]["tail"] == ""
    assert float(rows[4]["miou"]) == pytest.approx(of("other", 0)[1], rel=1e-5)
    text = markdown(table, "the command", "picture.png")
    assert f"{mean:.2f} ± {deviation:.2f}" in text and "the command" in text and "a=1" in text
    assert picture(table).startswith(b"\x89PNG")


def test_a_single_seed_has_no_deviation_and_no_test(tmp_path: Path) -> None:
    made = study(folder=str(tmp_path), seeds=[3])
    for run in made.runs():
        write_metrics(run, (1, 2, 3, 4), {"a": 1.0})
    table = collect(made)
    assert math.isnan(table.statistics("ce")["miou"][1])
    assert math.isnan(table.compare("other", "ce").p_seeds["miou"])
    assert math.isnan(table.compare("other", "ce").p_classes)
    assert "nan" not in markdown(table, "", "")
    assert "\n\nMind the seed.\n" in markdown(collect(study(folder=str(tmp_path), notes="Mind the seed.\n")), "", "")


def test_methods_may_have_seeds_of_their_own() -> None:
    methods = {"ce": [], "b": {"overrides": ["c=3"], "seeds": [1]}, "d": {"overrides": ["e=4"], "seeds": [0, 5]}}
    made = study(methods=methods)
    runs = [(run.method, run.seed) for run in made.runs()]
    assert runs == [("ce", 0), ("d", 0), ("ce", 1), ("b", 1), ("d", 5)] and made.methods["b"] == ("c=3",)
    assert [run.seed for run in study(methods=methods, only=["ce"], baseline="ce").runs()] == [0, 1]
    assert [run.seed for run in study(methods={"ce": []}, seeds=7).runs()] == [7]
    with raises("option", "methods.b.seeds=None"):
        study(methods={"ce": [], "b": {"overrides": ["c=3"]}})
    with raises("option", "b: give a list"):
        study(methods={"ce": [], "b": {"overrides": "c=3", "seeds": [1]}})


def test_forms_and_variants_have_tables_of_their_own(tmp_path: Path) -> None:
    """A form is judged against its recipe in the same variant; a longer training is no rival of a shorter one."""
    names = ["ce", "ce+centers", "ce@long", "ce+centers@long", "ce+centers@wide"]
    made = study(folder=str(tmp_path), methods={name: [f"name={name}"] for name in names})
    base = {"ce": 20.0, "ce+centers": 23.0, "ce@long": 30.0, "ce+centers@long": 31.0, "ce+centers@wide": 40.0}
    for run in made.runs():
        write_metrics(run, (base[run.method] + run.seed, 1, 2, 3), {"a": 1.0})
        about = json.loads((run.folder / "metrics.json").read_text())
        about |= {"steps": 900 if "@long" in run.method else 300, "model": "wide" if "@wide" in run.method else "tiny"}
        (run.folder / "metrics.json").write_text(json.dumps(about))
    table = collect(made)
    assert [list(table.curve(name)) for name in ("ce", "ce+centers")] == [[300, 900]] * 2
    assert table.curve("ce+centers")[900]["miou"] == 31.5
    text = markdown(table, "", "")
    first, forms, against, curve, variants = (part for part in text.split("\n## ")[:5])
    assert "@" not in first.split("|", 1)[1] and against.startswith("Against ce\n") and "@" not in against
    assert forms.startswith("Each form") and "@wide" not in forms
    assert "| **ce+centers** | ce | +3.00 ± 0.00" in forms and "| **ce+centers@long** | ce@long | +1.00 ± 0.00" in forms
    assert "| **ce** | 20.50 (3.00) | 30.50 (3.00) |" in curve and variants.count("@wide") == 1


def test_scores_from_before_the_refit_have_a_table_of_their_own(tmp_path: Path) -> None:
    made = study(folder=str(tmp_path), methods={"ce": [], "ce+centers": ["b=1"], "other": []})
    for run in made.runs():
        high = 20.0 + 5 * (run.method == "ce+centers") + run.seed
        write_metrics(run, (high, 1, 2, 3), {"a": 1.0})
        if run.method != "other":
            path = run.folder / "metrics.json"
            before = {"miou": high / 2, "head": 1.0, "common": 2.0, "tail": None}
            path.write_text(json.dumps({**json.loads(path.read_text()), "before_refit": before}))
        elif run.seed:  # a refit that was worse was not kept
            path = run.folder / "metrics.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), "rejected_refit": {"miou": 3.0}}))
    table = collect(made)
    assert table.before_refit().methods() == ["other", "ce+centers", "ce"]
    assert (
        table.before_refit().statistics("other")["miou"][0] == 21
        and table.before_refit().statistics("ce")["miou"][0] == 10.25
    )
    text = markdown(table, "", "")
    after, before = text.split("## With the classifier as it was trained")
    before, whole = before.split("### Whole recipes, refit included, against ce without it")
    assert "| **ce+centers** | ce | +5.00 ± 0.00" in after and "| **ce+centers** | ce | +2.50 ± 0.00" in before
    assert (
        re.search(r"\*\*ce\+centers\*\* \| ce \| \+15\.25 ± .* \| – \|$", whole, re.MULTILINE)
        and text.count("paired t-test") == 1
    )
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert rows[0]["before_refit_miou"] == "10" and rows[4]["before_refit_miou"] == "" and "nan" not in text


def test_a_folder_of_other_overrides_is_refused(tmp_path: Path) -> None:
    run = study(folder=str(tmp_path)).runs()[0]
    assert not is_done(run)
    run.folder.mkdir(parents=True)
    (run.folder / "study.json").write_text(json.dumps({"overrides": list(run.overrides)}))
    assert not is_done(run)
    other = study(folder=str(tmp_path), common=["a=2"]).runs()[0]
    with raises("other-settings", "a=1", "a=2", "seed0"):
        is_done(other)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "damaged-file"),
        ("[]", "malformed"),
        ("{}", "malformed"),
        ('{"overrides": 3}', "malformed"),
        ("[" * 100_000, "too-large"),
    ],
)
def test_a_folder_that_says_nonsense_of_itself_gets_a_line(tmp_path: Path, text: str, code: str) -> None:
    run = study(folder=str(tmp_path)).runs()[0]
    run.folder.mkdir(parents=True)
    (run.folder / "study.json").write_text(text)
    with raises(code, run.folder / "study.json", "remove"):
        is_done(run)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"miou": [1]}', '{"miou": 1, "head": 1, "common": 1, "tail": 1, "seconds": 3}']
)
def test_metrics_that_are_none_get_a_line(tmp_path: Path, text: str) -> None:
    run = study(folder=str(tmp_path)).runs()[0]
    run.folder.mkdir(parents=True)
    (run.folder / "metrics.json").write_text(text)
    code = "damaged-file" if text == "{" else "malformed"
    with raises(code, run.folder / "metrics.json", "remove"):
        Record(tmp_path / "out.jsonl").add(run)


@pytest.mark.parametrize(
    "line",
    ["{", "3", "[]", "{}", '{"overrides": [], "seed": 0}', '{"overrides": [[1]], "seed": 0, "values": {}, "per_class": {}}',
     '{"overrides": [], "seed": 0, "values": {"miou": "x"}, "per_class": {}, "model": "", "steps": 0}', "[" * 100_000,
     '{"overrides": [], "seed": 0, "values": {"miou": 1.0}, "per_class": {}, "model": "", "steps": 0}', "\xff\xfe"],
)  # fmt: skip
def test_a_record_that_is_none_gets_a_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "out.jsonl").write_text(f"{line}\n", encoding="latin-1")
    with raises("too-large" if line[0] == "[" and len(line) > 9 else "damaged-file", "out.jsonl", "line 1", "restore"):
        Record(tmp_path / "out.jsonl")


def test_two_studies_share_a_record(tmp_path: Path) -> None:
    both = [Run(name, 0, tmp_path / name / "seed0", (f"a={name}",)) for name in ("one", "two")]
    records = [Record(tmp_path / "out" / "results.jsonl") for _ in both]
    for record, run in zip(records, both):
        write_metrics(run, (1, 2, 3, 4), {"a": 1.0})
        assert record.add(run)
    assert all(run in Record(tmp_path / "out" / "results.jsonl") for run in both)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.jsonl"]


def test_a_run_that_fails_is_reported_with_its_reason(tmp_path: Path) -> None:
    made = study(folder=str(tmp_path), common=["dataset=nothing"], methods={"ce": []}, seeds=[0])
    reports: list[str] = []
    failed = run_all(made.runs(), 1, 1, lambda run, seconds, outcome: reports.append(outcome))
    assert [run.method for run in failed] == ["ce"]
    assert "nothing" in reports[0] and "log.txt" in reports[0]


@pytest.mark.slow
def test_the_command_runs_resumes_and_writes(tmp_path: Path) -> None:
    arguments = [
        "experiment=smoke", "seeds=[0]", "processes=2",
        "common=['data_root=rooms','dataset.prepare.train=2','dataset.prepare.val=1','dataset.voxel_size=0.3',"
        "'trainer.max_epochs=1','trainer.check_val_every_n_epoch=1','workers=0','logger=none','refit=none']",
    ]  # fmt: skip
    with forks() as process:
        first = process.run("pointnc.study", *arguments, folder=tmp_path)
        assert first.code == 0, first.out + first.err
    out = tmp_path / "studies" / "smoke"
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert [row["method"] for row in rows] == ["ce", "balanced_softmax"]
    assert (out / "results.png").stat().st_size > 5000 and "balanced_softmax" in (out / "results.md").read_text()
    before = (out / "ce" / "seed0" / "metrics.json").stat().st_mtime_ns
    again = commands.run("pointnc.study", *arguments, "only=[ce]", folder=tmp_path)
    assert "1 runs, 1 done" in again.stdout
    assert (out / "ce" / "seed0" / "metrics.json").stat().st_mtime_ns == before
