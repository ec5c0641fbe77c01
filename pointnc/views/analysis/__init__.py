"""The analysis page: geometry of the classes, contact in the scenes, confusion, frequency; of one or two networks."""

from pointnc.views.analysis.content import Analysis, ClosePair, Network
from pointnc.views.analysis.figures import Bin
from pointnc.views.analysis.writing import render_analysis, write_analysis

__all__ = ["Analysis", "Bin", "ClosePair", "Network", "render_analysis", "write_analysis"]
