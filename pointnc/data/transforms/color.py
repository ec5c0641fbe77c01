"""Changes of color. A changed color is float32 and stays in [0, 255]; a scene without colors stays as it is."""

from __future__ import annotations

import numpy as np
import torch

from pointnc.checks import check_number, check_probability
from pointnc.data.transforms.columns import by_column
from pointnc.data.transforms.draws import Draw, Draws, Outline
from pointnc.data.transforms.points import PointBatch
from pointnc.data.transforms.transform import Transform
from pointnc.scenes import Scene


class ChromaticAutoContrast(Transform):
    """Blends the colors with their stretch to the full range, channel by channel.

    Args:
        p: how likely the change is.
        blend: weight of the stretched colors in [0, 1]; None draws it uniformly.
    """

    def __init__(self, p: float = 0.2, blend: float | None = None) -> None:
        check_probability("p", p)
        if blend is not None:
            check_probability("blend", blend)
        self.p, self.blend = p, blend

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw the weights (2,) of the colors and of the stretched colors."""
        if not scene.colored or rng.random() >= self.p:
            return Draw(scene.length, chosen=False)
        blend = rng.random() if self.blend is None else self.blend
        return Draw(scene.length, values=np.array([1 - blend, blend], np.float32))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the scene with more contrast."""
        assert scene.color is not None
        keep, blend = draw.values
        channels = [scene.color[:, channel] for channel in range(3)]
        low, high = np.array([[c.min(), c.max()] for c in channels], np.float32).T
        # A channel of one value cannot be stretched; it stays.
        stretch = np.where(high > low, 255 / np.maximum(high - low, 1e-6), 1).astype(np.float32)
        start = np.where(high > low, low, 0).astype(np.float32)
        # (1 - b)·c + b·(c - low)·s, gathered into one product and one sum.
        color = by_column(np.multiply, scene.color, keep + blend * stretch)
        color = by_column(np.subtract, color, blend * start * stretch)
        return scene.replace(color=np.clip(color, 0, 255, out=color))

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the scenes with more contrast."""
        if points.color is None:
            return points
        before = points.color.float()
        low, high = points.layout.extremes(before)
        full = torch.full_like(low, 255)  # a tensor: a device multiplies by the reciprocal of a plain number
        stretch = torch.where(high > low, full / (high - low).clamp(min=1e-6), 1.0)
        start = torch.where(high > low, low, 0.0)
        keep, blend = draws.values[:, :1], draws.values[:, 1:]
        changed = before * points.spread(keep + blend * stretch) - points.spread(blend * start * stretch)
        return points.replace(color=changed.clamp_(0, 255))


class ChromaticTranslation(Transform):
    """Adds one random color to all points.

    Args:
        p: how likely the change is.
        ratio: greatest shift of a channel as a share of 255.
    """

    def __init__(self, p: float = 0.95, ratio: float = 0.05) -> None:
        check_probability("p", p)
        check_number("ratio", ratio, least=0)
        self.p, self.ratio = p, ratio

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw a (3,) shift."""
        if not scene.colored or rng.random() >= self.p:
            return Draw(scene.length, chosen=False)
        shift = rng.uniform(-255 * self.ratio, 255 * self.ratio, 3)
        return Draw(scene.length, values=shift.astype(np.float32))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the scene with a tint."""
        assert scene.color is not None
        color = by_column(np.add, scene.color, draw.values)
        return scene.replace(color=np.clip(color, 0, 255, out=color))

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the scenes with a tint each."""
        if points.color is None:
            return points
        return points.replace(color=(points.color.float() + points.spread(draws.values)).clamp_(0, 255))


class ChromaticJitter(Transform):
    """Adds Gaussian noise to every channel of every point.

    Args:
        p: how likely the change is.
        sigma: standard deviation as a share of 255.
    """

    def __init__(self, p: float = 0.95, sigma: float = 0.05) -> None:
        check_probability("p", p)
        check_number("sigma", sigma, least=0)
        self.p, self.sigma = p, sigma

    def draw(self, scene: Outline, rng: np.random.Generator) -> Draw:
        """Draw the noise."""
        if not scene.colored or rng.random() >= self.p:
            return Draw(scene.length, chosen=False)
        return Draw(scene.length, noise=rng.standard_normal((scene.length, 3), np.float32))

    def apply(self, scene: Scene, draw: Draw) -> Scene:
        """Return the scene with noisy colors."""
        assert scene.color is not None
        color = draw.noise * np.float32(255 * self.sigma)
        color += scene.color
        return scene.replace(color=np.clip(color, 0, 255, out=color))

    def apply_batch(self, points: PointBatch, draws: Draws) -> PointBatch:
        """Return the scenes with noisy colors."""
        if points.color is None:
            return points
        return points.replace(color=(draws.noise * (255 * self.sigma)).add_(points.color.float()).clamp_(0, 255))
