"""Per-point losses and the answers to imbalance."""
