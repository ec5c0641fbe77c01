"""Classification heads: from features to logits."""

from torch import nn


class LinearHead(nn.Linear):
    """One linear map from (V, D) features to (V, K) logits.

    Its ``weight`` (K, D) holds the classifier vectors whose geometry neural collapse speaks of; ``bias`` is (K,).

    Args:
        in_channels: D.
        num_classes: K.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
