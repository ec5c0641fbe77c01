"""What a scene store holds: imbalance, groups, what occurs together."""
