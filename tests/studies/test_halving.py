"""Successive halving: rounds, gains over the own recipe, who goes on; and the record that other machines read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from pointnc.studies import Run, collect, read_study
from pointnc.studies.halving import Rung, gains, read_rungs, survivors
from pointnc.studies.plan import Study, is_form, recipe_of
from pointnc.studies.record import Record
from pointnc.studies.writing import search_markdown
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake, raises
from tests.robustness.forks import forks
from tests.studies.test_study import write_metrics

RUNGS = [
    {"name": "short", "overrides": ["x=1"], "seeds": [0], "keep": 2, "noise": 0.5},
    {"name": "long", "overrides": ["x=5"], "seeds": [0, 1], "keep": 1, "noise": 0.0},
]
METHODS = {"ce": [], "neck": ["n=1"], "ce+a": ["a=1"], "neck+a": ["n=1", "a=1"], "neck+b": ["b=1"], "neck+c": ["c=1"]}


def config(tmp_path: Path, **changes: Any) -> Any:
    base = {"title": "T", "notes": "Read this.", "baseline": "ce", "common": ["z=0"], "methods": METHODS, "seeds": [0],
            "folder": str(tmp_path), "only": None, "rungs": RUNGS}  # fmt: skip
    return OmegaConf.create({**base, **changes})


def search(tmp_path: Path, **changes: Any) -> tuple[Study, list[Rung]]:
    made = config(tmp_path, **changes)
    study = read_study(made)
    return study, read_rungs(made, study)


def reach(study: Study, scores: dict[str, float]) -> None:
    for one in study.runs():
        if one.method in scores:
            write_metrics(one, (scores[one.method] + one.seed, 0, 0, 2 * scores[one.method]), {"a": 1.0})


def test_a_round_has_its_forms_and_the_recipes_they_are_judged_against(tmp_path: Path) -> None:
    study, (short, long) = search(tmp_path)
    assert list(short.study(study, ["neck+b"]).methods) == ["neck", "neck+b"]
    runs = long.study(study, ["ce+a"]).runs()
    assert [(r.method, r.seed) for r in runs] == [("ce", 0), ("ce+a", 0), ("ce", 1), ("ce+a", 1)]
    assert runs[1].overrides == ("z=0", "x=5", "a=1") and runs[1].folder == tmp_path / "long" / "ce+a" / "seed0"


def test_forms_are_ranked_by_what_they_gain_over_their_own_recipe(tmp_path: Path) -> None:
    study, (short, long) = search(tmp_path)
    forms = [name for name in study.methods if is_form(name)]
    first = short.study(study, forms)
    reach(first, {"ce": 20.0, "neck": 10.0, "ce+a": 20.2, "neck+a": 12.0, "neck+b": 9.9, "neck+c": 11.0})
    table = collect(first)
    assert gains(table, "neck+a") == pytest.approx({"miou": 2.0, "head": 0, "common": 0, "tail": 4.0})
    assert survivors(table, short) == ["neck+a", "neck+c"]
    assert survivors(table, Rung("s", (), (0,), 2, 0.9)) == ["neck+a", "neck+c", "ce+a"]  # within the noise of the last
    second = long.study(study, survivors(table, short))
    reach(second, {"neck": 10.0, "neck+a": 10.1})  # the other one failed
    table = collect(second)
    assert math.isnan(gains(table, "neck+c")["miou"]) and survivors(table, long) == ["neck+a"]
    text = search_markdown(study, [(short, collect(first)), (long, table)], "the command")
    assert "## short" in text and "| **neck+a** | 1 | 12.00 |" in text and "+2.00 | +4.00 | yes |" in text
    assert "Read this." in text and "the command" in text and "nan" not in text


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"methods": {"ce": [], "neck+a": []}}, ("option", "methods.neck+a", "methods.neck")),
        ({"methods": {"ce": [], "other": []}}, ("option", "rungs", "RECIPE+FORM")),
        ({"rungs": [{"name": "x"}]}, ("option", "name, overrides, seeds, keep", "rungs[0]")),
        ({"rungs": [{**RUNGS[0], "keep": 0}]}, ("option", "rungs[0]", "keep")),
        ({"rungs": [{**RUNGS[0], "name": "../../x"}]}, ("bad-name", "rungs[0].name=../../x")),
        ({"rungs": [{**RUNGS[0], "seeds": [-1]}]}, ("option", "rungs[0].seeds=[-1]")),
        ({"rungs": [{**RUNGS[0], "seeds": [0, 0]}]}, ("ambiguous", "rungs[0].seeds=[0, 0]")),
        ({"rungs": [{**RUNGS[0], "overrides": "x=1"}]}, ("option", "rungs[0].overrides", "loss=focal")),
    ],
)
def test_bad_searches_get_a_line(changes: dict[str, Any], mistake: tuple[str, ...], tmp_path: Path) -> None:
    with raises(*mistake):
        search(tmp_path, **changes)


def test_names_say_what_belongs_together() -> None:
    assert recipe_of("ce_neck+share+late") == "ce_neck" and recipe_of("ce") == "ce"
    assert is_form("a+b") and not is_form("a")


def test_a_record_knows_runs_that_were_made_elsewhere(tmp_path: Path) -> None:
    here = Run("m", 1, tmp_path / "here", ("a=1", "b=2"))
    record = Record(tmp_path / "r.jsonl")
    assert here not in record and not record.add(here)
    write_metrics(here, (10.0, 20.0, 5.0, None), {"a": 1.23456})
    metrics = json.loads((here.folder / "metrics.json").read_text())
    (here.folder / "metrics.json").write_text(json.dumps({**metrics, "model": "tiny", "steps": 500}))
    assert record.add(here)
    elsewhere = Run("renamed", 1, tmp_path / "nowhere", ("a=1", "b=2"))
    again = Record(tmp_path / "r.jsonl")
    assert elsewhere in again
    result = again.result(elsewhere)
    assert result is not None and (result.method, result.model, result.steps) == ("renamed", "tiny", 500)
    assert result.values["miou"] == 10.0 and math.isnan(result.values["tail"]) and result.per_class == {"a": 1.235}
    for other in (Run("m", 2, here.folder, here.overrides), Run("m", 1, here.folder, ("a=1",))):
        assert other not in again and again.result(other) is None


def test_a_study_counts_what_is_recorded_as_done(tmp_path: Path) -> None:
    study = read_study(config(tmp_path / "there", methods={"ce": []}))
    reach(study, {"ce": 12.0})
    record = Record(tmp_path / "r.jsonl")
    record.add(study.runs()[0])
    moved = read_study(config(tmp_path / "elsewhere", methods={"ce": []}))
    assert collect(moved, Record(tmp_path / "r.jsonl")).of("ce")[0].values["miou"] == 12.0
    write_metrics(Run("ce", 0, moved.runs()[0].folder, ("other=1",)), (11.0, 0, 0, 0), {})  # a folder of something else
    assert collect(moved, Record(tmp_path / "r.jsonl")).of("ce")[0].values["miou"] == 12.0
    moved.runs()[0].folder.rename(tmp_path / "away")
    assert not collect(moved).results


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    scores = '{"miou": 1, "head": 1, "common": 1, "tail": null}'
    whole = f'{{"overrides": ["a=1"], "seed": 0, "values": {scores}, "per_class": {{}}, "model": "", "steps": 0}}'
    (tmp_path / "r.jsonl").write_text(f"{whole}\nnonsense\n")
    with raises("damaged-file", "line 2", "r.jsonl"):
        Record(tmp_path / "r.jsonl")


@pytest.mark.slow
def test_the_command_searches_in_rounds_and_goes_on_from_its_record(tmp_path: Path) -> None:
    common = ["data_root=rooms", "dataset.prepare.train=2", "dataset.prepare.val=1", "dataset.voxel_size=0.3",
              "workers=0", "trainer.check_val_every_n_epoch=1", "logger=none", "refit=none"]  # fmt: skip
    quoted = ",".join(f"'{one}'" for one in common)
    arguments = ["experiment=smoke_search", f"common=[{quoted}]", "folder=search", "out=kept/search", "processes=2"]
    with forks() as process:
        done = process.run("pointnc.study", *arguments, folder=tmp_path)
    assert done.code == 0, done.out + done.err
    assert "one epoch: 3 runs, 0 done" in done.out and "runs, 0 done" in done.out.split("two epochs: ", 1)[1]
    lines = (tmp_path / "kept" / "search.jsonl").read_text().splitlines()
    assert len(lines) in (5, 6)  # equal forms both go on
    text = (tmp_path / "kept" / "search.md").read_text()
    assert "## one epoch" in text and "## two epochs" in text
    (tmp_path / "search").rename(tmp_path / "lost")
    again = run("pointnc.study", *arguments, "collect_only=true", folder=tmp_path)
    assert "3 runs, 3 done" in again.stdout and f"{len(lines) - 3} runs, {len(lines) - 3} done" in again.stdout
    assert (tmp_path / "kept" / "search.md").read_text() == text
    assert_mistake(
        run("pointnc.study", *arguments, "rungs=[{name:x}]", folder=tmp_path, code=2),
        "option",
        "rungs[0]",
        "'overrides'",
    )
