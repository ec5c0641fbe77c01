"""Confusion counts and the tables made of them, under named conventions."""

from pointnc.scoring.confusion import confusion
from pointnc.scoring.tables import CONVENTIONS, Scores, majority_score, score
from pointnc.scoring.terminal import scores_table

__all__ = ["CONVENTIONS", "Scores", "confusion", "majority_score", "score", "scores_table"]
