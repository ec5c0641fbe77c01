"""A trained network over the scenes of a split: opened, let label, counted."""
