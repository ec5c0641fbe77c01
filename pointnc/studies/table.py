"""The results of a study: one row a run, mean and deviation of each method, tests against the baseline."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pointnc.scenes.taxonomy import SCORES
from pointnc.studies.plan import Study
from pointnc.studies.record import BEFORE, Record, Result, has_metrics, read_metrics


@dataclass(frozen=True)
class Comparison:
    """A method against another one.

    Attributes:
        method: its name.
        difference: score to mean difference over the seeds that both have.
        deviation: score to sample standard deviation of that difference over the seeds; NaN for fewer than two.
        p_seeds: score to two-sided p of the paired t-test over those seeds; NaN for fewer than two.
        p_classes: two-sided p of Wilcoxon's signed-rank test over the classes' IoU, each averaged over its seeds.
    """

    method: str
    difference: dict[str, float]
    deviation: dict[str, float]
    p_seeds: dict[str, float]
    p_classes: float


@dataclass(frozen=True)
class Table:
    """All results of a study."""

    study: Study
    results: list[Result]

    @property
    def columns(self) -> list[str]:
        """The names of the figures, those of neural collapse last."""
        return list(dict.fromkeys(name for result in self.results for name in result.values))

    def of(self, method: str) -> list[Result]:
        """Return a method's results in the order of their seeds."""
        return sorted((result for result in self.results if result.method == method), key=lambda result: result.seed)

    def methods(self) -> list[str]:
        """Return the methods that have results, best mIoU first."""
        present = [name for name in self.study.methods if self.of(name)]
        means = {name: self.statistics(name)["miou"][0] for name in present}
        return sorted(present, key=lambda name: (math.isnan(means[name]), -means[name]))

    def parted(self) -> tuple[list[str], list[str]]:
        """Return the methods of the common network and budget, and the variants of these; best mIoU first."""
        names = self.methods()
        return [name for name in names if "@" not in name], [name for name in names if "@" in name]

    def statistics(self, method: str) -> dict[str, tuple[float, float]]:
        """Return mean and sample standard deviation over the seeds of each figure."""
        found = {}
        for name in self.columns:
            values = np.array([result.values.get(name, math.nan) for result in self.of(method)])
            values = values[~np.isnan(values)]
            mean = float(values.mean()) if len(values) else math.nan
            found[name] = (mean, float(values.std(ddof=1)) if len(values) > 1 else math.nan)
        return found

    def before_refit(self) -> Table:
        """Return the scores of the runs from before their classifier was fitted again, of those that have done so."""
        return replace(
            self,
            results=[
                replace(one, values={name: one.values[f"{BEFORE}{name}"] for name in SCORES}, per_class={})
                for one in self.results
                if f"{BEFORE}miou" in one.values
            ],
        )

    def curve(self, method: str) -> dict[int, dict[str, float]]:
        """Return the mean scores of a method and of its variants that differ in the budget alone, by steps."""
        own = self.of(method)
        model = own[0].model if own else ""
        same = [one for one in self.results if one.method.partition("@")[0] == method and one.model == model]
        return {
            steps: {name: float(np.mean([one.values[name] for one in same if one.steps == steps])) for name in SCORES}
            for steps in sorted({one.steps for one in same})
        }

    def compare(self, method: str, against: str) -> Comparison:
        """Test a method against another one."""
        ours = {result.seed: result for result in self.of(method)}
        theirs = {result.seed: result for result in self.of(against)}
        seeds = sorted(set(ours) & set(theirs))
        difference, deviation, p_seeds = {}, {}, {}
        for name in SCORES:
            gains = np.array([ours[seed].values[name] - theirs[seed].values[name] for seed in seeds])
            gains = gains[~np.isnan(gains)]
            difference[name] = float(gains.mean()) if len(gains) else math.nan
            deviation[name] = float(gains.std(ddof=1)) if len(gains) > 1 else math.nan
            p_seeds[name] = _paired_t(gains)
        classes = sorted({name for result in (*ours.values(), *theirs.values()) for name in result.per_class})
        gains = np.array(
            [
                np.mean([ours[seed].per_class.get(name, 0.0) - theirs[seed].per_class.get(name, 0.0) for seed in seeds])
                for name in classes
            ]
            if seeds
            else []
        )
        return Comparison(method, difference, deviation, p_seeds, _signed_rank(gains))

    def csv(self) -> str:
        """Return one row a run: method (without what stands behind an @), model, seed, steps, then the figures."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["method", "model", "seed", "steps", *self.columns])
        order = {name: number for number, name in enumerate(self.study.methods)}
        for result in sorted(self.results, key=lambda result: (order[result.method], result.seed)):
            figures = (result.values.get(name, math.nan) for name in self.columns)
            name = result.method.partition("@")[0]
            known = (name, result.model, result.seed, result.steps or "")
            writer.writerow([*known, *("" if math.isnan(v) else f"{v:.6g}" for v in figures)])
        return stream.getvalue()


def collect(study: Study, record: Record | None = None) -> Table:
    """Return what runs that are done have reached, as a record says or, where it does not know them, their folders."""
    results = []
    for run in study.runs():
        if record is not None and (result := record.result(run)) is not None:
            results.append(result)
        elif has_metrics(run):
            results.append(read_metrics(run))
    return Table(study, results)


def _paired_t(gains: NDArray[np.float64]) -> float:
    from scipy.stats import ttest_1samp

    if len(gains) < 2 or not gains.std():
        return math.nan
    return float(ttest_1samp(gains, 0).pvalue)


def _signed_rank(gains: NDArray[np.float64]) -> float:
    from scipy.stats import wilcoxon

    return float(wilcoxon(gains).pvalue) if np.count_nonzero(gains) else math.nan
