"""pointnc: 3-D point-cloud segmentation under heavy class imbalance.

Importing the package is cheap: torch, spconv and Lightning are loaded by the rooms that need them.
"""

__version__ = "0.1.0"
