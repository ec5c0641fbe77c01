"""pointnc: 3-D point-cloud segmentation under heavy class imbalance.

Importing the package is cheap: torch, spconv and Lightning are loaded by the rooms that need them.
"""

from pointnc import signals

__version__ = "0.2.0"

if signals.is_command():  # at the first moment that is ours; whoever imports the package keeps his handlers
    signals.end_at_once()
