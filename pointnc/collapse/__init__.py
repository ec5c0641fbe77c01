"""Neural collapse: frames, class centres, the centre regulariser and the measures. Needs torch only."""

from pointnc.collapse.centers import CenterBank, batch_centers
from pointnc.collapse.frames import SimplexETF
from pointnc.collapse.measures import SimplexDistance, center_distance, cosine_matrix, simplex_distance
from pointnc.collapse.nearest import NearestCenter
from pointnc.collapse.projector import Projector
from pointnc.collapse.regularizer import CenterObserver, CenterRegularizer
from pointnc.collapse.scatter import ClassScatter
from pointnc.collapse.summary import collapse_measures

__all__ = [
    "CenterBank",
    "CenterObserver",
    "CenterRegularizer",
    "ClassScatter",
    "NearestCenter",
    "Projector",
    "SimplexDistance",
    "SimplexETF",
    "batch_centers",
    "center_distance",
    "collapse_measures",
    "cosine_matrix",
    "simplex_distance",
]
