"""Changes of color: device versions of :mod:`pointnc.data.transforms.color`. Scenes without colors draw nothing."""

from __future__ import annotations

import numpy as np
import torch

from pointnc.data.device.points import PointBatch
from pointnc.data.device.step import Draw, Parameters
from pointnc.data.transforms import color


class ChromaticAutoContrast:
    """Device version of :class:`~pointnc.data.transforms.ChromaticAutoContrast`."""

    def __init__(self, host: color.ChromaticAutoContrast) -> None:
        self.p, self.blend = host.p, host.blend

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw the weights (2,) of the colors and of the stretched colors."""
        if not colored or rng.random() >= self.p:
            return Draw(length, False, np.array([1, 0], np.float32))
        blend = rng.random() if self.blend is None else self.blend
        return Draw(length, values=np.array([1 - blend, blend], np.float32))

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the scenes with more contrast."""
        if points.color is None or parameters.values is None:
            return points
        before = points.color.float()
        low, high = points.layout.extremes(before)
        full = torch.full_like(low, 255)  # a tensor: a device multiplies by the reciprocal of a plain number
        stretch = torch.where(high > low, full / (high - low).clamp(min=1e-6), 1.0)
        start = torch.where(high > low, low, 0.0)
        keep, blend = parameters.values[:, :1], parameters.values[:, 1:]
        changed = before * points.spread(keep + blend * stretch) - points.spread(blend * start * stretch)
        return points.replace(color=parameters.only_chosen(points, changed.clamp_(0, 255), before))


class ChromaticTranslation:
    """Device version of :class:`~pointnc.data.transforms.ChromaticTranslation`."""

    def __init__(self, host: color.ChromaticTranslation) -> None:
        self.p, self.ratio = host.p, host.ratio

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw a (3,) shift."""
        if not colored or rng.random() >= self.p:
            return Draw(length, False, np.zeros(3, np.float32))
        return Draw(length, values=rng.uniform(-255 * self.ratio, 255 * self.ratio, 3).astype(np.float32))

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the scenes with a tint."""
        if points.color is None or parameters.values is None:
            return points
        before = points.color.float()
        changed = (before + points.spread(parameters.values)).clamp_(0, 255)
        return points.replace(color=parameters.only_chosen(points, changed, before))


class ChromaticJitter:
    """Device version of :class:`~pointnc.data.transforms.ChromaticJitter`; the noise comes from the host."""

    def __init__(self, host: color.ChromaticJitter) -> None:
        self.p, self.sigma = host.p, host.sigma

    def draw(self, length: int, colored: bool, rng: np.random.Generator) -> Draw:
        """Draw (N, 3) unit noise."""
        if not colored or rng.random() >= self.p:
            return Draw(length, False, rows=np.zeros((length, 3), np.float32))
        return Draw(length, rows=rng.standard_normal((length, 3), np.float32))

    def __call__(self, points: PointBatch, parameters: Parameters) -> PointBatch:
        """Return the scenes with noisy colors."""
        if points.color is None or parameters.rows is None:
            return points
        before = points.color.float()
        changed = (parameters.rows * (255 * self.sigma)).add_(before).clamp_(0, 255)
        return points.replace(color=parameters.only_chosen(points, changed, before))
