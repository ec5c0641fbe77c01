"""Labels for anybody's point clouds: files of any size and format in, the same files with labels out."""

from pointnc.clouds.conditions import Conditions
from pointnc.prediction.labeling import Outcome, label_file

__all__ = ["Conditions", "Outcome", "label_file"]
