"""Neural collapse: frames, class centers, the center regularizer and the measures. Needs torch only."""

from pointnc.collapse.centers import CenterBank, batch_centers
from pointnc.collapse.frames import SimplexETF, SpreadFrame, build_frame
from pointnc.collapse.lower_bounds import cosine_bound, largest_cosine, welch_bound
from pointnc.collapse.measures import SimplexDistance, center_distance, cosine_matrix, simplex_distance
from pointnc.collapse.nearest import NearestCenter
from pointnc.collapse.observer import CenterObserver
from pointnc.collapse.projector import Projector
from pointnc.collapse.regions import RegionRebalance
from pointnc.collapse.regularizer import CenterRegularizer
from pointnc.collapse.scatter import ClassScatter
from pointnc.collapse.spread import minimize_largest_cosine, spread_frame
from pointnc.collapse.summary import collapse_measures

__all__ = [
    "CenterBank",
    "CenterObserver",
    "CenterRegularizer",
    "ClassScatter",
    "NearestCenter",
    "Projector",
    "RegionRebalance",
    "SimplexDistance",
    "SimplexETF",
    "SpreadFrame",
    "batch_centers",
    "build_frame",
    "center_distance",
    "collapse_measures",
    "cosine_bound",
    "cosine_matrix",
    "largest_cosine",
    "minimize_largest_cosine",
    "simplex_distance",
    "spread_frame",
    "welch_bound",
]
