"""Pictures: report page, rendered scenes, plots."""

from pointnc.views.pictures import SceneView, montage, scene_pictures, write_png
from pointnc.views.render import render_points
from pointnc.views.report import Report, write_report

__all__ = ["Report", "SceneView", "montage", "render_points", "scene_pictures", "write_png", "write_report"]
