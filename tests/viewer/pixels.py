"""What the eye would look for in pictures of the page."""

import numpy as np

STAGE = (slice(124, 500), slice(0, 530))
"""The part of the page that shows nothing but the scene."""
LIGHT = np.array([243, 243, 240])


def covered(picture: np.ndarray) -> np.ndarray:
    """(H, W) where the stage shows something else than its ground."""
    return (np.abs(picture[STAGE].astype(int) - LIGHT) > 6).any(-1)


def near(picture: np.ndarray, color: tuple[int, int, int], tolerance: float = 0.12) -> int:
    """How many pixels have the hue of a color, whatever the shade."""
    seen = picture.reshape(-1, 3).astype(float)
    unit = np.array(color) / np.linalg.norm(color)
    length = np.linalg.norm(seen, axis=1)
    cosine = seen @ unit / np.maximum(length, 1)
    return int(((cosine > 1 - tolerance**2 / 2) & (length > 60)).sum())
