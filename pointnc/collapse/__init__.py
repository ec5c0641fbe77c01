"""Neural collapse: frames, class centres, the centre regulariser and the measures. Needs torch only."""

from pointnc.collapse.centers import CenterBank, batch_centers
from pointnc.collapse.frames import SimplexETF
from pointnc.collapse.measures import SimplexDistance, center_distance, cosine_matrix, simplex_distance
from pointnc.collapse.projector import Projector
from pointnc.collapse.regularizer import CenterObserver, CenterRegularizer

__all__ = [
    "CenterBank",
    "CenterObserver",
    "CenterRegularizer",
    "Projector",
    "SimplexDistance",
    "SimplexETF",
    "batch_centers",
    "center_distance",
    "cosine_matrix",
    "simplex_distance",
]
