"""Comparisons: methods × seeds, trained with equal budget, in one table."""

from pointnc.studies.plan import Run, Study, read_study
from pointnc.studies.running import run_all
from pointnc.studies.table import Table, collect

__all__ = ["Run", "Study", "Table", "collect", "read_study", "run_all"]
