"""Confusion counts and the tables made of them, under named conventions."""

from pointnc.scoring.confusion import ConfusionMatrix, confusion
from pointnc.scoring.tables import CONVENTIONS, Scores, majority_score, score
from pointnc.scoring.terminal import scores_table

__all__ = ["CONVENTIONS", "ConfusionMatrix", "Scores", "confusion", "majority_score", "score", "scores_table"]
