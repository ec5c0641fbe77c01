"""Changes of color. A changed color is float32 and stays in [0, 255]; a scene without colors stays as it is."""

from __future__ import annotations

import numpy as np

from pointnc.data.transforms.columns import by_column
from pointnc.scenes import Scene


class ChromaticAutoContrast:
    """Blends the colors with their stretch to the full range, channel by channel.

    Args:
        p: how likely the change is.
        blend: weight of the stretched colors in [0, 1]; None draws it uniformly.
    """

    def __init__(self, p: float = 0.2, blend: float | None = None) -> None:
        self.p, self.blend = p, blend

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the scene with more contrast."""
        if scene.color is None or rng.random() >= self.p:
            return scene
        blend = rng.random() if self.blend is None else self.blend
        channels = [scene.color[:, channel] for channel in range(3)]
        low, high = np.array([[c.min(), c.max()] for c in channels], np.float32).T
        # A channel of one value cannot be stretched; it stays.
        stretch = np.where(high > low, 255 / np.maximum(high - low, 1e-6), 1).astype(np.float32)
        start = np.where(high > low, low, 0).astype(np.float32)
        # (1 - b)·c + b·(c - low)·s, gathered into one product and one sum.
        color = by_column(np.multiply, scene.color, 1 - blend + blend * stretch)
        color = by_column(np.subtract, color, blend * start * stretch)
        return scene.replace(color=np.clip(color, 0, 255, out=color))


class ChromaticTranslation:
    """Adds one random color to all points.

    Args:
        p: how likely the change is.
        ratio: greatest shift of a channel as a share of 255.
    """

    def __init__(self, p: float = 0.95, ratio: float = 0.05) -> None:
        self.p, self.ratio = p, ratio

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the scene with a tint."""
        if scene.color is None or rng.random() >= self.p:
            return scene
        color = by_column(np.add, scene.color, rng.uniform(-255 * self.ratio, 255 * self.ratio, 3))
        return scene.replace(color=np.clip(color, 0, 255, out=color))


class ChromaticJitter:
    """Adds Gaussian noise to every channel of every point.

    Args:
        p: how likely the change is.
        sigma: standard deviation as a share of 255.
    """

    def __init__(self, p: float = 0.95, sigma: float = 0.05) -> None:
        self.p, self.sigma = p, sigma

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Return the scene with noisy colors."""
        if scene.color is None or rng.random() >= self.p:
            return scene
        color = rng.standard_normal(scene.color.shape, np.float32)
        color *= np.float32(255 * self.sigma)
        color += scene.color
        return scene.replace(color=np.clip(color, 0, 255, out=color))
