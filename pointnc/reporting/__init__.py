"""Pictures: report page, rendered scenes, plots."""

from pointnc.reporting.pictures import SceneView, montage, scene_pictures, write_png
from pointnc.reporting.render import render_points
from pointnc.reporting.report import Report, write_report

__all__ = ["Report", "SceneView", "montage", "render_points", "scene_pictures", "write_png", "write_report"]
