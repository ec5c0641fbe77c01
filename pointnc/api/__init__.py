"""What a script or a notebook calls; ``import pointnc`` offers it, and imports this when it is used first."""

from pointnc.api.looking import View, visualize
from pointnc.api.model import Model, load
from pointnc.api.result import Result
from pointnc.api.scoring import evaluate

__all__ = ["Model", "Result", "View", "evaluate", "load", "visualize"]
