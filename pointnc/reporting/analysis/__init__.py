"""The analysis page: regularizer, geometry, contact in the scenes, confusion, frequency; of up to three networks."""

from pointnc.reporting.analysis.content import Analysis, ClosePair, Diagnosis, Network
from pointnc.reporting.analysis.figures import Bin
from pointnc.reporting.analysis.writing import render_analysis, write_analysis

__all__ = ["Analysis", "Bin", "ClosePair", "Diagnosis", "Network", "render_analysis", "write_analysis"]
